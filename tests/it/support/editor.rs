//! A fake editor for end-to-end tests: real buffers over a real folder, three ways of going about it, and lies on demand.
//!
//! Everything happens on the test's own thread: while it waits for something, what the server sends is checked and answered.
//! It knows the protocol and `contract.md`, and nothing of the server's insides.

mod buffers;
mod profile;
mod rules;
mod session;
mod setup;
mod tests;
mod text;
mod transcript;
mod wire;

use std::{
    collections::{BTreeMap, VecDeque},
    ops::Range,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use self::{buffers::Buffers, rules::Rules, text::Edit, transcript::Transcript, wire::Wire};
pub use self::{profile::Profile, setup::Setup, text::Position};
use crate::support::sandbox::Sandbox;

/// A test that waits longer for something has failed.
const DEADLINE: Duration = Duration::from_secs(60);

/// How the editor treats `workspace/applyEdit`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApplyMode {
    /// As its profile does.
    Honest,
    SayAppliedButSkip,
    Refuse(String),
    /// Answers what means nothing.
    Garbage,
    /// Never answers.
    Silent,
}

/// One entry of the code-action menu.
#[derive(Clone, Debug)]
pub struct Action {
    pub title: String,
    pub kind: String,
    pub command: Value,
    pub edit: Option<Value>,
}

/// How a run ended; without events only the last message of its progress is known.
#[derive(Clone, Debug, Default)]
pub struct RunEnd {
    pub run: String,
    pub status: String,
    pub summary: String,
    pub files: Vec<Value>,
}

/// A line shown to the user. Levels: 1 error, 2 warning, 3 information.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub level: u64,
    pub text: String,
}

pub struct Editor {
    profile: Profile,
    wire: Wire,
    /// The folder with the workspace, for a look at what is on disk.
    pub sandbox: Sandbox,
    buffers: Buffers,
    rules: Rules,
    transcript: Transcript,
    /// What is answered to `workspace/configuration`.
    pub settings: Value,
    pub apply_mode: ApplyMode,
    /// Whether the user agrees when an edit is shown for confirmation.
    pub agrees: bool,
    /// Answers nothing that it is asked.
    pub is_mute: bool,
    /// Titles that the user will click in message requests, in order; with none left they are dismissed.
    pub clicks: VecDeque<String>,
    /// What the user will type into input boxes, in order; with none left they are cancelled.
    pub inputs: VecDeque<String>,
    has_events: bool,
    next_id: i64,
    answers: BTreeMap<i64, Value>,
    events: Vec<Value>,
    /// How many of the events [`Editor::wait_run_end`] has looked at.
    looked_at: usize,
    messages: Vec<Message>,
    unread_messages: usize,
    shown: Vec<String>,
    offered: Vec<Action>,
    /// When the news of changes is due, if it is kept back.
    news_due: Option<Instant>,
    ended: bool,
    /// What the server still owed when it was killed is nobody's fault.
    killed: bool,
    exit_code: Option<i32>,
}

impl Editor {
    // The user's hands

    pub fn open(&mut self, file: &str) {
        let uri = self.buffers.uri(file);
        self.buffers.open(&uri).expect("a file of the folder");
        self.send_news();
    }

    /// Inserts text, counted in the columns of the negotiated encoding.
    pub fn type_text(&mut self, file: &str, at: Position, text: &str) {
        self.replace(file, at..at, text);
    }

    pub fn replace(&mut self, file: &str, range: Range<Position>, text: &str) {
        let uri = self.buffers.uri(file);
        let edit = Edit { range, text: text.to_owned() };
        self.buffers.edit(&uri, &[edit]).expect("an open document");
        self.send_news();
    }

    pub fn save_all(&mut self) {
        for uri in self.buffers.dirty() {
            self.buffers.save(&uri);
        }
        self.send_news();
    }

    pub fn close(&mut self, file: &str) {
        let uri = self.buffers.uri(file);
        self.buffers.close(&uri);
        self.send_news();
    }

    /// Asks for the menu on these lines, counted from 0; the range ends at the beginning of the last line.
    pub fn actions(&mut self, file: &str, lines: Range<u32>) -> Vec<Action> {
        self.actions_in(file, lines, json!({ "diagnostics": [], "triggerKind": 1 }))
    }

    /// Asks in a context of its own.
    pub fn actions_in(&mut self, file: &str, lines: Range<u32>, context: Value) -> Vec<Action> {
        let position = |line: u32| json!({ "line": line, "character": 0 });
        let params = json!({
            "textDocument": { "uri": self.buffers.uri(file) },
            "range": { "start": position(lines.start), "end": position(lines.end) },
            "context": context,
        });
        let answer = self.request("textDocument/codeAction", params);
        self.rules.check_actions(&answer["result"], &self.buffers);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let action = |value: &Value| Action {
            title: text(&value["title"]),
            kind: text(&value["kind"]),
            command: value["command"].clone(),
            edit: value.get("edit").cloned(),
        };
        self.offered = answer["result"].as_array().into_iter().flatten().map(action).collect();
        self.offered.clone()
    }

