//! A folder of its own for each test: a workspace, a home, the user's configuration, and the program run among them with nothing of
//! the surrounding environment.

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

/// The user's configuration when nothing but recorded answers is wanted.
pub const REPLAY: &str =
    "[roles]\nmain = \"replay\"\n\n[providers.replay]\nwire = \"replay\"\npath = \"replay.json\"\n\n";

pub struct Sandbox {
    root: TempDir,
}

impl Sandbox {
    pub fn new() -> Self {
        let sandbox = Self { root: tempfile::tempdir().expect("a temporary folder") };
        for folder in ["workspace", "home/config", "home/state", "home/data", "home/cache", "tmp"] {
            fs::create_dir_all(sandbox.path(folder)).expect("the folder is writable");
        }
        sandbox.config("");
        sandbox
    }

    /// A place beside the workspace: `config.toml`, `replay.json`, `home/config/stepwright/…`.
    pub fn path(&self, place: &str) -> PathBuf {
        self.root.path().join(place)
    }

    /// The folder that is opened.
    pub fn workspace(&self) -> PathBuf {
        self.path("workspace")
    }

    /// Writes a file of the workspace.
    pub fn write(&self, file: &str, content: impl AsRef<[u8]>) {
        self.put(&format!("workspace/{file}"), content);
    }

    /// Writes a file anywhere in the sandbox.
    pub fn put(&self, place: &str, content: impl AsRef<[u8]>) {
        let path = self.path(place);
        fs::create_dir_all(path.parent().expect("within the folder")).expect("the folder is writable");
        fs::write(path, content).expect("the folder is writable");
    }

    pub fn read(&self, file: &str) -> Option<String> {
        fs::read_to_string(self.workspace().join(file)).ok()
    }

    /// The user's configuration file; `$ROOT` stands for the workspace.
    pub fn config(&self, text: &str) {
        self.put("config.toml", text.replace("$ROOT", &self.workspace().display().to_string()));
    }

    /// Recorded answers, as `(match, reply)`, and a configuration that uses them.
    pub fn replies(&self, replies: &[(&str, &str)]) {
        let entries = replies.iter().map(|(part, reply)| serde_json::json!({ "match": part, "reply": reply }));
        self.put("replay.json", Value::from_iter(entries).to_string());
        self.config(REPLAY);
    }

    /// The program, or another one, in the workspace.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.workspace()).env_clear();
        command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.env("STEPWRIGHT_CONFIG", self.path("config.toml"));
        command.env("HOME", self.path("home")).env("TMPDIR", self.path("tmp"));
        for (name, folder) in [("CONFIG", "config"), ("STATE", "state"), ("DATA", "data"), ("CACHE", "cache")] {
            command.env(format!("XDG_{name}_HOME"), self.path("home").join(folder));
        }
        command
    }

    pub fn stepwright(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(Path::new(env!("CARGO_BIN_EXE_stepwright")));
        command.args(arguments);
        command
    }

    /// Runs the program to its end.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        Ran::from(self.stepwright(arguments).stdin(Stdio::null()).output().expect("the program starts"))
    }

    /// Runs the program to its end with this on its standard input.
    pub fn run_with_input(&self, arguments: &[&str], input: &str) -> Ran {
        let mut command = self.stepwright(arguments);
        let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = pipes.spawn().expect("the program starts");
        // A program that doesn't read its input is found out by what it says.
        let _ = child.stdin.take().expect("it is piped").write_all(input.as_bytes());
        Ran::from(child.wait_with_output().expect("the program ends"))
    }

    /// All files of the workspace, sorted by name; what isn't text as its bytes in hexadecimal.
    pub fn tree(&self) -> BTreeMap<String, String> {
        let mut files = BTreeMap::new();
        let mut folders = vec![self.workspace()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("a folder").flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let name = path.strip_prefix(self.workspace()).expect("it lies below").display().to_string();
                let bytes = fs::read(&path).expect("a readable file");
                files.insert(name, String::from_utf8(bytes).unwrap_or_else(|error| format!("{:x?}", error.as_bytes())));
            }
        }
        files
    }
}

/// How a program ended.
#[derive(Debug)]
pub struct Ran {
    /// -1 when a signal ended it.
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    /// Standard output as one JSON object a line.
    pub fn events(&self) -> Vec<Value> {
        let parse = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        self.out.lines().map(parse).collect()
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the program prints text");
        Self { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
    }
}
