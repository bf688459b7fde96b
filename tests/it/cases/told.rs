//! What a run told, as text that doesn't depend on speed, place or front end; and the rules that hold for every run.

use std::{collections::BTreeMap, fmt::Write};

use serde_json::{Value, json};

/// Everything that somebody was told of one run.
pub struct Told {
    /// As on the command line, with `type`.
    pub events: Vec<Value>,
    pub warnings: Vec<String>,
    pub refusal: Option<String>,
    /// Of the command line.
    pub exit: Option<i32>,
}

/// An editor's notification in the command line's form.
pub fn from_notification(message: &Value) -> Option<Value> {
    let name = message["method"].as_str()?.strip_prefix("stepwright/")?;
    let mut event = message["params"].clone();
    event["type"] = json!(name);
    Some(event)
}

/// The warnings among an editor's notifications, but for the line that says how a run ended.
pub fn warnings(messages: &[Value]) -> Vec<String> {
    let summary = messages.iter().find(|message| message["method"] == "stepwright/end");
    let summary = summary.and_then(|end| end["params"]["summary"].as_str()).unwrap_or_default();
    let warnings = messages.iter().filter(|message| message["params"]["type"] == 2);
    let texts = warnings.filter_map(|message| message["params"]["message"].as_str());
    texts.filter(|text| !same(text, summary)).map(str::to_owned).collect()
}

/// Whether a message's one line is this text, which may be longer.
pub fn same(line: &str, text: &str) -> bool {
    let text = text.replace(|c: char| c.is_control(), " ");
    text.trim() == line || text.trim().starts_with(line.trim_end_matches('…')) && line.ends_with('…')
}

