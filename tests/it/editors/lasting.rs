//! What outlives a moment: runs that are taken back, results that wait over a restart, and runs that go on after a crash.

use serde_json::json;

use super::{auto_until_asked, files, good, titles, with_provider};
use crate::support::{
    editor::{ApplyMode, Editor, Profile, Setup},
    provider::{Act, KEY, KEY_VARIABLE, Provider},
    sandbox::Sandbox,
};

const TWO: &[(&str, &str)] = &[
    ("the file a.py", "```python\n# made\na = 2\nb = 1\n```"),
    ("the file b.py", "```python\nb = 2\n```"),
    ("Summarize", "Done."),
];

/// Runs `auto` on two files, of which one is open.
fn auto(profile: Profile) -> Editor {
    let setup = Setup::new(profile).files(&[("a.py", "a = 1\nb = 1\n"), ("b.py", "b = 1\r\n")]);
    let mut editor = setup.replies(TWO).start();
    editor.open("a.py");
    editor.execute("stepwright.run", json!({ "workflow": "auto", "files": ["*.py"], "instruction": "Make it 2." }));
    let end = editor.wait_run_end();
    assert_eq!(end.status, "finished", "{profile:?}: {}", end.summary);
    editor
}

/// The same folder in a new session.
fn again(profile: Profile, sandbox: Sandbox) -> Editor {
    let mut editor = Setup::new(profile).within(sandbox).variable(KEY_VARIABLE, KEY).start();
    editor.open("a.py");
    editor
}

#[test]
fn a_run_is_taken_back_around_what_was_typed() {
    for profile in Profile::ALL {
        let mut editor = auto(profile);
        editor.type_text("a.py", (2, 5), "\nmine = 1");
        assert_eq!(editor.buffer("a.py"), "# made\na = 2\nb = 1\nmine = 1\n", "{profile:?}");
        editor.actions("a.py", 0..0);
        editor.pick("Revert Auto");
        editor.wait_message("reverted Auto: ");
        assert_eq!(editor.buffer("a.py"), "a = 1\nb = 1\nmine = 1\n", "{profile:?}");
        editor.save_all();
        assert_eq!(editor.disk("b.py").as_deref(), Some("b = 1\r\n"), "{profile:?}");
        assert!(!titles(&mut editor, "a.py", 0..0).contains("Revert"), "it is over");
    }
}

#[test]
fn lines_that_were_changed_since_are_not_taken_back() {
    for profile in Profile::ALL {
        let mut editor = auto(profile);
        editor.replace("a.py", (1, 4)..(1, 5), "3");
        editor.execute("stepwright.revert", json!({}));
        let said = editor.wait_message("reverted Auto in part");
        assert!(said.text.contains("a.py stays as it is: lines 1 to 2 were changed since"), "{}", said.text);
        assert_eq!(editor.buffer("a.py"), "# made\na = 3\nb = 1\n", "{profile:?}");
    }
}

#[test]
fn a_created_file_goes_unless_it_was_changed() {
    for profile in Profile::ALL {
        for typed in [false, true] {
            let setup = Setup::new(profile).files(&[("a.py", "a = 1\n")]);
            let replies = [("Write tests", ""), ("new.py", "```python\nx = 1\n```"), ("", "Done.")];
            let mut editor = setup.replies(&replies).start();
            editor.open("a.py");
            let argument = json!({ "workflow": "write", "tags": { "write": "new.py" }, "instruction": "One." });
            editor.execute("stepwright.run", argument);
            assert_eq!(files(&editor.wait_run_end()), "created new.py", "{profile:?}");
            if typed {
                editor.type_text("new.py", (0, 5), " # mine");
            }
            editor.execute("stepwright.revert", json!({}));
            if typed {
                editor.wait_message("new.py stays as it is: it was changed since the run created it");
                assert_eq!(editor.buffer("new.py"), "x = 1 # mine\n");
            } else {
                editor.wait_message("reverted Write: new.py is gone");
                assert_eq!(editor.disk("new.py"), None, "{profile:?}");
            }
        }
    }
}

