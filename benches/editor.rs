//! An editor of bare bytes: it writes frames and reads frames, and what it costs is as little as can be.

use std::{
    io::{BufRead, BufReader, Read, Write},
    process::{Child, ChildStdin, ChildStdout, Stdio},
};

use serde_json::{Value, json};

use super::home::Home;

/// The protocol's number for it.
const ERROR: u32 = 1;

pub struct Editor {
    server: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    requests: u64,
    /// Of whatever document was changed last; it only has to grow.
    version: i32,
    root: String,
}

impl Editor {
    /// Starts the server, and asks it nothing.
    pub fn start(home: &Home) -> Self {
        let mut server =
            home.program().arg("lsp").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
        let input = server.stdin.take().expect("it is piped");
        let output = BufReader::new(server.stdout.take().expect("it is piped"));
        Self { server, input, output, requests: 0, version: 0, root: format!("file://{}", home.workspace().display()) }
    }

    /// Starts the server and goes through the handshake.
    pub fn ready(home: &Home) -> Self {
        let mut editor = Self::start(home);
        editor.initialize();
        editor.notify("initialized", json!({}));
        editor
    }

    /// As [`Editor::ready`], by the name of an editor.
    pub fn named(home: &Home, name: &str) -> Self {
        let mut editor = Self::start(home);
        editor.initialize_as(name);
        editor.notify("initialized", json!({}));
        editor
    }

    pub fn initialize(&mut self) {
        self.initialize_as("bench");
    }

    fn initialize_as(&mut self, name: &str) {
        let root = self.root.clone();
        self.request(
            "initialize",
            json!({
                "processId": std::process::id(),
                "rootUri": root,
                "workspaceFolders": [{ "uri": root, "name": "workspace" }],
                "clientInfo": { "name": name },
                "capabilities": { "window": { "workDoneProgress": true }, "workspace": { "applyEdit": true } },
                "initializationOptions": { "stepwright": { "events": true } },
            }),
        );
    }

    pub fn pid(&self) -> u32 {
        self.server.id()
    }

    pub fn uri(&self, name: &str) -> String {
        format!("{}/{name}", self.root)
    }

    pub fn open(&mut self, name: &str, text: &str) {
        let uri = self.uri(name);
        let document = json!({ "uri": uri, "languageId": "rust", "version": 0, "text": text });
        self.notify("textDocument/didOpen", json!({ "textDocument": document }));
    }

    /// The titles of the menu at the document's first character.
    pub fn code_actions(&mut self, name: &str) -> Value {
        let start = json!({ "line": 0, "character": 0 });
        let params = json!({
            "textDocument": { "uri": self.uri(name) },
            "range": { "start": start, "end": start },
            "context": { "diagnostics": [], "triggerKind": 1 },
        });
        self.request("textDocument/codeAction", params)
    }

    /// Asks for a run; what becomes of it is told by notifications.
    pub fn run(&mut self, arguments: Value) {
        let params = json!({ "command": "stepwright.run", "arguments": [arguments] });
        self.requests += 1;
        self.send(
            &json!({ "jsonrpc": "2.0", "id": self.requests, "method": "workspace/executeCommand", "params": params }),
        );
    }

    pub fn notify(&mut self, method: &str, params: Value) {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }

    /// Waits for the answer; notifications that come before it are dropped.
    pub fn request(&mut self, method: &str, params: Value) -> Value {
        self.requests += 1;
        let id = self.requests;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        let mut answer = self.wait(|message| message.get("method").is_none() && message["id"] == id);
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].take()
    }

    /// Waits for a notification; whatever comes before it is dropped.
    pub fn notification(&mut self, method: &str) -> Value {
        self.wait(|message| message["method"] == method)
    }

    pub fn send_bytes(&mut self, bytes: &[u8]) {
        self.input.write_all(bytes).and_then(|()| self.input.flush()).expect("the server reads");
    }

    fn send(&mut self, message: &Value) {
        self.send_bytes(&frame(message));
    }

    /// Carries an edit out, as far as the server can see: it is told of the change.
    fn apply(&mut self, edit: &Value) {
        for change in edit["documentChanges"].as_array().into_iter().flatten() {
            let mut edits = change["edits"].as_array().cloned().unwrap_or_default();
            // Each is meant for the text before all of them, while changes follow each other.
            let start = |edit: &Value| {
                let start = &edit["range"]["start"];
                (start["line"].as_u64(), start["character"].as_u64())
            };
            edits.sort_by_key(|edit| std::cmp::Reverse(start(edit)));
            let changes: Vec<_> =
                edits.iter().map(|edit| json!({ "range": edit["range"], "text": edit["newText"] })).collect();
            self.version += 1;
            let document = json!({ "uri": change["textDocument"]["uri"], "version": self.version });
            self.notify("textDocument/didChange", json!({ "textDocument": document, "contentChanges": changes }));
        }
    }

    /// The server's own requests are agreed to at once. A failed run is no figure.
    fn wait(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let message = self.read();
            let is_failure = message["method"] == "window/showMessage" && message["params"]["type"] == ERROR;
            assert!(!is_failure, "the server fails: {}", message["params"]["message"]);
            if message.get("method").is_some()
                && let Some(id) = message.get("id")
            {
                let is_edit = message["method"] == "workspace/applyEdit";
                if is_edit {
                    self.apply(&message["params"]["edit"]);
                }
                let result = if is_edit { json!({ "applied": true }) } else { Value::Null };
                self.send(&json!({ "jsonrpc": "2.0", "id": id, "result": result }));
            } else if wanted(&message) {
                return message;
            }
        }
    }

    fn read(&mut self) -> Value {
        let mut length = 0;
        loop {
            let mut line = String::new();
            assert!(self.output.read_line(&mut line).expect("the server writes") > 0, "the server has ended");
            match line.trim_end().strip_prefix("Content-Length: ") {
                Some(number) => length = number.parse().expect("a length is a number"),
                None if line == "\r\n" => break,
                None => {}
            }
        }
        let mut body = vec![0; length];
        self.output.read_exact(&mut body).expect("the body is as long as its header says");
        serde_json::from_slice(&body).expect("the body is JSON")
    }
}

impl Drop for Editor {
    fn drop(&mut self) {
        // Nothing that it could still do is of interest.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// A message as it is sent.
pub fn frame(message: &Value) -> Vec<u8> {
    let body = message.to_string();
    format!("Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}
