//! What goes over the wire while the test waits: the editor's requests, and its answers to the server's.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{ApplyMode, DEADLINE, Editor, Message, Profile, setup, wire::Received};
use crate::support::sandbox::Sandbox;

/// How long Neovim keeps changes back.
const NEOVIM_DELAY: Duration = Duration::from_millis(50);

impl Editor {
    /// Sends a request and waits for its answer.
    pub fn request(&mut self, method: &str, params: Value) -> Value {
        self.send_all_news();
        let id = self.next_id;
        self.next_id += 1;
        self.transcript.sent(method, &params);
        self.rules.asked(id, method);
        self.wire.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Some(answer) = self.answers.remove(&id) {
                return answer;
            }
            self.step(deadline, method);
        }
    }

    pub fn notify(&mut self, method: &str, params: Value) {
        self.transcript.sent(method, &params);
        self.wire.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }

    /// Sends the news of documents at once, or keeps it back as the profile does.
    pub(super) fn send_news(&mut self) {
        match self.profile.tells_change_before_reply() {
            true => self.send_all_news(),
            false => self.news_due = self.news_due.or(Some(Instant::now() + NEOVIM_DELAY)),
        }
    }

    pub(super) fn send_all_news(&mut self) {
        self.news_due = None;
        for (method, params) in std::mem::take(&mut self.buffers.news) {
            self.notify(method, params);
        }
    }

    /// Deals with what comes next; fails the test at the deadline.
    pub(super) fn step(&mut self, deadline: Instant, what: &str) {
        let until = self.news_due.map_or(deadline, |due| due.min(deadline));
        match self.wire.receive(until) {
            Received::Message(message) => self.receive(message),
            Received::Nothing if self.news_due.is_some() => self.send_all_news(),
            Received::Nothing => self.fail(&format!("waited too long for {what}")),
            Received::Malformed(problem) => self.fail(&format!("waited for {what}, but got {problem}")),
            Received::End => self.fail(&format!("waited for {what}, but the server has ended")),
        }
    }

    fn fail(&self, problem: &str) -> ! {
        panic!("{problem}\n--- transcript\n{}\n--- log\n{}", self.transcript(), self.wire.log())
    }

    fn receive(&mut self, message: Value) {
        let Some(method) = message["method"].as_str() else {
            if let Some((id, method)) = self.rules.answer(&message) {
                self.transcript.answered(&method, &message);
                self.answers.insert(id, message);
            }
            return;
        };
        self.transcript.received(method, &message["params"]);
        if let Some(id) = message.get("id") {
            self.rules.request(&message, &self.buffers);
            let reply = if self.is_mute { None } else { self.reply(method, &message["params"]) };
            if let Some(reply) = reply {
                let (key, value) = match reply {
                    Ok(result) => ("result", result),
                    Err(error) => ("error", error),
                };
                self.wire.send(&json!({ "jsonrpc": "2.0", "id": id, key: value }));
            }
            return;
        }
        self.rules.notification(&message);
        if method == "window/showMessage" {
            self.note_message(&message["params"]);
        }
        self.events.push(message);
    }

    fn note_message(&mut self, params: &Value) {
        let text = params["message"].as_str().unwrap_or_default().to_owned();
        self.messages.push(Message { level: params["type"].as_u64().unwrap_or_default(), text });
    }

    /// The answer to a request of the server, unless there will be none.
    fn reply(&mut self, method: &str, params: &Value) -> Option<Result<Value, Value>> {
        let unknown = || Err(json!({ "code": -32601, "message": "Method not found" }));
        let reply = match method {
            "workspace/applyEdit" => return self.apply(&params["edit"]).map(Ok),
            "window/workDoneProgress/create" => Ok(Value::Null),
            "workspace/configuration" => {
                Ok(params["items"].as_array().into_iter().flatten().map(|_| self.settings.clone()).collect())
            }
            "workspace/workspaceFolders" => Ok(json!([{ "uri": self.uri(""), "name": setup::WORKSPACE }])),
            "window/showMessageRequest" if !self.profile.answers_message_requests() => unknown(),
            "window/showMessageRequest" => {
                self.note_message(params);
                let click = self.clicks.pop_front();
                Ok(click.map_or(Value::Null, |title| json!({ "title": title })))
            }
            "window/showDocument" => {
                let uri = params["uri"].as_str().unwrap_or_default();
                self.shown.push(uri.to_owned());
                let shown = params["external"] == true || self.buffers.open(uri).is_ok();
                self.send_news();
                Ok(json!({ "success": shown }))
            }
            "stepwright/input" => {
                let input = self.inputs.pop_front();
                Ok(input.map_or(Value::Null, |value| json!({ "value": value })))
            }
            _ => unknown(),
        };
        Some(reply)
    }

    fn apply(&mut self, edit: &Value) -> Option<Value> {
        let annotations = edit["changeAnnotations"].as_object();
        let asks = annotations.is_some_and(|all| all.values().any(|one| one["needsConfirmation"] == true));
        let outcome = match &self.apply_mode {
            ApplyMode::Honest if asks && !self.agrees => Err("the user said no".to_owned()),
            ApplyMode::Honest => {
                let outcome = self.buffers.apply(edit);
                self.send_news();
                outcome
            }
            ApplyMode::SayAppliedButSkip => Ok(()),
            ApplyMode::Refuse(reason) => Err(reason.clone()),
            ApplyMode::Garbage => return Some(json!({ "applied": null })),
            ApplyMode::Silent => return None,
        };
        Some(match outcome {
            Ok(()) => json!({ "applied": true }),
            // VS Code gives no reason.
            Err(_) if self.profile == Profile::Vscode => json!({ "applied": false }),
            Err(reason) => json!({ "applied": false, "failureReason": reason, "failedChange": 0 }),
        })
    }

    /// Ends the session as editors do; returns the exit code of a real server.
    pub fn shutdown(&mut self) -> Option<i32> {
        if self.ended {
            return self.exit_code;
        }
        self.ended = true;
        let answer = self.request("shutdown", Value::Null);
        if answer.get("result") != Some(&Value::Null) {
            self.rules.broken(format!("shutdown answers null: {answer}"));
        }
        self.notify("exit", Value::Null);
        self.wire.close();
        let deadline = Instant::now() + DEADLINE;
        loop {
            match self.wire.receive(deadline) {
                Received::Message(message) => self.receive(message),
                Received::End => break,
                Received::Nothing => self.fail("waited too long for the end of the server"),
                Received::Malformed(problem) => self.fail(&problem),
            }
        }
        self.exit_code = self.wire.exit_code();
        self.exit_code
    }

    /// Ends the session as editors do, and leaves the folder for the next one.
    pub fn leave(mut self) -> Sandbox {
        self.shutdown();
        std::mem::replace(&mut self.sandbox, Sandbox::new())
    }

    /// Kills the server in the middle of whatever it does, and leaves the folder for the next one.
    pub fn kill(mut self) -> Sandbox {
        self.wire.kill();
        (self.ended, self.killed) = (true, true);
        std::mem::replace(&mut self.sandbox, Sandbox::new())
    }

    /// What the server did that it may not, so far; [`Drop`] looks at the rest.
    pub fn violations(&mut self) -> Vec<String> {
        self.rules.violations(self.ended)
    }
}

impl Drop for Editor {
    /// Fails the test on errors that it hasn't read, and on broken rules.
    fn drop(&mut self) {
        if std::thread::panicking() || self.killed {
            return;
        }
        self.shutdown();
        let mut problems = self.violations();
        let unread = self.messages[self.unread_messages..].iter().filter(|message| message.level == 1);
        problems.extend(unread.map(|message| format!("an error was shown: {}", message.text)));
        if !problems.is_empty() {
            self.fail(&problems.join("\n"));
        }
    }
}