    /// Picks from the menu that was last asked for: carries out the edit, then the command.
    pub fn pick(&mut self, title: &str) {
        let action = self.offered.iter().find(|action| action.title == title).cloned();
        let action = action.unwrap_or_else(|| {
            let titles: Vec<_> = self.offered.iter().map(|action| &action.title).collect();
            panic!("no action `{title}` in {titles:#?}")
        });
        if let Some(edit) = &action.edit {
            self.buffers.apply(edit).expect("an edit that fits");
            self.send_news();
        }
        let params = json!({ "command": action.command["command"], "arguments": action.command["arguments"] });
        self.execute_params(params);
    }

    /// Executes a command; what it answers must be `null`.
    pub fn execute(&mut self, command: &str, argument: Value) {
        self.execute_arguments(command, vec![argument]);
    }

    pub fn execute_arguments(&mut self, command: &str, arguments: Vec<Value>) {
        self.execute_params(json!({ "command": command, "arguments": arguments }));
    }

    fn execute_params(&mut self, params: Value) {
        let answer = self.request("workspace/executeCommand", params);
        if answer.get("result") != Some(&Value::Null) {
            self.rules.broken(format!("a command answers null: {answer}"));
        }
    }

    /// Clicks on the cross of the progress that began last.
    pub fn cancel_progress(&mut self) {
        assert!(self.profile.can_cancel_progress(), "{:?} has no way to cancel progress", self.profile);
        let begun = self.events.iter().rfind(|event| event["params"]["value"]["kind"] == "begin");
        let token = begun.expect("progress under way")["params"]["token"].clone();
        self.notify("window/workDoneProgress/cancel", json!({ "token": token }));
    }

    // The user's eyes

    pub fn buffer(&self, file: &str) -> String {
        let buffer = self.buffers.get(&self.buffers.uri(file));
        buffer.unwrap_or_else(|| panic!("`{file}` isn't open")).text.clone()
    }

    pub fn disk(&self, file: &str) -> Option<String> {
        self.sandbox.read(file)
    }

    /// All lines that were shown so far; they count as read.
    pub fn messages(&mut self) -> Vec<Message> {
        self.unread_messages = self.messages.len();
        self.messages.clone()
    }

    /// All notifications so far.
    pub fn events(&self) -> &[Value] {
        &self.events
    }

    /// The documents that the server had shown, as URIs.
    pub fn shown(&self) -> &[String] {
        &self.shown
    }

    pub fn transcript(&self) -> String {
        self.transcript.text()
    }

    pub fn uri(&self, file: &str) -> String {
        self.buffers.uri(file)
    }

    // Waiting

    /// Waits for the end of the next run that hasn't been waited for.
    pub fn wait_run_end(&mut self) -> RunEnd {
        let has_events = self.has_events;
        let event = self.wait_event("the end of a run", |event| match has_events {
            true => event["method"] == "stepwright/end",
            false => event["params"]["value"]["kind"] == "end",
        });
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let params = &event["params"];
        RunEnd {
            run: text(&params["run"]),
            status: text(&params["status"]),
            summary: text(if has_events { &params["summary"] } else { &params["value"]["message"] }),
            files: params["files"].as_array().cloned().unwrap_or_default(),
        }
    }

    /// Waits for a notification that hasn't been waited for.
    pub fn wait_event(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + DEADLINE;
        loop {
            while let Some(event) = self.events.get(self.looked_at).cloned() {
                self.looked_at += 1;
                if wanted(&event) {
                    return event;
                }
            }
            self.step(deadline, what);
        }
    }

    /// Waits until this many documents were shown.
    pub fn wait_shown(&mut self, count: usize) {
        let deadline = Instant::now() + DEADLINE;
        while self.shown.len() < count {
            self.step(deadline, "a document");
        }
    }

    /// Waits until an action of that title is in the menu.
    pub fn wait_menu(&mut self, file: &str, title: &str) {
        let deadline = Instant::now() + DEADLINE;
        while !self.actions(file, 0..0).iter().any(|action| action.title == title) {
            assert!(Instant::now() < deadline, "waited too long for `{title}`");
        }
    }

    /// Waits for a line whose text contains `part`.
    pub fn wait_message(&mut self, part: &str) -> Message {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let unread = &self.messages[self.unread_messages..];
            if let Some(at) = unread.iter().position(|message| message.text.contains(part)) {
                self.unread_messages += at + 1;
                return self.messages[self.unread_messages - 1].clone();
            }
            self.step(deadline, part);
        }
    }
}
