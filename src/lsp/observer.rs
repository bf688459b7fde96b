//! Turns what a run reports into progress, messages, and our own notifications. Never waits.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use serde_json::json;
use tower_lsp::lsp_types::MessageType;

use super::{convert, outbox::Outbox, progress::Progress, prompt_document::ReplyStream};
use crate::{
    engine::{
        event::{Event, Kind, StepEvent},
        money::{grouped, is_paid, money},
        ports::{Observer, Usage},
    },
    workflow::{
        Status,
        descriptor::{self, StepDescriptor},
    },
};

/// Text goes out at most this often.
const TEXT_PAUSE: Duration = Duration::from_millis(100);

/// Watches one run.
pub struct RunObserver {
    pub outbox: Outbox,
    pub progress: Option<Arc<Progress>>,
    /// The client wants our notifications.
    pub events: bool,
    /// Where the last reply goes while it comes.
    pub reply: Option<Arc<ReplyStream>>,
    pub seen: Mutex<Seen>,
}

/// What the observer remembers.
#[derive(Default)]
pub struct Seen {
    steps: Vec<StepDescriptor>,
    ended: usize,
    /// Where the run is, as it was said last.
    said: String,
    usage: Usage,
    /// Text that waits to go out, of one step.
    text: Option<(u32, String)>,
    text_sent: Option<Instant>,
    /// The run's end, until the run's replies are in their place.
    end: Option<serde_json::Value>,
}

impl Observer for RunObserver {
    fn report(&self, event: &Event) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match &event.kind {
            Kind::Text { step_id, text } => {
                // Of the steps that are known, the last; earlier ones say what isn't shown in the end.
                if let Some(reply) = self.reply.as_ref().filter(|_| *step_id as usize == seen.steps.len()) {
                    reply.push(*step_id, text);
                }
                return self.text(&mut seen, &event.run, *step_id, text);
            }
            Kind::Workflow(descriptor) => seen.steps.clone_from(&descriptor.steps),
            Kind::Step(step) => self.step(&mut seen, step),
            Kind::Waiting { step_id, delay, reason } => {
                let message = format!("{}: waiting {} s, {reason}", seen.title(*step_id), delay.as_secs_f32().ceil());
                self.say(&mut seen, message);
            }
            Kind::Usage(usage) => {
                seen.usage = *usage;
                if is_paid(usage) && !seen.said.is_empty() {
                    let message = seen.said.clone();
                    self.say(&mut seen, message);
                }
            }
            Kind::Warning(message) => self.outbox.message(MessageType::WARNING, message),
            Kind::Edit(_) | Kind::End { .. } => {}
        }
        if !self.events {
            return;
        }
        self.flush(&mut seen, &event.run);
        let Some((name, mut fields)) = event.to_json() else { return };
        if let Kind::End { files, .. } = &event.kind {
            let files = files.iter().map(|outcome| {
                let mut fields = outcome.to_json();
                if let Some(url) = convert::url(&outcome.file) {
                    fields["uri"] = json!(url);
                }
                fields
            });
            fields["files"] = files.collect();
            seen.end = Some(fields);
            return;
        }
        self.outbox.event(name, fields, false);
    }
}

impl RunObserver {
    /// Tells the client of the end: whoever sees it finds everything in its place.
    pub fn tell_end(&self) {
        let end = self.seen.lock().unwrap_or_else(PoisonError::into_inner).end.take();
        if let Some(fields) = end {
            self.outbox.event("end", fields, false);
        }
    }

    fn step(&self, seen: &mut Seen, step: &StepEvent) {
        if step.status.is_final() {
            seen.ended += 1;
        }
        if step.status == Status::InProgress {
            let message = seen.title(step.step_id);
            self.say(seen, message);
        }
    }

    /// With the money so far, where there is any.
    fn say(&self, seen: &mut Seen, message: String) {
        let Some(progress) = &self.progress else { return };
        let percentage = seen.ended * 100 / seen.steps.len().max(1);
        let text = match seen.usage {
            usage if !is_paid(&usage) => message.clone(),
            Usage { cost: Some(cost), .. } => format!("{message} · {}", money(cost)),
            Usage { input, output, .. } => format!("{message} · {} tokens, price unknown", grouped(input + output)),
        };
        seen.said = message;
        progress.report(text, u32::try_from(percentage).unwrap_or(100));
    }

    /// Collects text, so that at most ten notifications a second carry it.
    fn text(&self, seen: &mut Seen, run: &str, step_id: u32, text: &str) {
        if !self.events {
            return;
        }
        if seen.text.as_ref().is_some_and(|(waiting, _)| *waiting != step_id) {
            self.flush(seen, run);
        }
        seen.text.get_or_insert_with(|| (step_id, String::new())).1.push_str(text);
        if seen.text_sent.is_none_or(|sent| sent.elapsed() >= TEXT_PAUSE) {
            self.flush(seen, run);
        }
    }

    fn flush(&self, seen: &mut Seen, run: &str) {
        if let Some((step_id, text)) = seen.text.take() {
            seen.text_sent = Some(Instant::now());
            self.outbox.event("text", json!({ "run": run, "step_id": step_id, "text": text }), true);
        }
    }
}

impl Seen {
    /// "2/5 Writing to File src/store.rs"
    fn title(&self, step_id: u32) -> String {
        descriptor::title(&self.steps, step_id)
    }
}