#[test]
fn results_and_selection_wait_for_the_next_session() {
    for profile in Profile::ALL {
        let setup = Setup::new(profile).files(&[("a.py", "a = 1\nb = 1\n"), ("b.py", "b = 1\n")]);
        let mut editor = setup.replies(TWO).start();
        editor.open("a.py");
        editor.apply_mode = ApplyMode::Refuse("not now".into());
        editor.execute("stepwright.select", json!({ "files": ["a.py", "b.py"] }));
        editor.wait_message("2 files are selected");
        editor.execute("stepwright.run", json!({ "workflow": "auto", "files": ["a.py"], "instruction": "Make it 2." }));
        editor.wait_run_end();

        let mut editor = again(profile, editor.leave());
        editor.wait_menu("a.py", "Apply result of Auto to a.py");
        editor.wait_menu("a.py", "Clear the selection of 2 files");
        editor.pick("Apply result of Auto to a.py");
        editor.wait_message("applied the result of Auto to a.py");
        assert_eq!(editor.buffer("a.py"), "# made\na = 2\nb = 1\n", "{profile:?}");
        // And can be taken back all the same.
        editor.execute("stepwright.revert", json!({ "run": run_of(&editor) }));
        editor.wait_message("reverted Auto: a.py is as before");
        assert_eq!(editor.buffer("a.py"), "a = 1\nb = 1\n", "{profile:?}");

        let mut editor = again(profile, editor.leave());
        editor.wait_menu("a.py", "Clear the selection of 2 files");
        assert!(!titles(&mut editor, "a.py", 0..0).contains("result"), "it doesn't come back");
    }
}

/// The only run in the history on disk.
fn run_of(editor: &Editor) -> String {
    let ran = editor.sandbox.run(&["history", "--json"]);
    let runs: serde_json::Value = serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
    runs[0]["run"].as_str().expect("a run").to_owned()
}

#[test]
fn a_killed_run_goes_on_without_asking_again() {
    for profile in Profile::ALL {
        let first = good("```python\na = 2\n```");
        let provider = Provider::start(vec![first, vec![Act::Stall], good("```python\nb = 2\n```")]);
        let mut editor = with_provider(profile, &provider, &[("a.py", "a = 1\n"), ("b.py", "b = 1\n")]);
        editor.open("a.py");
        auto_until_asked(&mut editor, &provider, &["a.py", "b.py"], 2);
        editor.save_all();
        let sandbox = editor.kill();

        let mut editor = Setup::new(profile).within(sandbox).variable(KEY_VARIABLE, KEY).start();
        editor.clicks.push_back("Resume".to_owned());
        editor.open("a.py");
        if profile == Profile::Helix {
            editor.wait_menu("a.py", "Resume Auto");
            editor.pick("Resume Auto");
        }
        let end = editor.wait_run_end();
        assert_eq!(
            (end.status.as_str(), files(&end).as_str()),
            ("finished", "changed a.py; changed b.py"),
            "{profile:?}"
        );
        assert_eq!(provider.posts().len(), 3, "the first file's answer was paid for");
        editor.save_all();
        assert_eq!(editor.disk("a.py").as_deref(), Some("a = 2\n"), "{profile:?}");
        assert_eq!(editor.disk("b.py").as_deref(), Some("b = 2\n"), "{profile:?}");
        // Nothing is left to resume.
        let mut editor = again(profile, editor.leave());
        assert!(!titles(&mut editor, "a.py", 0..0).contains("Resume"));
        editor.execute("stepwright.resume", json!({}));
        editor.wait_message("there is no interrupted run");
    }
}

#[test]
fn an_interrupted_run_can_be_forgotten() {
    let provider = Provider::start(vec![vec![Act::Stall]]);
    let mut editor = with_provider(Profile::Vscode, &provider, &[("a.py", "a = 1\n")]);
    editor.open("a.py");
    auto_until_asked(&mut editor, &provider, &["a.py"], 1);
    // Politely this time: the run is kept all the same.
    let mut editor = Setup::new(Profile::Vscode).within(editor.leave()).variable(KEY_VARIABLE, KEY).start();
    editor.clicks.push_back("Forget".to_owned());
    editor.open("a.py");
    editor.wait_message("Auto was interrupted");
    editor.wait_message("Auto won't be resumed");
    let mut editor = again(Profile::Vscode, editor.leave());
    editor.execute("stepwright.resume", json!({}));
    editor.wait_message("there is no interrupted run");
    assert_eq!(provider.posts().len(), 1);
}