impl Told {
    pub fn render(&self, before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> String {
        let mut out = String::new();
        if self.refusal.is_none() {
            obey(&self.events);
        }
        if let Some(descriptor) = self.of_type("workflow").last().map(|event| &event["workflow"]) {
            let _ = writeln!(out, "{}", descriptor["workflow_name"].as_str().unwrap_or_default());
            for step in descriptor["steps"].as_array().into_iter().flatten() {
                let _ = writeln!(out, "{}", self.step(step));
            }
        }
        let refusal = self.refusal.as_deref().unwrap_or_default();
        for warning in &self.warnings {
            // Editors tell of mistakes in files as soon as they start.
            let warning = warning.strip_prefix("stepwright: ").unwrap_or(warning);
            if warning.split_once(".toml: ").is_none_or(|(_, mistake)| !refusal.contains(mistake)) {
                let _ = writeln!(out, "warning: {}", plain(warning));
            }
        }
        for line in self.edits() {
            let _ = writeln!(out, "{line}");
        }
        for end in self.of_type("end") {
            let text = |key: &str| plain(end[key].as_str().unwrap_or_default());
            let _ = writeln!(out, "{}: {}", text("status"), text("summary"));
        }
        if let Some(refusal) = &self.refusal {
            let _ = writeln!(out, "refused: {}", plain(refusal));
        }
        let _ = writeln!(out, "exit {}", self.exit_code());
        for (name, text) in after.iter().filter(|(name, text)| before.get(*name) != Some(text)) {
            let _ = write!(out, "--- {name}\n{}", visible(text));
        }
        for name in before.keys().filter(|name| !after.contains_key(*name)) {
            let _ = writeln!(out, "--- {name} is gone");
        }
        out
    }

    fn of_type<'a>(&'a self, name: &'a str) -> impl DoubleEndedIterator<Item = &'a Value> {
        self.events.iter().filter(move |event| event["type"] == name)
    }

    /// `2 Plan Tests (main): in-progress, streaming, finished → first line`
    fn step(&self, step: &Value) -> String {
        let id = &step["step_id"];
        let events: Vec<_> = self.of_type("step").filter(|event| event["step_id"] == *id).collect();
        let statuses: Vec<_> = events.iter().filter_map(|event| event["status"].as_str()).collect();
        let role = step["parameters"]["model"].as_str().map(|model| format!(" ({model})")).unwrap_or_default();
        let module = step["module"].as_str().unwrap_or_default();
        let mut line = format!("{id} {module}{role}: {}", statuses.join(", "));
        let last = events.last().copied().unwrap_or(&Value::Null);
        if let Some(file) = last["file_name"].as_str() {
            let _ = write!(line, " [{file}]");
        }
        let response = last["response"]["text"].as_str().or(last["response"].as_str());
        if let Some(text) = response {
            let more = if text.trim().contains('\n') { " …" } else { "" };
            let _ = write!(line, " → {}{more}", plain(text.trim().lines().next().unwrap_or_default()));
        }
        if let Some(error) = last["error"].as_str() {
            let _ = write!(line, ": {}", plain(error));
        }
        line
    }

    /// What became of each file in the end: on the command line the edits say so, in an editor the end does.
    fn edits(&self) -> Vec<String> {
        let listed = self.of_type("end").flat_map(|end| end["files"].as_array().into_iter().flatten());
        let mut latest: BTreeMap<String, String> = BTreeMap::new();
        for edit in self.of_type("edit").chain(listed) {
            let text = |key: &str| edit[key].as_str().unwrap_or_default().to_owned();
            let reason =
                if edit["reason"].is_string() { format!(" ({})", plain(&text("reason"))) } else { String::new() };
            let mut action = text("action");
            // A file that the run created stays one that it created.
            let created = latest.get(&text("file")).is_some_and(|line| line.starts_with("created"));
            if created && action == "changed" {
                action = "created".to_owned();
            }
            latest.insert(text("file"), format!("{action} {}{reason}", text("file")));
        }
        latest.into_values().collect()
    }

    /// What the contract makes of how the run ended.
    fn exit_code(&self) -> i32 {
        let status = self.of_type("end").next().and_then(|end| end["status"].as_str());
        let failed = self.of_type("step").any(|step| step["status"] == "error");
        let waiting = self.edits().iter().any(|edit| edit.starts_with("pending") || edit.starts_with("refused"));
        let expected = match status {
            None => 2,
            Some("finished") if failed || waiting => 3,
            Some("finished") => 0,
            Some("cancelled") => 130,
            Some(_) => 1,
        };
        assert!(self.exit.is_none_or(|code| code == expected), "exit code {:?} instead of {expected}", self.exit);
        expected
    }
}

/// Texts without what differs from run to run, or says where on this machine something is.
fn plain(text: &str) -> String {
    let expressions = [
        (r"; the result is in [^\s)]+", ""),
        (r"(file://)?/\S*/workspace\b", "$$ROOT"),
        (r"/\S*/home\b", "$$HOME"),
        (r"/\S*/replay\.json", "$$REPLAY"),
    ];
    expressions.iter().fold(text.replace('\n', " "), |text, (from, to)| {
        regex::Regex::new(from).expect("a valid expression").replace_all(&text, *to).into_owned()
    })
}

/// A file's text with what can't be seen in it.
fn visible(text: &str) -> String {
    let shown = text.replace('\u{feff}', "<BOM>").replace('\r', "<CR>");
    if shown.ends_with('\n') || shown.is_empty() { shown } else { format!("{shown}<no line end>\n") }
}

/// The rules for every run: see "What every workflow reports" in the documentation.
fn obey(events: &[Value]) {
    let statuses = |workflow: &Value| -> Vec<String> {
        let steps = workflow["steps"].as_array().expect("a list of steps");
        steps.iter().map(|step| step["status"].as_str().expect("a status").to_owned()).collect()
    };
    let first = &events[0]["workflow"];
    assert_eq!((&first["status"], &first["version"]), (&json!("pending"), &json!("1.0")), "the descriptor comes first");
    assert!(statuses(first).iter().all(|status| status == "pending"), "all steps wait at first: {first}");
    let mut seen: Vec<String> = Vec::new();
    for event in events {
        let id = event["step_id"].as_u64().unwrap_or_default() as usize;
        match event["type"].as_str() {
            Some("workflow") => {
                let workflow = &event["workflow"];
                let ids: Vec<_> = workflow["steps"].as_array().unwrap().iter().map(|step| &step["step_id"]).collect();
                assert_eq!(ids, (1..=ids.len()).collect::<Vec<_>>(), "ids are unique and stay");
                let statuses = statuses(workflow);
                assert!(statuses.len() >= seen.len() && statuses.starts_with(&seen), "{statuses:?} after {seen:?}");
                seen = statuses;
            }
            Some("step") => {
                let next = event["status"].as_str().expect("a status");
                let status = &mut seen[id - 1];
                let allowed: &[&str] = match status.as_str() {
                    "pending" => &["in-progress", "skipped"],
                    "in-progress" => &["streaming", "finished", "error", "cancelled"],
                    "streaming" => &["finished", "error", "cancelled"],
                    _ => &[],
                };
                assert!(allowed.contains(&next), "step {id} is {next} after {status}");
                *status = next.to_owned();
            }
            Some("text") => assert_eq!(seen[id - 1], "streaming", "text comes from a streamed step"),
            _ => {}
        }
    }
    let end = events.last().expect("events");
    assert_eq!(end["type"], "end", "the end comes last");
    let last = events.iter().rfind(|event| event["type"] == "workflow").expect("a descriptor");
    assert_eq!(last["workflow"]["status"], end["status"], "the descriptor says how it ended");
    let open = |status: &String| ["pending", "in-progress", "streaming"].contains(&status.as_str());
    assert!(!seen.iter().any(open), "nothing stays open: {seen:?}");
}
