//! The check step with real commands: the program and its server, a replay file for a model, and a workspace on disk.
#![cfg(unix)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::editor::{Profile, Setup};

/// A test that waits longer for something has failed.
const DEADLINE: Duration = Duration::from_secs(30);
const KEY: &str = "canary-0123456789abcdef";
/// No language's rules say where its tests go, so that the model does.
const SOURCE: &str = "store.q";
const TESTS: &str = "test_store.q";

/// A workspace, and a home for the program.
struct Bench {
    folder: TempDir,
}

struct Run {
    status: ExitStatus,
    events: Vec<Value>,
    errors: String,
}

impl Run {
    fn modules(&self) -> Vec<&str> {
        let last = self.events.iter().rfind(|event| event["type"] == "workflow").expect("a descriptor");
        let steps = last["workflow"]["steps"].as_array().into_iter().flatten();
        steps.filter_map(|step| step["module"].as_str()).collect()
    }

    fn summary(&self) -> &str {
        self.events
            .iter()
            .rfind(|event| event["type"] == "end")
            .and_then(|event| event["summary"].as_str())
            .expect("an end")
    }
}

impl Bench {
    /// A workspace with this check command, in its own configuration file. `repairs` are pairs of what the file holds and what the model
    /// makes of it.
    fn new(command: &[&str], test_file: &str, repairs: &[(&str, &str)]) -> Self {
        let bench = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir_all(bench.root().join(".stepwright")).unwrap();
        fs::write(bench.root().join(SOURCE), "sell: take one\n").unwrap();
        bench.set_command(command);
        fs::write(bench.path("replay.json"), replay(test_file, repairs)).unwrap();
        fs::write(bench.path("config.toml"), config(&bench.path("replay.json"))).unwrap();
        bench
    }

