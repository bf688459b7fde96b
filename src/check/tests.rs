use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    time::Instant,
};

use tempfile::TempDir;

use super::*;
use crate::{
    config::{Check, Layer, Provider, Wire},
    document::reference::file_ref,
};

/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(60);

/// A workspace with a check command, and a folder for what we keep.
struct Bench {
    root: TempDir,
    state: TempDir,
    settings: Settings,
}

impl Bench {
    fn new(command: &[&str], files: &[(&str, &str)]) -> Self {
        let [root, state] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        for (name, text) in files {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let command = command.iter().map(ToString::to_string).collect();
        let check = Some(Check { command, timeout: LONG, source: Layer::User });
        Self { root, state, settings: Settings { check, ..Settings::default() } }
    }

    fn checker(&self) -> CheckCommand {
        CheckCommand::new(&self.settings, self.root.path(), Some(self.state.path())).unwrap()
    }

    fn file(&self, name: &str) -> FileRef {
        file_ref(&Roots::new([self.root.path().to_owned()]), &self.root.path().join(name))
    }

    /// The folder of a copy, while there is one.
    fn copies(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.state.path().join("check")) else { return Vec::new() };
        entries.flatten().map(|entry| entry.path().join("workspace")).filter(|path| path.exists()).collect()
    }

    async fn check(&self, name: &str, text: &str) -> Result<CheckResult, WorkspaceError> {
        let file = self.file(name);
        self.checker().begin().check(&file, &[(file.clone(), text.to_owned())]).await
    }
}

