//! Runs as Markdown, as text for a terminal, and as JSON. What models and files said is shown as it is, but can't act: no link, no
//! picture, no end of a fence, no escape sequence, nothing invisible.

use std::{
    fmt::Write,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};

use super::{RequestReport, RunReport, RunSummary, StepReport, record::first_words};
use crate::{
    engine::ports::Usage,
    workflow::{Status, descriptor::display_name},
};

/// Of a run's name, which is random: enough to tell a few thousand apart.
const SHORT_NAME: usize = 8;

/// A run in full.
pub fn run_markdown(report: &RunReport) -> String {
    let summary = &report.summary;
    let mut out = format!("# {}: {}\n\n", escaped(&display_name(&summary.workflow)), state(summary));
    for line in summary.instruction.lines() {
        let _ = writeln!(out, "> {}", escaped(line));
    }
    let (started, took) = (date(summary.started, ' '), words(summary.duration));
    let _ = writeln!(out, "\nRun `{}`, {started} UTC, {took}, {}.", name(&summary.run), tokens(&summary.usage));
    if !summary.summary.is_empty() {
        let _ = writeln!(out, "\n{}.", escaped(&summary.summary).trim_end_matches('.'));
    }
    if !summary.files.is_empty() {
        out.push_str("\n| file | now |\n| --- | --- |\n");
    }
    for file in &summary.files {
        let reason = file.reason.as_ref().map(|reason| format!(": {}", escaped(reason))).unwrap_or_default();
        let _ = writeln!(out, "| {} | {}{reason} |", escaped(&file.file.name), file.action);
    }
    for line in remedies(summary) {
        let _ = writeln!(out, "\n{line}");
    }
    let mut shared = Shared::default();
    out.push_str("\n## Steps\n");
    for step in &report.steps {
        step_markdown(step, &mut shared, &mut out);
    }
    if summary.cleaned {
        out.push_str("\nPrompts, answers and file contents of this run were removed to save space.\n");
    }
    for (number, text) in (1..).zip(&shared.documents) {
        let _ = write!(out, "\n## Documents {number}\n\n{}", fenced("", text));
    }
    let system = report.steps.iter().flat_map(|step| &step.requests).map(|request| &request.system);
    if let Some(system) = system.into_iter().find(|system| !system.is_empty()) {
        let _ = write!(out, "\n## Rules\n\nSaid to the model before every prompt.\n\n{}", fenced("", system));
    }
    out
}

/// All runs, newest first.
pub fn runs_markdown(runs: &[RunSummary]) -> String {
    let mut out = "# Runs\n\n".to_owned();
    if runs.is_empty() {
        out.push_str("Nothing was run here yet.\n");
        return out;
    }
    out.push_str("| run | started (UTC) | workflow | status | time | cost | files | instruction |\n");
    out.push_str("| --- | --- | --- | --- | --- | --- | --- | --- |\n");
    for run in runs {
        let cells = cells(run, &shown_name(runs, run)).map(|cell| escaped(&cell));
        let _ = writeln!(out, "| {} |", cells.join(" | "));
    }
    out.push_str("\n`stepwright history RUN` shows one of them with its prompts and answers.\n");
    out
}

/// All runs, newest first, a line each.
pub fn runs_text(runs: &[RunSummary]) -> String {
    let heads = ["RUN", "STARTED (UTC)", "WORKFLOW", "STATUS", "TIME", "COST", "FILES", "INSTRUCTION"];
    let mut rows = vec![heads.map(str::to_owned)];
    rows.extend(runs.iter().map(|run| cells(run, &shown_name(runs, run)).map(|cell| visible(&cell))));
    let widths: Vec<_> = (0..heads.len()).map(|at| rows.iter().map(|row| row[at].chars().count()).max()).collect();
    let mut out = String::new();
    for row in rows {
        let line: String = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}  ", width = width.unwrap_or(0)))
            .collect();
        let _ = writeln!(out, "{}", line.trim_end());
    }
    out
}

/// All runs in the contract's form.
pub fn runs_json(runs: &[RunSummary]) -> String {
    print(&runs.iter().map(summary_json).collect())
}

