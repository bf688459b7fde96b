//! How an editor starts its server: the folder, the environment, and the handshake.

use std::{
    collections::{BTreeMap, VecDeque},
    fs,
    io::{Read, Write},
    path::PathBuf,
    process::Command,
};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{ApplyMode, Buffers, Editor, Profile, Rules, Transcript, Wire, text::Encoding};

/// The folder that is opened, within the temporary one.
pub const WORKSPACE: &str = "workspace";

pub struct Setup {
    profile: Profile,
    root: TempDir,
    config: String,
    options: Value,
    environment: Vec<(String, String)>,
    program: PathBuf,
}

impl Setup {
    pub fn new(profile: Profile) -> Self {
        let root = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir(root.path().join(WORKSPACE)).expect("the folder is writable");
        let options = json!({ "events": true });
        let program = env!("CARGO_BIN_EXE_stepwright").into();
        Self { profile, root, config: String::new(), options, environment: Vec::new(), program }
    }

    /// Puts files into the folder, by relative path.
    pub fn files(self, files: &[(&str, &str)]) -> Self {
        for (file, text) in files {
            let path = self.root.path().join(WORKSPACE).join(file);
            fs::create_dir_all(path.parent().expect("within the folder")).expect("the folder is writable");
            fs::write(path, text).expect("the folder is writable");
        }
        self
    }

    /// The text of the user's configuration file.
    pub fn config(mut self, config: &str) -> Self {
        self.config = config.to_owned();
        self
    }

    /// One key of `initializationOptions.stepwright`; `events` is true unless said otherwise.
    pub fn option(mut self, key: &str, value: Value) -> Self {
        self.options[key] = value;
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
        let config = self.root.path().join("config.toml");
        fs::write(&config, &self.config).expect("the folder is writable");
        let home = self.root.path().join("home");
        let mut command = Command::new(&self.program);
        command.arg("lsp").current_dir(self.root.path().join(WORKSPACE)).env_clear();
        command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.env("STEPWRIGHT_CONFIG", config).env("HOME", &home);
        for (name, folder) in [("CONFIG", "config"), ("STATE", "state"), ("DATA", "data"), ("CACHE", "cache")] {
            let path = home.join(folder);
            fs::create_dir_all(&path).expect("the folder is writable");
            command.env(format!("XDG_{name}_HOME"), path);
        }
        command.envs(self.environment.clone());
        self.connect(Wire::spawn(&mut command))
    }

    /// Starts with a server at the other end of two streams.
    pub fn over(self, output: impl Read + Send + 'static, input: impl Write + Send + 'static) -> Editor {
        self.connect(Wire::over(output, input))
    }

    fn connect(self, wire: Wire) -> Editor {
        let buffers = Buffers::new(self.profile, self.root.path().join(WORKSPACE));
        let path = self.root.path().join(WORKSPACE).display().to_string();
        let root_uri = buffers.uri("").trim_end_matches('/').to_owned();
        let mut editor = Editor {
            profile: self.profile,
            wire,
            transcript: Transcript::new(vec![root_uri.clone(), path]),
            root: self.root,
            buffers,
            rules: Rules::new(self.profile, self.options.clone()),
            settings: Value::Null,
            apply_mode: ApplyMode::Honest,
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
            exit_code: None,
        };
        editor.initialize(&root_uri, &self.options);
        editor
    }
}

impl Editor {
    fn initialize(&mut self, root_uri: &str, options: &Value) {
        let capabilities = self.profile.capabilities();
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
        let offered =
            capabilities["general"]["positionEncodings"].as_array().is_some_and(|it| it.contains(&json!(chosen)));
        match Encoding::named(chosen).filter(|_| offered) {
            Some(encoding) => self.buffers.encoding = encoding,
            None => self.rules.broken(format!("the encoding is one that was offered: {chosen}")),
        }
        self.notify("initialized", json!({}));
    }
}
