//! What is left of a run whose process ends at any moment: killed at each call that changes something on disk, it is either not begun, or
//! goes on without losing or repeating anything.

use std::{process::Stdio, sync::Mutex};

use serde_json::Value;

use crate::support::{
    provider::{KEY, KEY_VARIABLE, Provider, good},
    sandbox::{Ran, Sandbox},
};

const OLD: [(&str, &str); 2] = [("a.py", "a = 1\n"), ("b.py", "b = 1\n")];
const NEW: &str = "x = 2\n";
/// How the database writes.
const DATABASE_CALLS: &str = "pwrite64,ftruncate";
/// How files of the workspace are written.
const FILE_CALLS: &str = "fsync,rename,renameat,renameat2,link,linkat,unlink,unlinkat,mkdir,mkdirat,fchmod";
/// More calls than any run makes.
const MOST_CALLS: usize = 2000;

/// A run of two files at a provider, in a process that is killed at the n-th of these calls; `None`: it came to its end before.
struct Crash {
    sandbox: Sandbox,
    provider: Provider,
}

impl Crash {
    fn at(calls: &str, n: usize) -> Option<Self> {
        let provider = Provider::start(vec![good("```python\nx = 2\n```")]);
        let sandbox = Sandbox::new();
        sandbox.config(&format!("summary = false\n{}[limits]\nconcurrency = 1\n", provider.config()));
        OLD.iter().for_each(|(file, text)| sandbox.write(file, text));
        let mut command = sandbox.command("strace".as_ref());
        command.args(["-f", "-qq", "-o", "/dev/null"]);
        command.args(["-e", &format!("trace={calls}"), "-e", &format!("inject={calls}:signal=SIGKILL:when={n}")]);
        command.arg(env!("CARGO_BIN_EXE_stepwright"));
        command.args(["run", "auto", "--file", "a.py", "--file", "b.py", "Make it better."]);
        let output = command.env(KEY_VARIABLE, KEY).stdin(Stdio::null()).output().expect("strace is installed");
        (output.status.code() != Some(0)).then_some(Self { sandbox, provider })
    }

    fn stepwright(&self, arguments: &[&str]) -> Ran {
        let mut command = self.sandbox.stepwright(arguments);
        Ran::from(command.env(KEY_VARIABLE, KEY).stdin(Stdio::null()).output().expect("the program starts"))
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let ran = self.stepwright(arguments);
        assert_eq!(ran.code, 0, "{ran:?}");
        serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {ran:?}"))
    }

    /// Each file is what it was, or what it was to become; nothing else is in the folder but what was about to become one of them.
    fn files_are_whole(&self) {
        for (file, text) in self.sandbox.tree() {
            let old = OLD.iter().find(|(known, _)| *known == file).map(|(_, text)| *text);
            let temporary = file.starts_with(".stepwright-") && file.ends_with(".tmp");
            assert!(temporary || text == NEW || Some(text.as_str()) == old, "{file}: {text}");
        }
    }

    /// The file of each step that the history has as finished.
    fn finished(&self, run: &str) -> Vec<String> {
        let report = self.json(&["history", run, "--json"]);
        let steps = report["steps"].as_array().expect("steps").iter().filter(|step| step["status"] == "finished");
        steps.map(|step| step["module"].as_str().expect("a name").replace("Process ", "")).collect()
    }

    fn survives(&self) {
        self.files_are_whole();
        let runs = self.json(&["history", "--json"]);
        let Some(run) = runs[0]["run"].as_str() else {
            // Not begun as far as anybody knows: then nothing was asked or written.
            assert_eq!(self.provider.posts().len(), 0);
            assert!(OLD.iter().all(|(file, text)| self.sandbox.read(file).as_deref() == Some(*text)));
            return;
        };
        if runs[0]["status"] == "finished" {
            assert!(OLD.iter().all(|(file, _)| self.sandbox.read(file).as_deref() == Some(NEW)));
            return;
        }
        let (finished, asked) = (self.finished(run), self.provider.posts().len());
        for file in &finished {
            assert_eq!(self.sandbox.read(file).as_deref(), Some(NEW), "finished means written");
        }
        let ran = self.stepwright(&["resume", run]);
        assert_eq!(ran.code, 0, "{ran:?}");
        assert!(OLD.iter().all(|(file, _)| self.sandbox.read(file).as_deref() == Some(NEW)), "{ran:?}");
        for post in &self.provider.posts()[asked..] {
            let again = finished.iter().find(|file| post.body.contains(&format!("to the file {file}")));
            assert_eq!(again, None, "a finished step is asked for again");
        }
        let ran = self.stepwright(&["revert", run]);
        assert_eq!(ran.code, 0, "{ran:?}");
        assert!(OLD.iter().all(|(file, text)| self.sandbox.read(file).as_deref() == Some(*text)), "{ran:?}");
    }
}

/// All points at which these calls are made, two at a time.
fn kill_at_each(calls: &str) -> usize {
    let next = Mutex::new(1);
    let work = || {
        loop {
            let n = {
                let mut next = next.lock().unwrap();
                *next += 1;
                *next - 1
            };
            assert!(n < MOST_CALLS, "the run never comes to its end");
            let Some(crash) = Crash::at(calls, n) else { return n };
            crash.survives();
        }
    };
    std::thread::scope(|scope| {
        let workers = [scope.spawn(work), scope.spawn(work)];
        workers.into_iter().map(|worker| worker.join().unwrap()).min().unwrap() - 1
    })
}

#[test]
fn killed_at_each_write_of_the_database() {
    let points = kill_at_each(DATABASE_CALLS);
    assert!(points > 20, "{points} points: the database is written otherwise");
}

#[test]
fn killed_at_each_change_of_a_file() {
    let points = kill_at_each(FILE_CALLS);
    assert!(points > 3, "{points} points: files are written otherwise");
}
