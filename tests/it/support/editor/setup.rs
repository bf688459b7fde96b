//! How an editor starts its server: the folder, the environment, and the handshake.

use std::{
    collections::{BTreeMap, VecDeque},
    io::{Read, Write},
    path::PathBuf,
};

use serde_json::{Value, json};

use super::{ApplyMode, Buffers, Editor, Profile, Rules, Transcript, Wire, text::Encoding};
use crate::support::sandbox::Sandbox;

/// The name of the folder that is opened.
pub const WORKSPACE: &str = "workspace";

pub struct Setup {
    profile: Profile,
    sandbox: Sandbox,
    options: Value,
    capabilities: Value,
    environment: Vec<(String, String)>,
    program: PathBuf,
}

impl Setup {
    pub fn new(profile: Profile) -> Self {
        let options = json!({ "events": true });
        let program = env!("CARGO_BIN_EXE_stepwright").into();
        let (sandbox, capabilities) = (Sandbox::new(), profile.capabilities());
        Self { profile, sandbox, options, capabilities, environment: Vec::new(), program }
    }

    /// A folder that is already there.
    pub fn within(mut self, sandbox: Sandbox) -> Self {
        self.sandbox = sandbox;
        self
    }

    /// Puts files into the folder, by relative path.
    pub fn files(self, files: &[(&str, &str)]) -> Self {
        files.iter().for_each(|(file, text)| self.sandbox.write(file, text));
        self
    }

    /// The text of the user's configuration file.
    pub fn config(self, config: &str) -> Self {
        self.sandbox.config(config);
        self
    }

    /// Recorded answers, as `(match, reply)`.
    pub fn replies(self, replies: &[(&str, &str)]) -> Self {
        self.sandbox.replies(replies);
        self
    }

    /// One key of `initializationOptions.stepwright`; `events` is true unless said otherwise.
    pub fn option(mut self, key: &str, value: Value) -> Self {
        self.options[key] = value;
        self
    }

    /// Other capabilities than the profile's.
    pub fn capabilities(mut self, capabilities: Value) -> Self {
        self.capabilities = capabilities;
        self
    }

    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Another program than the real server.
    pub fn program(mut self, program: PathBuf) -> Self {
        self.program = program;
        self
    }

    /// Starts the server with nothing of the surrounding environment but the path.
    pub fn start(self) -> Editor {
        let mut command = self.sandbox.command(&self.program);
        command.arg("lsp").envs(self.environment.clone());
        self.connect(Wire::spawn(&mut command))
    }

    /// Starts with a server at the other end of two streams.
    pub fn over(self, output: impl Read + Send + 'static, input: impl Write + Send + 'static) -> Editor {
        self.connect(Wire::over(output, input))
    }

    fn connect(self, wire: Wire) -> Editor {
        let buffers = Buffers::new(self.profile, self.sandbox.workspace());
        let path = self.sandbox.workspace().display().to_string();
        let root_uri = buffers.uri("").trim_end_matches('/').to_owned();
        let mut editor = Editor {
            profile: self.profile,
            wire,
            transcript: Transcript::new(vec![root_uri.clone(), path]),
            sandbox: self.sandbox,
            buffers,
            rules: Rules::new(self.profile, self.capabilities.clone(), self.options.clone()),
            settings: Value::Null,
            apply_mode: ApplyMode::Honest,
            agrees: false,
            is_mute: false,
            clicks: VecDeque::new(),
            inputs: VecDeque::new(),
            has_events: self.options["events"] == true,
            next_id: 1,
            answers: BTreeMap::new(),
            events: Vec::new(),
            looked_at: 0,
            messages: Vec::new(),
            unread_messages: 0,
            shown: Vec::new(),
            offered: Vec::new(),
            news_due: None,
            ended: false,
            killed: false,
            exit_code: None,
        };
        editor.initialize(&root_uri, &self.capabilities, &self.options);
        editor
    }
}

impl Editor {
    fn initialize(&mut self, root_uri: &str, capabilities: &Value, options: &Value) {
        let answer = self.request(
            "initialize",
            json!({
                "processId": std::process::id(),
                "clientInfo": { "name": self.profile.client_name(), "version": "1" },
                "rootUri": root_uri,
                "workspaceFolders": [{ "uri": root_uri, "name": WORKSPACE }],
                "capabilities": capabilities,
                "initializationOptions": { "stepwright": options },
                "trace": "off",
            }),
        );
        let server = &answer["result"]["capabilities"];
        let chosen = server["positionEncoding"].as_str().unwrap_or("utf-16");
        let offered = capabilities["general"]["positionEncodings"].as_array();
        let offered = offered.map_or(chosen == "utf-16", |it| it.contains(&json!(chosen)));
        match Encoding::named(chosen).filter(|_| offered) {
            Some(encoding) => self.buffers.encoding = encoding,
            None => self.rules.broken(format!("the encoding is one that was offered: {chosen}")),
        }
        self.notify("initialized", json!({}));
    }
}