    fn set_command(&self, command: &[&str]) {
        let text = format!("[check]\ncommand = {}\n", json!(command));
        fs::write(self.root().join(".stepwright/config.toml"), text).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn root(&self) -> PathBuf {
        self.path("shop")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stepwright"));
        command.args(arguments).current_dir(self.root()).env_clear();
        command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.env("HOME", self.path("home")).env("STEPWRIGHT_CONFIG", self.path("config.toml"));
        command.env("OPENAI_API_KEY", KEY).env("MY_KEY", KEY).env("COPY", format!("x {KEY}")).env("PLAIN", "kept");
        command.stdin(Stdio::null());
        command
    }

    fn trust(&self) -> String {
        let output = self.command(&["trust"]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn run(&self, more: &[&str]) -> Run {
        let output = self.command(&[&["run", "write-tests", "--file", SOURCE], more].concat()).output().unwrap();
        let lines = String::from_utf8_lossy(&output.stdout);
        let events = lines.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        Run { status: output.status, events, errors: String::from_utf8(output.stderr).unwrap() }
    }

    fn saved(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.root().join(name)).ok()
    }

    /// What is left of copies.
    fn copies(&self) -> usize {
        let Ok(places) = fs::read_dir(self.path("home/.local/state/stepwright/check")) else { return 0 };
        places.flatten().filter(|place| place.path().join("workspace").exists()).count()
    }
}

fn config(replay: &Path) -> String {
    let replay = json!(replay);
    format!(
        "[roles]\nmain = \"r/m\"\n[providers.r]\nwire = \"replay\"\npath = {replay}\n[providers.o]\nwire = \"openai\"\nkey-env = \"MY_KEY\"\n"
    )
}

fn replay(test_file: &str, repairs: &[(&str, &str)]) -> String {
    let block = |text: &str| format!("```\n{text}\n```");
    let mut entries: Vec<_> =
        repairs.iter().map(|(found, reply)| json!({"match": found, "reply": block(reply)})).collect();
    for (found, reply) in [
        ("Name the file that should hold the tests", test_file.to_owned()),
        ("Plan the tests of", "Sell one.".to_owned()),
        ("Write the tests of", "draft".to_owned()),
        ("Assess which edge cases", block("test one: bad")),
        ("Tests were written", "Done.".to_owned()),
    ] {
        entries.push(json!({"match": found, "reply": reply}));
    }
    json!(entries).to_string()
}

#[test]
fn nothing_is_run_before_the_workspace_is_trusted() {
    let bench = Bench::new(&["touch", "ran"], TESTS, &[]);
    let marker = bench.path("ran");
    bench.set_command(&["touch", marker.to_str().unwrap()]);
    let run = bench.run(&["--json"]);
    assert_eq!(run.modules(), ["Generate File Name", "Plan Tests", "Write Tests", "Edge Cases", "Summarize Tests"]);
    assert_eq!(run.summary(), format!("Write Tests finished: {TESTS} was created, tests not run"));
    let edit = run.events.iter().find(|event| event["type"] == "edit").unwrap();
    assert_eq!(edit["reason"], "tests not run: no check command is trusted");
    assert_eq!(run.errors.matches("stepwright trust").count(), 1, "{}", run.errors);
    assert!(!marker.exists() && bench.copies() == 0);

    let said = bench.trust();
    assert!(said.contains("check command: touch "), "{said}");
    let run = bench.run(&["--json"]);
    assert!(run.modules().contains(&"Check") && marker.exists(), "{}", run.errors);
    assert!(!run.errors.contains("stepwright trust"), "{}", run.errors);

    // Another command needs trust of its own.
    fs::remove_file(&marker).unwrap();
    bench.set_command(&["touch", marker.to_str().unwrap(), "more"]);
    let run = bench.run(&["--json"]);
    assert!(!run.modules().contains(&"Check") && run.errors.contains("stepwright trust") && !marker.exists());
}

#[test]
fn failing_tests_are_repaired_and_saved() {
    let bench = Bench::new(&["grep", "-n", "ok", "{file}"], TESTS, &[("(exit status: 1)", "test one: ok")]);
    bench.trust();
    let run = bench.run(&["--json"]);
    assert!(run.status.success(), "{}", run.errors);
    assert_eq!(bench.saved(TESTS).as_deref(), Some("test one: ok\n"));
    assert_eq!(run.summary(), format!("Write Tests finished: {TESTS} was created, tests run and all pass"));
    assert_eq!(bench.copies(), 0);
}

#[test]
fn a_diff_shows_repaired_tests_and_writes_nothing() {
    let bench = Bench::new(&["grep", "-q", "ok", "{file}"], TESTS, &[("(exit status: 1)", "test one: ok")]);
    bench.trust();
    let output = bench.command(&["run", "write-tests", "--file", SOURCE, "--diff"]).output().unwrap();
    let diff = String::from_utf8(output.stdout).unwrap();
    assert!(diff.ends_with("+test one: ok\n"), "{diff}");
    assert_eq!(bench.saved(TESTS), None);
}

#[test]
fn tests_that_fail_to_the_end_are_kept_and_said_to_fail() {
    let repairs = [
        ("test one: hopeless", "test one: hopeless"),
        ("test one: worst", "test one: hopeless"),
        ("test one: worse", "test one: worst"),
        ("test one: bad", "test one: worse"),
    ];
    let repairs: Vec<_> = [("Assess which", "test one: bad")].into_iter().chain(repairs).collect();
    let bench = Bench::new(&["grep", "ok", "{file}"], TESTS, &repairs);
    bench.trust();
    let run = bench.run(&["--json"]);
    assert_eq!(run.summary(), format!("Write Tests finished: {TESTS} was created, tests run, some still fail"));
    assert_eq!(bench.saved(TESTS).as_deref(), Some("test one: hopeless\n"));
}

#[test]
fn a_hostile_name_is_an_argument_or_refused() {
    for (name, words) in [
        ("t ;touch pwned; &.q", "finished: t ;touch pwned; &.q was created, tests run and all pass"),
        (
            "$(touch pwned).q",
            "failed: refused to write `$(touch pwned).q`: it contains a variable, which isn't expanded",
        ),
    ] {
        let bench = Bench::new(&["grep", "-q", "bad", "{file}"], name, &[]);
        bench.trust();
        assert_eq!(bench.run(&["--json"]).summary(), format!("Write Tests {words}"));
        assert!(!bench.root().join("pwned").exists());
    }
}

#[test]
fn the_command_gets_no_key() {
    let bench = Bench::new(&[], TESTS, &[]);
    let seen = bench.path("seen");
    bench.set_command(&["sh", "-c", &format!("env > {}", seen.display())]);
    bench.trust();
    bench.run(&[]);
    let seen = fs::read_to_string(seen).unwrap();
    assert!(seen.contains("PLAIN=kept\n") && !seen.contains(KEY), "{seen}");
}

#[test]
fn a_run_that_is_told_to_end_leaves_no_command_and_no_copy() {
    let nap = format!("2001.{}", std::process::id());
    for signal in [rustix::process::Signal::INT, rustix::process::Signal::TERM] {
        let bench = Bench::new(&["sh", "-c", &format!("sleep {nap} & sleep {nap}")], TESTS, &[]);
        bench.trust();
        let mut command = bench.command(&["run", "write-tests", "--file", SOURCE]);
        let mut program = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        wait_until("the command runs", || is_running(&nap));
        send(&program, signal);
        assert_eq!(wait_for(&mut program).code(), Some(130));
        wait_until("the command is gone", || !is_running(&nap));
        assert_eq!(bench.copies(), 0);
        assert_eq!(bench.saved(TESTS).as_deref(), Some("test one: bad\n"), "what was saved before stays");
    }
}

#[test]
fn buffers_are_in_place_and_the_server_leaves_no_command_behind() {
    let replay_file = tempfile::NamedTempFile::new().unwrap();
    fs::write(replay_file.path(), replay(TESTS, &[])).unwrap();
    let nap = format!("2002.{}", std::process::id());
    let check =
        format!("[check]\ncommand = {}\n", json!(["sh", "-c", format!("cat {SOURCE}; grep -q buffer {SOURCE}")]));
    let trust = format!("trust = {}\n", json!([std::env::temp_dir()]));
    let setup = Setup::new(Profile::Vscode).config(&format!("{trust}{}{check}", config(replay_file.path())));
    let mut editor = setup.files(&[(SOURCE, "on disk\n")]).start();
    editor.open(SOURCE);
    editor.replace(SOURCE, (0, 0)..(0, 7), "a buffer");
    let run = json!({ "workflow": "write-tests", "uri": editor.uri(SOURCE), "instruction": "Write tests." });
    editor.execute("stepwright.run", run);
    let end = editor.wait_run_end();
    assert!(end.summary.ends_with("was created, tests run and all pass"), "{end:?}");
    assert_eq!(editor.disk(SOURCE).as_deref(), Some("on disk\n"));
    editor.messages();
    editor.shutdown();

    let check = format!("[check]\ncommand = {}\n", json!(["sleep", nap]));
    let setup = Setup::new(Profile::Vscode).config(&format!("{trust}{}{check}", config(replay_file.path())));
    let mut editor = setup.files(&[(SOURCE, "on disk\n")]).start();
    editor.open(SOURCE);
    let run = json!({ "workflow": "write-tests", "uri": editor.uri(SOURCE), "instruction": "Write tests." });
    editor.execute("stepwright.run", run);
    let is_check = |event: &Value| event["params"]["step_id"] == 5 && event["params"]["status"] == "in-progress";
    editor.wait_event("the check step", is_check);
    wait_until("the command runs", || is_running(&nap));
    editor.messages();
    editor.shutdown();
    wait_until("the command is gone", || !is_running(&nap));
}

#[test]
fn a_command_in_the_editors_settings_is_not_run() {
    let replay_file = tempfile::NamedTempFile::new().unwrap();
    fs::write(replay_file.path(), replay(TESTS, &[])).unwrap();
    let setup = Setup::new(Profile::Vscode).config(&config(replay_file.path())).files(&[(SOURCE, "code\n")]);
    let mut editor = setup.option("check", json!({ "command": ["touch", "ran"] })).start();
    editor.wait_message("the check command in the editor's settings isn't run");
    editor.open(SOURCE);
    let run = json!({ "workflow": "write-tests", "uri": editor.uri(SOURCE), "instruction": "Write tests." });
    editor.execute("stepwright.run", run);
    assert!(editor.wait_run_end().summary.ends_with("was created, tests not run"));
    editor.messages();
    editor.shutdown();
}

fn send(program: &Child, signal: rustix::process::Signal) {
    let id = rustix::process::Pid::from_child(program);
    rustix::process::kill_process(id, signal).unwrap();
}

fn wait_for(program: &mut Child) -> ExitStatus {
    let mut status = None;
    wait_until("the program ends", || {
        status = program.try_wait().unwrap();
        status.is_some()
    });
    status.unwrap()
}

/// Processes tell nobody here when they begin and end.
fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < deadline, "waited too long until {what}");
        std::thread::yield_now();
    }
}

fn is_running(argument: &str) -> bool {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let lines = processes.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
    lines.into_iter().any(|line| line.split(|byte| *byte == 0).any(|part| part == argument.as_bytes()))
}
