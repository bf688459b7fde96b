//! The other end of the pipes, and the server behind `serve`.

use std::{
    future,
    io::{self, PipeReader, PipeWriter, Write},
    sync::{Mutex, mpsc},
    thread,
    time::Duration,
};

use serde_json::{Value, json};
use tower_lsp::{
    Client, LanguageServer, LspService, async_trait,
    jsonrpc::Result,
    lsp_types::{
        DidChangeTextDocumentParams, ExecuteCommandParams, InitializeParams, InitializeResult, MessageType,
        WorkspaceEdit,
    },
};

use super::super::{
    frame::{Frame, FrameReader},
    serve,
};

/// A test that waits longer has failed.
const DEADLINE: Duration = Duration::from_secs(30);

pub struct Peer {
    input: Option<PipeWriter>,
    /// Messages of the server, unless nobody reads.
    messages: mpsc::Receiver<Value>,
    unread: Option<PipeReader>,
    exit_code: mpsc::Receiver<u8>,
    probes: u32,
}

impl Peer {
    pub fn start() -> Self {
        let mut peer = Self::unread();
        let output = peer.unread.take().unwrap();
        let (sender, messages) = mpsc::channel();
        thread::spawn(move || {
            let mut frames = FrameReader::new(output);
            while let Ok(Some(Frame::Body(body))) = frames.next() {
                if sender.send(serde_json::from_slice(&body).unwrap()).is_err() {
                    return;
                }
            }
        });
        peer.messages = messages;
        peer
    }

    pub fn initialized() -> Self {
        let mut peer = Self::start();
        peer.initialize();
        peer
    }

    /// A server whose output nobody reads.
    pub fn unread() -> Self {
        let (server_input, input) = io::pipe().unwrap();
        let (output, server_output) = io::pipe().unwrap();
        let (sender, exit_code) = mpsc::channel();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            let (service, socket) = LspService::new(|client| Server { client, versions: Mutex::default() });
            let _ = sender.send(runtime.block_on(serve(service, socket, server_input, server_output)));
            runtime.shutdown_background();
        });
        Self { input: Some(input), messages: mpsc::channel().1, unread: Some(output), exit_code, probes: 0 }
    }

    pub fn initialize(&mut self) {
        self.send(&json!({"id": "initialize", "method": "initialize", "params": {"capabilities": {}}}));
        assert_eq!(self.receive()["id"], "initialize");
    }

    pub fn send_bytes(&mut self, bytes: &[u8]) {
        // A server that has ended doesn't read; its exit code is what the test looks at.
        let _ = self.input.as_mut().unwrap().write_all(bytes);
    }

    pub fn send(&mut self, message: &Value) {
        self.send_bytes(&frame(message));
    }

    pub fn send_command(&mut self, command: &str, arguments: Value) {
        let params = json!({"command": command, "arguments": arguments});
        self.send(&json!({"id": format!("command {command}"), "method": "workspace/executeCommand", "params": params}));
    }

    pub fn close(&mut self) {
        self.input = None;
    }

    pub fn close_output(&mut self) {
        self.unread = None;
    }

    pub fn receive(&mut self) -> Value {
        self.messages.recv_timeout(DEADLINE).expect("a message in time")
    }

    pub fn command(&mut self, command: &str, arguments: Value) -> Value {
        self.send_command(command, arguments);
        self.receive()["result"].take()
    }

    /// Asks for an answer; returns what came before it.
    pub fn probe(&mut self, after: &str) -> Vec<Value> {
        self.probes += 1;
        let id = json!(format!("probe {}", self.probes));
        let params = json!({"command": "echo", "arguments": ["alive"]});
        self.send(&json!({"id": id, "method": "workspace/executeCommand", "params": params}));
        let mut before = Vec::new();
        loop {
            let message = self.messages.recv_timeout(DEADLINE);
            let message = message.unwrap_or_else(|_| panic!("no answer {after}, only {before:?}"));
            if message["id"] == id {
                assert_eq!(message["result"], json!(["alive"]), "{after}");
                return before;
            }
            before.push(message);
        }
    }

    pub fn exit_code_after(&mut self, act: impl FnOnce(&mut Self)) -> u8 {
        act(self);
        self.exit_code.recv_timeout(DEADLINE).expect("an end in time")
    }
}

pub fn frame(message: &Value) -> Vec<u8> {
    frame_text(message.to_string())
}

pub fn frame_text(body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    [format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes(), body].concat()
}

pub fn change(uri: &str, version: i32, text: &str) -> Value {
    let params = json!({"textDocument": {"uri": uri, "version": version}, "contentChanges": [{"text": text}]});
    json!({"method": "textDocument/didChange", "params": params})
}

struct Server {
    client: Client,
    versions: Mutex<Vec<i32>>,
}

#[async_trait]
impl LanguageServer for Server {
    async fn initialize(&self, params: InitializeParams) -> Result<InitializeResult> {
        if params.initialization_options == Some(json!("slow")) {
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
        }
        Ok(InitializeResult::default())
    }

    async fn shutdown(&self) -> Result<()> {
        Ok(())
    }

    async fn did_change(&self, params: DidChangeTextDocumentParams) {
        assert_ne!(params.text_document.uri.path(), "/panic");
        self.versions.lock().unwrap().push(params.text_document.version);
        tokio::task::yield_now().await;
    }

    async fn execute_command(&self, params: ExecuteCommandParams) -> Result<Option<Value>> {
        let number = params.arguments.first().and_then(Value::as_u64).unwrap_or_default();
        let edit = || self.client.apply_edit(WorkspaceEdit::default());
        let result = match params.command.as_str() {
            "echo" => json!(params.arguments),
            "versions" => json!(*self.versions.lock().unwrap()),
            "large" => json!("x".repeat(number as usize)),
            "wait" => future::pending().await,
            "block" => loop {
                thread::park();
            },
            "panic" => panic!("the key is sk-secret"),
            "panic later" => {
                tokio::task::yield_now().await;
                panic!("the key is sk-secret")
            }
            "log" => {
                for index in 0..number {
                    self.client.log_message(MessageType::LOG, index).await;
                }
                Value::Null
            }
            "apply" => match edit().await {
                Ok(response) => json!(format!("applied {}", response.applied)),
                Err(error) => json!(format!("error {}", error.code.code())),
            },
            "forget" => {
                // Polled twice: once to send the request, once to know that it is sent.
                let mut edit = Box::pin(edit());
                for _ in 0..2 {
                    let _ = futures::poll!(&mut edit);
                    tokio::task::yield_now().await;
                }
                Value::Null
            }
            command => json!(format!("unknown {command}")),
        };
        Ok(Some(result))
    }
}