#[test]
fn history_is_there_to_read() {
    for profile in Profile::ALL {
        let mut editor = auto(profile);
        editor.execute("stepwright.showHistory", json!({}));
        editor.wait_shown(1);
        editor.execute("stepwright.showRun", json!({ "run": run_of(&editor) }));
        editor.wait_shown(2);
        let texts: Vec<_> = editor.shown().to_vec().iter().map(|uri| shown(&editor, uri)).collect();
        assert!(texts[0].contains("auto") && texts[0].contains("Make it 2."), "{}", texts[0]);
        for part in ["Make it 2.", "Process a.py", "a = 2", "b.py", "finished"] {
            assert!(texts[1].contains(part), "{part}: {}", texts[1]);
        }
    }
}

#[test]
fn a_waiting_result_can_be_looked_at() {
    for profile in Profile::ALL {
        let setup = Setup::new(profile).files(&[("a.py", "a = 1\nb = 1\n")]);
        let mut editor = setup.replies(TWO).start();
        editor.open("a.py");
        editor.apply_mode = ApplyMode::Refuse("not now".into());
        editor.execute("stepwright.run", json!({ "workflow": "auto", "files": ["a.py"], "instruction": "Make it 2." }));
        editor.wait_run_end();
        editor.actions("a.py", 0..0);
        editor.pick("Show result of Auto to a.py");
        editor.wait_shown(1);
        let text = shown(&editor, &editor.shown()[0]);
        assert!(text.contains("```diff") && text.contains("\n+# made\n") && text.contains("\n-a = 1\n"), "{text}");
    }
}

fn shown(editor: &Editor, uri: &str) -> String {
    let path = tower_lsp::lsp_types::Url::parse(uri).unwrap().to_file_path().unwrap();
    editor.buffer(&path.display().to_string())
}

#[test]
fn edits_are_reviewed_where_the_user_says_so() {
    for profile in Profile::ALL {
        let setup = Setup::new(profile).files(&[("a.py", "a = 1\nb = 1\n")]);
        let setup = setup.replies(TWO);
        let mut editor = setup.option("review", json!("always")).start();
        editor.agrees = true;
        editor.open("a.py");
        editor.execute("stepwright.run", json!({ "workflow": "auto", "files": ["a.py"], "instruction": "Make it 2." }));
        let end = editor.wait_run_end();
        assert_eq!(files(&end), "pending a.py (every edit is to be looked at first)", "{profile:?}");
        if profile == Profile::Vscode {
            // It shows the edit by itself and asks; this user agrees.
            editor.wait_message("applied the result of Auto to a.py");
        } else {
            editor.actions("a.py", 0..0);
            editor.pick("Apply result of Auto to a.py");
            editor.wait_message("applied the result of Auto to a.py");
        }
        assert_eq!(editor.buffer("a.py"), "# made\na = 2\nb = 1\n", "{profile:?}");
        assert!(!titles(&mut editor, "a.py", 0..0).contains("result"), "it is applied");
    }
}

#[test]
fn messages_can_be_named_in_later_sessions() {
    let setup = Setup::new(Profile::Neovim).files(&[("a.py", "a = 1\n")]);
    let replies = [("The reply to it:\nIt is one.", "Now it is two."), ("What is a?", "It is one.")];
    let mut editor = setup.replies(&replies).start();
    editor.open("a.py");
    editor.execute("stepwright.run", json!({ "workflow": "chat", "file": "a.py", "instruction": "What is a?" }));
    assert_eq!(editor.wait_run_end().status, "finished");
    let mut editor = again(Profile::Neovim, editor.leave());
    let argument = json!({ "workflow": "chat", "file": "a.py", "instruction": "And now?", "messages": ["m1"] });
    editor.execute("stepwright.run", argument);
    assert_eq!(editor.wait_run_end().status, "finished");
    let argument = json!({ "workflow": "chat", "file": "a.py", "instruction": "And now?", "messages": ["m9"] });
    editor.execute("stepwright.run", argument);
    editor.wait_message("there is no message `m9`");
}
