//! Editors that refuse, lie or say nothing: a result is "applied" only when it shows, and is kept until then.

use serde_json::json;

use super::files;
use crate::support::editor::{ApplyMode, Editor, Profile, Setup};

/// Runs `auto` on `a.py` while edits are treated so; `a = 1` is to become `a = 2`.
fn run(profile: Profile, mode: ApplyMode) -> (Editor, String) {
    let setup = Setup::new(profile).files(&[("a.py", "a = 1\nb = 1\n")]);
    let mut editor =
        setup.replies(&[("the file a.py", "```python\na = 2\nb = 1\n```"), ("Summarize", "Done.")]).start();
    editor.open("a.py");
    editor.apply_mode = mode;
    editor.execute("stepwright.run", json!({ "workflow": "auto", "files": ["a.py"], "instruction": "Make it 2." }));
    let end = editor.wait_run_end();
    assert_eq!(end.status, "finished", "{}", end.summary);
    let told = files(&end);
    (editor, told)
}

#[test]
fn what_does_not_show_is_not_applied() {
    for profile in Profile::ALL {
        let refusal = if profile == Profile::Vscode { "" } else { ": not now" };
        for (mode, expected) in [
            (ApplyMode::Honest, "changed a.py".to_owned()),
            (
                ApplyMode::SayAppliedButSkip,
                "pending a.py (the editor said that it applied the edit, but the document doesn't show it)".to_owned(),
            ),
            (ApplyMode::Refuse("not now".into()), format!("pending a.py (the editor refused the edit{refusal})")),
        ] {
            let (editor, told) = run(profile, mode.clone());
            assert_eq!(told, expected, "{profile:?} {mode:?}");
            let applied = mode == ApplyMode::Honest;
            assert_eq!(editor.buffer("a.py"), if applied { "a = 2\nb = 1\n" } else { "a = 1\nb = 1\n" });
            assert_eq!(editor.disk("a.py").as_deref(), Some("a = 1\nb = 1\n"), "nothing goes behind the editor's back");
        }
        let (editor, told) = run(profile, ApplyMode::Garbage);
        assert!(told.starts_with("pending a.py (the editor refused the edit: "), "{told}");
        assert_eq!(editor.buffer("a.py"), "a = 1\nb = 1\n");
    }
}

fn titles_with(editor: &mut Editor, part: &str) -> Vec<String> {
    let actions = editor.actions("a.py", 0..0);
    actions.into_iter().map(|action| action.title).filter(|title| title.contains(part)).collect()
}

fn edits_asked(editor: &Editor) -> usize {
    editor.transcript().matches("<- workspace/applyEdit").count()
}

#[test]
fn a_result_that_waits_is_applied_by_its_action() {
    for profile in Profile::ALL {
        let (mut editor, _) = run(profile, ApplyMode::Refuse("not now".into()));
        editor.apply_mode = ApplyMode::Honest;
        // Computed against the text of the moment.
        editor.type_text("a.py", (1, 5), "\nc = 1");
        let before = edits_asked(&editor);
        editor.actions("a.py", 0..0);
        editor.pick("Apply result of Auto to a.py");
        editor.wait_message("applied the result");
        assert_eq!(editor.buffer("a.py"), "a = 2\nb = 1\nc = 1\n", "{profile:?}");
        assert_eq!(edits_asked(&editor), before, "the action's own edit is the only one");
        assert!(titles_with(&mut editor, "result").is_empty());
    }
}

#[test]
fn a_result_that_waits_is_applied_or_discarded_by_command() {
    for profile in Profile::ALL {
        let (mut editor, _) = run(profile, ApplyMode::SayAppliedButSkip);
        editor.apply_mode = ApplyMode::Honest;
        editor.execute("stepwright.apply", json!({ "file": "a.py" }));
        editor.wait_message("applied the result of Auto to a.py");
        assert_eq!(editor.buffer("a.py"), "a = 2\nb = 1\n", "{profile:?}");
        editor.execute("stepwright.apply", json!({}));
        editor.wait_message("there is no such result");
        assert_eq!(editor.buffer("a.py"), "a = 2\nb = 1\n", "nothing is applied twice");

        let (mut editor, _) = run(profile, ApplyMode::Refuse("not now".into()));
        editor.execute("stepwright.apply", json!({}));
        editor.wait_message("still waits");
        assert_eq!(titles_with(&mut editor, "result").len(), 3);
        editor.pick("Discard result of Auto to a.py");
        editor.wait_message("discarded 1");
        assert!(titles_with(&mut editor, "result").is_empty());
        assert_eq!(editor.buffer("a.py"), "a = 1\nb = 1\n");
    }
}

#[test]
fn an_edit_inside_an_action_that_is_not_carried_out_is_kept() {
    let (mut editor, _) = run(Profile::Vscode, ApplyMode::Refuse("not now".into()));
    let actions = editor.actions("a.py", 0..0);
    let apply = actions.iter().find(|action| action.title.starts_with("Apply")).unwrap();
    assert!(apply.edit.is_some());
    // The command alone, as a client sends it that lost the edit.
    editor.execute("stepwright.apply", apply.command["arguments"][0].clone());
    editor.wait_message("the document doesn't show it; it still waits");
    assert_eq!(titles_with(&mut editor, "Apply result").len(), 1);
}

#[test]
fn several_files_each_have_their_own_fate() {
    for profile in Profile::ALL {
        let setup = Setup::new(profile).files(&[("a.py", "a = 1\n"), ("b.py", "b = 1\n"), ("c.py", "c = 1\n")]);
        let replies =
            [("file a.py", "a = 2"), ("file b.py", "I can't say."), ("file c.py", "c = 2"), ("Summarize", "Done.")];
        let mut editor = setup.replies(&replies).start();
        // One is open, the others aren't.
        editor.open("a.py");
        let argument = json!({ "workflow": "auto", "files": ["*.py"], "instruction": "Make it 2." });
        editor.execute("stepwright.run", argument);
        let end = editor.wait_run_end();
        let mut told: Vec<_> = files(&end).split("; ").map(str::to_owned).collect();
        told.sort();
        assert_eq!(told, ["changed a.py", "changed c.py"], "{profile:?}: {}", end.summary);
        editor.wait_message("b.py failed");
        editor.save_all();
        let texts = ["a.py", "b.py", "c.py"].map(|file| editor.disk(file).unwrap());
        assert_eq!(texts, ["a = 2\n", "b = 1\n", "c = 2\n"], "{profile:?}");
    }
}
