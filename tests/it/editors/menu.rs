//! The code-action menu: what is offered where, and to whom.

use expect_test::expect;
use serde_json::json;

use super::{auto_until_asked, held, titles, with_provider};
use crate::support::{
    editor::{ApplyMode, Profile, Setup},
    provider::Provider,
};

const PROMPT: &str = "---\nstepwright: chat\n---\nHello\n";

#[test]
fn the_menu_fits_its_spot() {
    for profile in Profile::ALL {
        let files = [("src/store.py", "a = 1\nb = 2\nc = 3\n"), ("b.py", "b = 1\n"), ("p.md", PROMPT)];
        let mut editor = Setup::new(profile).files(&files).start();
        editor.open("src/store.py");
        expect![[r#"
            Chat about store.py…
            Write from store.py…
            Write pages from store.py…
            Write tests for store.py
            Auto-process store.py…
            Select store.py for workflows
        "#]]
        .assert_eq(&titles(&mut editor, "src/store.py", 1..1));
        expect![[r#"
            Chat about lines 1–2…
            Write from store.py…
            Write pages from store.py…
            Write tests for store.py
            Auto-process store.py…
            Select store.py for workflows
        "#]]
        .assert_eq(&titles(&mut editor, "src/store.py", 0..2));
        editor.open("p.md");
        expect![[r#"
            Run chat
        "#]]
        .assert_eq(&titles(&mut editor, "p.md", 0..0));
        editor.execute("stepwright.select", json!({ "uri": editor.uri("src/store.py") }));
        editor.wait_message("1 file is selected");
        expect![[r#"
            Chat about store.py…
            Write from store.py…
            Write pages from store.py…
            Write tests for store.py
            Auto-process store.py…
            Deselect store.py for workflows
        "#]]
        .assert_eq(&titles(&mut editor, "src/store.py", 1..1));
        editor.execute("stepwright.select", json!({ "files": ["b.py"] }));
        editor.wait_message("2 files are selected");
        expect![[r#"
            Chat about store.py…
            Write from store.py…
            Write pages from store.py…
            Write tests for store.py
            Auto-process 2 selected files…
            Deselect store.py for workflows
            Clear the selection of 2 files
        "#]]
        .assert_eq(&titles(&mut editor, "src/store.py", 1..1));
        editor.execute("stepwright.deselect", json!({ "file": "b.py" }));
        editor.wait_message("1 file is selected");
        editor.execute("stepwright.clearSelection", json!({}));
        editor.wait_message("no files are selected");
    }
}

#[test]
fn who_has_an_input_box_needs_no_prompt_document() {
    let mut editor = Setup::new(Profile::Vscode)
        .option("inputBox", json!(true))
        .files(&[("a.py", "a = 1\n")])
        .replies(&[("Make it 2.", "```python\na = 2\n```"), ("Summarize", "Done.")])
        .start();
    editor.open("a.py");
    expect![[r#"
        Chat about a.py
        Write from a.py
        Write pages from a.py
        Write tests for a.py
        Auto-process a.py
        Select a.py for workflows
    "#]]
    .assert_eq(&titles(&mut editor, "a.py", 0..0));
    editor.inputs.push_back("Make it 2.".to_owned());
    editor.pick("Auto-process a.py");
    assert_eq!(editor.wait_run_end().status, "finished");
    assert_eq!(editor.buffer("a.py"), "a = 2\n");
    // A box that is closed starts nothing.
    editor.pick("Auto-process a.py");
    expect![[r#"
        Chat about a.py
        Write from a.py
        Write pages from a.py
        Write tests for a.py
        Auto-process a.py
        Revert Auto
        Select a.py for workflows
    "#]]
    .assert_eq(&titles(&mut editor, "a.py", 0..0));
}

#[test]
fn runs_and_results_come_first() {
    let provider = Provider::start(vec![held("```python\na = 2\n```")]);
    let mut editor = with_provider(Profile::Helix, &provider, &[("a.py", "a = 1\n"), ("b.py", "b = 1\n")]);
    editor.open("a.py");
    editor.open("b.py");
    auto_until_asked(&mut editor, &provider, &["a.py"], 1);
    expect![[r#"
        Cancel Auto
        Chat about b.py…
        Write from b.py…
        Write pages from b.py…
        Write tests for b.py
        Auto-process b.py…
        Select b.py for workflows
    "#]]
    .assert_eq(&titles(&mut editor, "b.py", 0..0));
    editor.apply_mode = ApplyMode::Refuse("not now".to_owned());
    provider.release();
    editor.wait_run_end();
    expect![[r#"
        Apply result of Auto to a.py
        Show result of Auto to a.py
        Discard result of Auto to a.py
        Chat about b.py…
        Write from b.py…
        Write pages from b.py…
        Write tests for b.py
        Auto-process b.py…
        Select b.py for workflows
    "#]]
    .assert_eq(&titles(&mut editor, "b.py", 0..0));
}

#[test]
fn kinds_are_hierarchical_and_nothing_is_for_saving() {
    let mut editor = Setup::new(Profile::Vscode).files(&[("a.py", "a = 1\n"), ("p.md", PROMPT)]).start();
    editor.open("a.py");
    editor.open("p.md");
    let mut count = |file: &str, context: serde_json::Value| editor.actions_in(file, 0..0, context).len();
    let all = count("a.py", json!({ "diagnostics": [] }));
    assert!(all > 4, "{all}");
    for (only, expected) in [
        ("refactor", all),
        ("refactor.rewrite", all),
        ("refactor.rewrite.stepwright", all),
        ("refactor.rewrite.stepwright.write-tests", 1),
        ("refactor.rewrite.stepwright.write", 1),
        ("refactor.rewrite.stepwrigh", 0),
        ("refactor.extract", 0),
        ("quickfix", 0),
        ("source", 0),
        ("source.fixAll", 0),
        ("source.organizeImports", 0),
    ] {
        assert_eq!(count("a.py", json!({ "diagnostics": [], "only": [only] })), expected, "{only}");
    }
    assert_eq!(count("a.py", json!({ "diagnostics": [], "only": ["source.fixAll", "refactor"] })), all);
    assert_eq!(count("a.py", json!({ "diagnostics": [], "only": [] })), all);
    // An editor that asks by itself hears only of what belongs to the spot.
    assert_eq!(count("a.py", json!({ "diagnostics": [], "triggerKind": 2 })), 0);
    assert_eq!(count("p.md", json!({ "diagnostics": [], "triggerKind": 2 })), 1);
}
