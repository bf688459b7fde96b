//! What the server may send: every message is checked, and what breaks a rule is noted for the end of the test.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    buffers::Buffers,
    profile::Profile,
    text::{self, Edit},
};

pub struct Rules {
    profile: Profile,
    capabilities: Value,
    /// What the editor asked for under `initializationOptions.stepwright`.
    options: Value,
    progress: BTreeMap<String, Progress>,
    /// Requests of the editor that aren't answered yet, by id.
    unanswered: BTreeMap<i64, String>,
    violations: Vec<String>,
}

#[derive(Debug, PartialEq)]
enum Progress {
    Created,
    Begun { percentage: Option<u64> },
    Ended,
}

impl Rules {
    pub fn new(profile: Profile, capabilities: Value, options: Value) -> Self {
        let (progress, unanswered) = (BTreeMap::new(), BTreeMap::new());
        Self { profile, capabilities, options, progress, unanswered, violations: Vec::new() }
    }

    pub fn broken(&mut self, rule: impl Into<String>) {
        self.violations.push(rule.into());
    }

    fn require(&mut self, holds: bool, rule: impl Into<String>) {
        if !holds {
            self.broken(rule);
        }
    }

    fn declared(&self, pointer: &str) -> bool {
        self.capabilities.pointer(pointer).is_some_and(|value| !matches!(value, Value::Null | Value::Bool(false)))
    }

    pub fn asked(&mut self, id: i64, method: &str) {
        self.unanswered.insert(id, method.to_owned());
    }

    /// Checks an answer of the server; returns the method it answers.
    pub fn answer(&mut self, message: &Value) -> Option<(i64, String)> {
        self.check_envelope(message);
        let one = message.get("result").is_some() != message.get("error").is_some();
        self.require(one, format!("either a result or an error is answered: {message}"));
        let answered = message["id"].as_i64().and_then(|id| self.unanswered.remove_entry(&id));
        if answered.is_none() {
            self.broken(format!("nothing was asked that this answers: {message}"));
        }
        answered
    }

    pub fn request(&mut self, message: &Value, buffers: &Buffers) {
        self.check_envelope(message);
        let params = &message["params"];
        match message["method"].as_str().unwrap_or_default() {
            "window/workDoneProgress/create" => {
                self.require(self.declared("/window/workDoneProgress"), "progress is created for who declared it");
                self.create_progress(&params["token"]);
            }
            "workspace/applyEdit" => {
                self.require(self.declared("/workspace/applyEdit"), "edits are sent to who declared it");
                self.check_edit(&params["edit"], buffers);
            }
            "workspace/configuration" => {
                self.require(params["items"].as_array().is_some_and(|items| !items.is_empty()), "items are asked for");
            }
            "window/showDocument" => {
                let shown = self.declared("/window/showDocument/support") || self.profile == Profile::Helix;
                self.require(shown, "documents are shown to who declared it");
            }
            "stepwright/input" => self.require(self.options["inputBox"] == true, "input is asked of who has a box"),
            "window/showMessageRequest" | "workspace/workspaceFolders" => {}
            other => self.broken(format!("no editor knows the request `{other}`")),
        }
    }

    pub fn notification(&mut self, message: &Value) {
        self.check_envelope(message);
        let params = &message["params"];
        match message["method"].as_str().unwrap_or_default() {
            "$/progress" => self.check_progress(&params["token"], &params["value"]),
            "window/showMessage" => {
                let one_line = params["message"].as_str().is_some_and(|text| !text.is_empty() && !text.contains('\n'));
                self.require(one_line, format!("a message is one line: {params}"));
            }
            "window/logMessage" | "textDocument/publishDiagnostics" => {}
            method if method.starts_with("stepwright/") => {
                self.require(self.options["events"] == true, format!("`{method}` is sent to who asked for events"));
            }
            other => self.broken(format!("no editor knows the notification `{other}`")),
        }
    }

    fn check_envelope(&mut self, message: &Value) {
        self.require(message["jsonrpc"] == "2.0", format!("a message says `jsonrpc: 2.0`: {message}"));
    }

    fn create_progress(&mut self, token: &Value) {
        let Some(name) = token.as_str() else { return self.broken(format!("a progress token is a string: {token}")) };
        let under_way = matches!(self.progress.get(name), Some(Progress::Created | Progress::Begun { .. }));
        self.require(!under_way, format!("progress `{name}` is created once"));
        self.progress.insert(name.into(), Progress::Created);
    }

    fn check_progress(&mut self, token: &Value, value: &Value) {
        let name = token.as_str().unwrap_or_default().to_owned();
        let percentage = value["percentage"].as_u64();
        let before = self.progress.remove(&name);
        let after = match (value["kind"].as_str(), before) {
            (Some("begin"), Some(Progress::Created)) => {
                self.require(value["title"].is_string(), format!("progress has a title: {value}"));
                Progress::Begun { percentage }
            }
            (Some("report"), Some(Progress::Begun { percentage: last })) => {
                let steady = last.is_some() == percentage.is_some() && last <= percentage && percentage <= Some(100);
                self.require(steady, format!("percentages rise, or there are none: {last:?}, then {percentage:?}"));
                Progress::Begun { percentage }
            }
            (Some("end"), Some(Progress::Begun { .. })) => Progress::Ended,
            (kind, before) => {
                self.broken(format!("progress `{name}` goes create, begin, report, end: {kind:?} after {before:?}"));
                Progress::Ended
            }
        };
        self.progress.insert(name, after);
    }

