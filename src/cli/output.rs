//! How a run looks in a terminal, in a file, and to a program.

use std::{
    collections::BTreeMap,
    io::{IsTerminal, Write},
    sync::{Mutex, PoisonError},
    time::Instant,
};

use crate::{
    engine::{
        event::{Action, Event, Kind, StepEvent},
        money::receipt,
        ports::{Observer, Usage},
    },
    workflow::{
        Status,
        descriptor::{self, StepDescriptor},
    },
};

/// One JSON object a line.
#[derive(Default)]
pub struct Json;

impl Observer for Json {
    fn report(&self, event: &Event) {
        if let Kind::Warning(text) = &event.kind {
            eprintln!("warning: {text}");
        }
        let Some((name, mut fields)) = event.to_json() else { return };
        fields["type"] = name.into();
        // A reader that went away is no reason to lose the run.
        let _ = writeln!(std::io::stdout().lock(), "{fields}");
    }
}

/// A list of steps for a person; live in a terminal, plain lines elsewhere.
pub struct Steps {
    out: Mutex<Box<dyn Write + Send>>,
    live: bool,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    steps: Vec<StepDescriptor>,
    /// Steps under way, with the line that a terminal shows for them.
    active: BTreeMap<u32, (Instant, String)>,
    /// Lines of the terminal that will be drawn again.
    drawn: usize,
    usage: Usage,
}

impl Steps {
    /// On standard output, or on standard error where that is for something else.
    pub fn new(on_stdout: bool) -> Self {
        let (out, live): (Box<dyn Write + Send>, _) = if on_stdout {
            (Box::new(std::io::stdout()), std::io::stdout().is_terminal())
        } else {
            (Box::new(std::io::stderr()), std::io::stderr().is_terminal())
        };
        Self { out: Mutex::new(out), live, seen: Mutex::default() }
    }
}

impl Observer for Steps {
    fn report(&self, event: &Event) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match &event.kind {
            Kind::Workflow(descriptor) => seen.steps.clone_from(&descriptor.steps),
            Kind::Step(step) => self.step(&mut seen, step),
            Kind::Waiting { step_id, delay, reason } => {
                let text =
                    format!("  … {}: waiting {:.0} s, {reason}", seen.title(*step_id), delay.as_secs_f32().ceil());
                match seen.active.get_mut(step_id).filter(|_| self.live) {
                    Some((_, line)) => {
                        *line = text;
                        self.draw(&mut seen, None);
                    }
                    None => self.draw(&mut seen, Some(&text)),
                }
            }
            Kind::Edit(outcome) => {
                let reason = outcome.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
                let mark = if matches!(outcome.action, Action::Created | Action::Changed) { "→" } else { "!" };
                self.draw(
                    &mut seen,
                    Some(&format!("    {mark} {} {}{reason}", outcome.action.name(), outcome.file.name)),
                );
            }
            Kind::Warning(text) => self.draw(&mut seen, Some(&format!("  ! {text}"))),
            Kind::Usage(usage) => seen.usage = *usage,
            Kind::End { status, summary, .. } => {
                let mark = if *status == Status::Finished { "✓" } else { "✗" };
                let text = format!("{mark} {summary}\n  {}", receipt(&seen.usage));
                self.draw(&mut seen, Some(&text));
            }
            Kind::Text { .. } => {}
        }
    }
}

impl Steps {
    fn step(&self, seen: &mut Seen, step: &StepEvent) {
        let title = seen.title(step.step_id);
        let took = seen.active.get(&step.step_id).map(|(since, _)| since.elapsed().as_secs_f32());
        let took = took.map(|seconds| format!(" ({seconds:.1} s)")).unwrap_or_default();
        let line = match step.status {
            Status::InProgress => {
                let line = format!("  … {title}");
                seen.active.insert(step.step_id, (Instant::now(), line.clone()));
                return self.draw(seen, (!self.live).then_some(line.as_str()));
            }
            Status::Pending | Status::Streaming => return,
            Status::Finished => format!("  ✓ {title}{took}"),
            Status::Error => format!("  ✗ {title}{took}: {}", step.error.as_deref().unwrap_or("failed")),
            Status::Cancelled | Status::Skipped | Status::Interrupted => format!("  - {title}: {}", step.status.name()),
        };
        seen.active.remove(&step.step_id);
        self.draw(seen, Some(&line));
    }

    /// Adds a line above those of the steps under way, and draws these again.
    fn draw(&self, seen: &mut Seen, line: Option<&str>) {
        let mut text = String::new();
        if self.live && seen.drawn > 0 {
            text.push_str(&format!("\x1b[{}A\x1b[0J", seen.drawn));
        }
        if let Some(line) = line {
            text.push_str(&visible(line));
            text.push('\n');
        }
        if self.live {
            for (_, active) in seen.active.values() {
                text.push_str(&visible(active));
                text.push('\n');
            }
            seen.drawn = seen.active.len();
        }
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        // A reader that went away is no reason to lose the run.
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }
}

impl Seen {
    fn title(&self, step_id: u32) -> String {
        descriptor::title(&self.steps, step_id)
    }
}

/// Prints to standard output. A reader that went away, as `head` does, is no fault.
pub fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// What a model said must not steer the terminal.
pub fn visible(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' && c != '\t' { '\u{fffd}' } else { c }).collect()
}