#[tokio::test]
async fn the_command_sees_the_text_and_the_user_tree_does_not() {
    let bench = Bench::new(&["grep", "-q", "ok", "{file}"], &[("a.txt", "old"), ("code.txt", "code")]);
    let good = bench.check("tests/new.txt", "ok\n").await.unwrap();
    assert_eq!(good, CheckResult { passed: true, output: String::new() });
    let bad = bench.check("tests/new.txt", "bad\n").await.unwrap();
    assert_eq!(bad, CheckResult { passed: false, output: "(exit status: 1)\n".to_owned() });
    assert!(!bench.root.path().join("tests").exists());
    assert_eq!(bench.copies(), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn buffers_are_in_place_in_the_format_of_their_files() {
    let bench = Bench::new(&["cat", "a.txt", "b.txt", "{file}"], &[("a.txt", "1\r\n2\r\n"), ("b.txt", "b\n")]);
    let [a, file] = ["a.txt", "t.txt"].map(|name| bench.file(name));
    let elsewhere = FileRef { name: "/x".to_owned(), place: Place::Disk("/x".into()) };
    let unsaved = FileRef { name: "untitled:1".to_owned(), place: Place::Buffer("untitled:1".to_owned()) };
    let text = |text: &str| text.to_owned();
    let texts = [(a, text("1\n2\n3\n")), (elsewhere, text("x")), (unsaved, text("u")), (file.clone(), text("t"))];
    let session = bench.checker().begin();
    let result = session.check(&file, &texts).await.unwrap();
    assert_eq!(result, CheckResult { passed: true, output: "1\n2\n3\nb\nt\n".to_owned() });
    assert_eq!(fs::read(bench.copies()[0].join("a.txt")).unwrap(), b"1\r\n2\r\n3\r\n");
    // The buffer was closed, another file was changed, and a third is gone.
    fs::write(bench.root.path().join("b.txt"), "changed\n").unwrap();
    let result = session.check(&file, &texts[3..]).await.unwrap();
    assert_eq!(result.output, "1\n2\nchanged\nt\n");
    fs::remove_file(bench.root.path().join("b.txt")).unwrap();
    assert!(session.check(&file, &texts[3..]).await.unwrap().output.contains("b.txt"));
    assert!(!bench.copies()[0].join("b.txt").exists());
    drop(session);
    assert_eq!(bench.copies(), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn what_a_command_changed_is_put_right_and_what_it_made_stays() {
    let command = ["sh", "-c", "cat a.txt made.txt; echo changed > a.txt; echo made > made.txt"];
    let bench = Bench::new(&command, &[("a.txt", "a\n")]);
    let file = bench.file("t.txt");
    let session = bench.checker().begin();
    session.check(&file, &[(file.clone(), String::new())]).await.unwrap();
    let again = session.check(&file, &[(file.clone(), String::new())]).await.unwrap();
    assert_eq!(again.output, "a\nmade\n");
    assert_eq!(fs::read_to_string(bench.root.path().join("a.txt")).unwrap(), "a\n");
}

#[tokio::test]
async fn the_copy_holds_what_it_should() {
    let files = [
        (".gitignore", "/out\n/made\n*.log\n"),
        ("src/a.txt", "a"),
        ("run.sh", "#!/bin/sh\n"),
        ("out/lib.bin", "built"),
        ("made/old.txt", "old"),
        ("x.log", "log"),
        (".env", "KEY=1"),
        (".git/config", "[core]"),
        ("__pycache__/a.pyc", "pyc"),
    ];
    let bench = Bench::new(&["false"], &files);
    let root = bench.root.path();
    fs::set_permissions(root.join("run.sh"), fs::Permissions::from_mode(0o555)).unwrap();
    for (target, link) in [
        ("src/a.txt", "near"),
        ("../a.txt", "src/up/../../far"),
        ("/etc/hostname", "outside"),
        ("nowhere", "dangling"),
        ("src", "folder"),
    ] {
        fs::create_dir_all(root.join("src/up")).unwrap();
        let _ = symlink(target, root.join(link));
    }
    symlink(root.join("src/a.txt"), root.join("absolute")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        root.join("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();

    let session = bench.checker().begin();
    let file = bench.file("made/new.txt");
    let result = session.check(&file, &[(file.clone(), "new".to_owned())]).await.unwrap();
    assert_eq!(result.output, "(exit status: 1)\n\n(not there, because they may hold keys: .env)\n");
    let tree = &bench.copies()[0];
    let mut names: Vec<_> = fs::read_dir(tree).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, [".gitignore", "absolute", "folder", "made", "near", "out", "run.sh", "src", "x.log"]);
    let shown = |name: &str| fs::read_link(tree.join(name)).ok();
    assert_eq!(shown("near"), Some("src/a.txt".into()));
    assert_eq!(shown("absolute"), Some(tree.join("src/a.txt")));
    assert_eq!(shown("out"), Some(fs::canonicalize(root).unwrap().join("out")));
    // Shared but for the file that is tried.
    assert_eq!((shown("made"), shown("made/old.txt").is_some(), shown("made/new.txt")), (None, true, None));
    assert!(!root.join("made/new.txt").exists());
    assert_eq!(fs::metadata(tree.join("run.sh")).unwrap().permissions().mode() & 0o777, 0o555);
    drop(session);
    assert_eq!(fs::read_to_string(root.join("out/lib.bin")).unwrap(), "built");
    assert_eq!(bench.copies(), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn names_are_arguments_and_nothing_else() {
    for (name, shown) in [
        ("$(touch pwned).txt", "$(touch pwned).txt"),
        ("-rf.txt", "./-rf.txt"),
        ("a b; c.txt", "a b; c.txt"),
        ("{file}", "{file}"),
        ("雪.txt", "雪.txt"),
    ] {
        let bench = Bench::new(&["printf", "%s|", "{file}", "--f={file}", "$HOME"], &[]);
        let output = bench.check(name, "").await.unwrap().output;
        assert_eq!(output, format!("{shown}|--f={shown}|$HOME|"));
    }
    let bench = Bench::new(&["printf", "%s|", "all"], &[]);
    assert_eq!(bench.check("a.txt", "").await.unwrap().output, "all|");
}

#[tokio::test]
async fn the_command_gets_no_key_no_input_and_the_copy_as_its_folder() {
    let mut bench = Bench::new(&["sh", "-c", "pwd; echo $PWD/x; cat; env"], &[]);
    // A variable that is there wherever tests run.
    let provider = Provider { wire: Wire::OpenAi, base_url: None, key: Key::Env("PATH".to_owned()), path: None };
    bench.settings.providers.insert("p".to_owned(), provider);
    bench.settings.check.as_mut().unwrap().command[0] = "/bin/sh".to_owned();
    let output = bench.check("a.txt", "").await.unwrap().output;
    assert!(output.starts_with(".\nx\n"), "{output}");
    assert!(!output.contains(&std::env::var("PATH").unwrap()), "{output}");
}

#[tokio::test]
async fn a_program_of_the_workspace_can_be_the_command() {
    let bench = Bench::new(&["./bin/t", "{file}"], &[("bin/t", "#!/bin/sh\necho own $1\n")]);
    fs::set_permissions(bench.root.path().join("bin/t"), fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(bench.check("a.txt", "").await.unwrap().output, "own a.txt\n");
}

#[tokio::test]
async fn a_command_that_cannot_run_is_an_error_that_says_what_to_do() {
    let bench = Bench::new(&["no-such-program"], &[]);
    let error = bench.check("a.txt", "").await.unwrap_err().to_string();
    let expected = "failed to run the check command `no-such-program`: No such file or directory (os error 2); \
                    install it, or change `command` of `[check]` in the settings";
    assert_eq!(error, expected);
    assert!(bench.check("../outside.txt", "").await.unwrap_err().to_string().contains("the folder that the check"));
    fs::write(bench.root.path().join(".gitignore"), b"\xff").unwrap();
    let error = bench.check("a.txt", "").await.unwrap_err().to_string();
    assert!(error.starts_with("failed to copy the workspace for its check: ") && error.contains("UTF-8"), "{error}");
    assert_eq!(bench.copies(), Vec::<PathBuf>::new());
}

/// Waits until no process has this argument.
async fn gone(argument: &str) -> bool {
    let deadline = Instant::now() + Duration::from_secs(10);
    while is_running(argument) {
        if Instant::now() > deadline {
            return false;
        }
        tokio::task::yield_now().await;
    }
    true
}

fn is_running(argument: &str) -> bool {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let lines = processes.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
    lines.into_iter().any(|line| line.split(|byte| *byte == 0).any(|part| part == argument.as_bytes()))
}

/// A number of seconds that no other test sleeps.
fn seconds(test: u32) -> String {
    format!("{}.{}", 1000 + test, std::process::id())
}

#[tokio::test]
async fn a_command_that_takes_too_long_fails_and_leaves_nothing() {
    let nap = seconds(1);
    let mut bench = Bench::new(&["sh", "-c", &format!("echo begun; sleep {nap} & sleep {nap}")], &[]);
    bench.settings.check.as_mut().unwrap().timeout = Duration::from_millis(300);
    let result = bench.check("a.txt", "").await.unwrap();
    // On a busy machine it may not even have begun.
    let said = result.output.strip_prefix("begun\n").unwrap_or(&result.output);
    assert_eq!((result.passed, said), (false, "(it took more than 0.3 s, and was ended)\n"));
    assert!(gone(&nap).await);
}

#[tokio::test]
async fn what_a_command_leaves_behind_ends_with_it() {
    let nap = seconds(2);
    let bench = Bench::new(&["sh", "-c", &format!("sleep {nap} & echo done")], &[]);
    assert_eq!(bench.check("a.txt", "").await.unwrap(), CheckResult { passed: true, output: "done\n".to_owned() });
    assert!(gone(&nap).await);
}

#[tokio::test]
async fn dropping_a_check_ends_the_command_and_removes_the_copy() {
    let nap = seconds(3);
    let bench = Bench::new(&["sh", "-c", &format!("sleep {nap} & sleep {nap}")], &[("a.txt", "")]);
    let file = bench.file("a.txt");
    let session = bench.checker().begin();
    let texts = [(file.clone(), String::new())];
    let begun = async {
        while !is_running(&nap) {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        result = session.check(&file, &texts) => panic!("it ended by itself: {result:?}"),
        () = begun => {}
    }
    assert!(gone(&nap).await);
    assert_eq!(bench.copies(), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn a_workspace_that_is_too_large_is_not_copied() {
    let bench = Bench::new(&["true"], &[]);
    let big = fs::File::create(bench.root.path().join("big.bin")).unwrap();
    big.set_len(copy::MAX_BYTES + 1).unwrap();
    let error = bench.check("a.txt", "").await.unwrap_err().to_string();
    assert!(error.contains("has more than 512 MiB; add what tests don't change to `.stepwrightignore`"), "{error}");
    fs::write(bench.root.path().join(".stepwrightignore"), "*.bin\n").unwrap();
    assert!(bench.check("a.txt", "").await.unwrap().passed);
}