    /// Checks a `WorkspaceEdit` against what is open, also one inside a code action.
    pub fn check_edit(&mut self, edit: &Value, buffers: &Buffers) {
        let annotations = self.declared("/workspace/workspaceEdit/changeAnnotationSupport");
        let text = edit.to_string();
        let annotated = text.contains(r#""annotationId""#) || edit.get("changeAnnotations").is_some();
        self.require(annotations || !annotated, "annotations are sent to who declared them");
        self.require(
            !text.contains(r#""insertTextFormat""#) && !text.contains(r#""snippet""#),
            "edits have no snippets",
        );

        let (changes, documents) = (edit["changes"].as_object(), edit["documentChanges"].as_array());
        let empty = changes.is_none_or(|it| it.is_empty()) && documents.is_none_or(|it| it.is_empty());
        self.require(!empty, "an edit that changes nothing isn't sent");
        self.require(changes.is_none() || documents.is_none(), "an edit has changes of one form");
        for (uri, edits) in changes.into_iter().flatten() {
            self.check_text_edits(uri, edits, buffers, true);
        }
        if documents.is_some() {
            let takes = self.declared("/workspace/workspaceEdit/documentChanges") || self.profile == Profile::Neovim;
            self.require(takes, "documentChanges are sent to who takes them");
        }
        let mut edited = Vec::new();
        for change in documents.into_iter().flatten() {
            if change["kind"].is_string() {
                self.check_resource(change);
                continue;
            }
            let document = &change["textDocument"];
            let uri = document["uri"].as_str().unwrap_or_default();
            self.require(!edited.contains(&uri), format!("a document is edited once: {uri}"));
            edited.push(uri);
            let version = buffers.get(uri).map(|buffer| buffer.version);
            let fits = document.get("version").is_some_and(|given| given.is_null() == version.is_none());
            self.require(fits, format!("an edit has its document's version, or null: {document}"));
            let current = version.is_none() || document["version"] == json!(version);
            self.check_text_edits(uri, &change["edits"], buffers, current);
        }
        let open = edited.iter().filter(|uri| buffers.get(uri).is_some()).count();
        self.require(open < 2 || self.profile != Profile::Neovim, "Neovim gets one open document at a time");
    }

    fn check_text_edits(&mut self, uri: &str, edits: &Value, buffers: &Buffers, current: bool) {
        let edits: Option<Vec<_>> = edits.as_array().map(|edits| edits.iter().filter_map(Edit::parse).collect());
        let edits = edits.unwrap_or_default();
        self.require(!edits.is_empty(), format!("edits of a document are some: {uri}"));
        // Nothing can be said of an edit for a text that the user has changed since.
        if !current {
            return;
        }
        let text = buffers.text(uri).unwrap_or_default();
        for edit in &edits {
            for position in [edit.range.start, edit.range.end] {
                if let Err(problem) = text::offset(&text, position, buffers.encoding) {
                    self.broken(format!("an edit is within its document: {problem} of {uri}"));
                }
            }
        }
        if let Err(problem) = text::apply(&text, &edits, buffers.encoding) {
            self.broken(format!("edits don't overlap: {problem} in {uri}"));
        }
    }

    fn check_resource(&mut self, change: &Value) {
        let declared = &self.capabilities["workspace"]["workspaceEdit"]["resourceOperations"];
        let declared = declared.as_array().is_some_and(|kinds| kinds.contains(&change["kind"]));
        self.require(declared, format!("operations on files are sent to who declared them: {change}"));
        let options = &change["options"];
        let careful = options["ignoreIfExists"] == true && options["overwrite"] == false;
        self.require(change["kind"] != "create" || careful, format!("a file is created only if absent: {change}"));
    }

    /// Checks the actions that were offered.
    pub fn check_actions(&mut self, actions: &Value, buffers: &Buffers) {
        for action in actions.as_array().into_iter().flatten() {
            let kind = action["kind"].as_str().unwrap_or_default();
            let ours = ["refactor.rewrite.stepwright", "quickfix.stepwright"];
            let known = ours
                .iter()
                .any(|our| kind.strip_prefix(our).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')));
            self.require(known, format!("an action is of one of our kinds: {action}"));
            self.require(action["command"]["command"].is_string(), format!("an action has its command: {action}"));
            self.require(action["isPreferred"] != true, format!("no action is preferred: {action}"));
            let disabled = self.declared("/textDocument/codeAction/disabledSupport");
            self.require(disabled || action.get("disabled").is_none(), format!("disabled is declared: {action}"));
            if let Some(edit) = action.get("edit") {
                self.check_edit(edit, buffers);
            }
        }
    }

    /// Takes what was broken so far, and at the end also what was left open.
    pub fn violations(&mut self, at_end: bool) -> Vec<String> {
        if at_end {
            let unanswered = std::mem::take(&mut self.unanswered);
            self.violations.extend(unanswered.into_values().map(|method| format!("`{method}` was never answered")));
            let begun = self.progress.iter().filter(|(_, progress)| matches!(progress, Progress::Begun { .. }));
            self.violations.extend(begun.map(|(name, _)| format!("progress `{name}` never ended")));
            self.progress.clear();
        }
        std::mem::take(&mut self.violations)
    }
}