/// A run in the contract's form.
pub fn run_json(report: &RunReport) -> String {
    let mut run = summary_json(&report.summary);
    let step = |step: &StepReport| {
        let request = step.requests.first();
        json!({
            "step_id": step.step_id,
            "module": step.module,
            "status": step.status,
            "prompt": request.map(|request| join(&request.shared, &request.prompt)),
            "response": step.response,
            "error": step.error,
            "requests": step.requests.len(),
            "duration_s": seconds(step.duration),
            "input_tokens": step.usage.input,
            "output_tokens": step.usage.output,
            "cost_usd": step.usage.cost,
        })
    };
    run["steps"] = report.steps.iter().map(step).collect();
    print(&run)
}

/// A block of text that nothing in it can end.
pub fn fenced(language: &str, text: &str) -> String {
    let text = visible(text);
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat((longest + 1).max(3));
    let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    format!("{fence}{language}\n{text}{end}{fence}\n")
}

/// Text within a line of Markdown, where it means nothing but itself.
pub fn escaped(text: &str) -> String {
    let mut out = String::new();
    let line = text.split(['\n', '\r']).map(str::trim).collect::<Vec<_>>().join(" ");
    for c in visible(line.trim()).chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '&' => out.push_str("&amp;"),
            // Addresses become links by themselves.
            ':' if out.ends_with("http") || out.ends_with("https") => out.push_str("&#58;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '|' | '~' | '!' => {
                // In the middle of a word they mean nothing, and names are easier to read without.
                let middle = c == '_' && out.chars().next_back().is_some_and(char::is_alphanumeric);
                if !middle {
                    out.push('\\');
                }
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

/// Shows what would otherwise steer a terminal, turn text around, or not be seen.
pub fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hidden(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

fn is_hidden(c: char) -> bool {
    (c.is_control() && c != '\n' && c != '\t')
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

/// Documents that several requests have in common are shown once.
#[derive(Default)]
struct Shared {
    documents: Vec<Arc<str>>,
}

impl Shared {
    fn number(&mut self, text: &Arc<str>) -> usize {
        let known = self.documents.iter().position(|known| Arc::ptr_eq(known, text));
        known.unwrap_or_else(|| {
            self.documents.push(text.clone());
            self.documents.len() - 1
        }) + 1
    }
}

fn step_markdown(step: &StepReport, shared: &mut Shared, out: &mut String) {
    let mut heading = format!("{}. {}: {}", step.step_id, escaped(&step.module), step.status.name());
    if step.duration >= Duration::from_millis(1) {
        let _ = write!(heading, ", {}", words(step.duration));
    }
    if step.usage != Usage::default() {
        let _ = write!(heading, ", {}", tokens(&step.usage));
    }
    let _ = writeln!(out, "\n### {heading}");
    if let Some(error) = &step.error {
        let _ = writeln!(out, "\n{}", escaped(error));
    }
    let many = step.requests.len() > 1;
    for (number, RequestReport { shared: documents, prompt, answer, .. }) in (1..).zip(&step.requests) {
        let number = if many { format!(" {number}") } else { String::new() };
        if !prompt.is_empty() || !documents.is_empty() {
            let _ = writeln!(out, "\n#### Prompt{number}\n");
            if !documents.is_empty() {
                let _ =
                    writeln!(out, "After [documents {0}](#documents-{0}), further below:\n", shared.number(documents));
            }
            out.push_str(&fenced("", prompt));
        }
        if let Some(answer) = answer {
            let _ = write!(out, "\n#### Answer{number}\n\n{}", fenced("", answer));
        }
    }
    let last = step.requests.last().and_then(|request| request.answer.as_deref()).map(str::trim);
    if let Some(response) = step.response.as_ref().filter(|response| Some(response.trim()) != last) {
        let _ = write!(out, "\n#### Result\n\n{}", fenced("", response));
    }
}

/// What can be done about a run.
fn remedies(run: &RunSummary) -> Vec<String> {
    let name = name(&run.run);
    let mut lines = Vec::new();
    if run.cleaned {
        return lines;
    }
    if run.in_part || matches!(run.status, Status::Error | Status::Cancelled | Status::Interrupted) {
        lines.push(format!("`stepwright resume {name}` goes on with it; finished steps aren't repeated."));
    }
    if run.files.iter().any(|file| matches!(file.action, "created" | "changed" | "sent")) {
        lines.push(format!("`stepwright revert {name}` takes its edits back, and keeps what was typed since."));
    }
    lines
}

fn cells(run: &RunSummary, name: &str) -> [String; 8] {
    let waiting = run.files.iter().filter(|file| file.action == "pending").count();
    let files = match (run.files.len(), waiting) {
        (0, _) => String::new(),
        (count, 0) => count.to_string(),
        (count, waiting) => format!("{count}, {waiting} waiting"),
    };
    let cost = match run.usage {
        usage if usage == Usage::default() => String::new(),
        usage => money(&usage),
    };
    let started = date(run.started, ' ');
    let started = started.rsplit_once(':').map(|(minutes, _)| minutes.to_owned()).unwrap_or_default();
    let (took, instruction) = (words(run.duration), first_words(&run.instruction));
    [name.to_owned(), started, run.workflow.clone(), state(run), took, cost, files, instruction]
}

/// As short as it is clear among `runs`.
fn shown_name(runs: &[RunSummary], run: &RunSummary) -> String {
    let name = name(&run.run);
    let short: String = name.chars().take(SHORT_NAME).collect();
    if runs.iter().filter(|other| other.run.starts_with(&short)).count() > 1 { name } else { short }
}

/// It is hexadecimal, unless somebody wrote into the database.
fn name(run: &str) -> String {
    run.chars().filter(char::is_ascii_alphanumeric).collect()
}

fn state(run: &RunSummary) -> String {
    if run.in_part { "finished in part".to_owned() } else { run.status.name().to_owned() }
}

fn tokens(usage: &Usage) -> String {
    let cached = if usage.cached > 0 { format!(" ({} cached)", usage.cached) } else { String::new() };
    format!("{} tokens in{cached}, {} out, {}", usage.input, usage.output, money(usage))
}

fn money(usage: &Usage) -> String {
    usage.cost.map_or_else(|| "price unknown".to_owned(), |cost| format!("${cost:.4}"))
}

fn words(duration: Duration) -> String {
    match duration.as_secs() {
        0 => format!("{:.1} s", duration.as_secs_f64()),
        seconds @ ..60 => format!("{seconds} s"),
        seconds @ ..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        seconds => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e3).round() / 1e3
}

fn summary_json(run: &RunSummary) -> Value {
    let file = |file: &super::FileNow| json!({ "file": file.file.name, "action": file.action, "reason": file.reason });
    json!({
        "run": run.run,
        "workflow": run.workflow,
        "status": run.status,
        "in_part": run.in_part,
        "started": format!("{}Z", date(run.started, 'T')),
        "duration_s": seconds(run.duration),
        "input_tokens": run.usage.input,
        "output_tokens": run.usage.output,
        "cached_tokens": run.usage.cached,
        "cost_usd": run.usage.cost,
        "files": run.files.iter().map(file).collect::<Value>(),
        "instruction": run.instruction,
        "summary": run.summary,
    })
}

/// For a person as well; what is hidden is written as an escape, which means the same.
fn print(value: &Value) -> String {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hidden(c) {
            let _ = c.encode_utf16(&mut [0; 2]).iter().try_for_each(|unit| write!(out, "\\u{unit:04x}"));
        } else {
            out.push(c);
        }
    }
    out
}

fn join(shared: &str, prompt: &str) -> String {
    if shared.is_empty() { prompt.to_owned() } else { format!("{shared}\n{prompt}") }
}

/// Date and time of day in UTC: `2026-01-31 09:05:00`, with `between` in the middle.
fn date(time: SystemTime, between: char) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let (days, of_day) = (seconds / 86400, seconds % 86400);
    // The Gregorian calendar repeats itself every 146097 days; years that begin in March end with the odd day.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = era * 400 + year + next;
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}{between}{hour:02}:{minute:02}:{second:02}")
}

#[cfg(test)]
mod tests;
