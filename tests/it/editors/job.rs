//! The main job: pick a workflow, watch it, find the edit in the buffer, save.

use expect_test::expect;
use serde_json::{Value, json};

use super::files;
use crate::support::editor::{Editor, Profile, Setup};

const TESTS: &[(&str, &str)] = &[
    ("Plan the tests", "PLAN"),
    ("Write the tests", "DRAFT"),
    ("This is a draft", "```python\ndef test_sell(): pass\n```"),
    ("Tests were written", "Selling is tested."),
];

/// The messages of the run's progress.
fn progress(editor: &Editor) -> Vec<String> {
    let events = editor.events().iter().filter(|event| event["method"] == "$/progress");
    events.filter_map(|event| event["params"]["value"]["message"].as_str().map(str::to_owned)).collect()
}

#[test]
fn tests_are_written_saved_and_read_back() {
    for profile in Profile::ALL {
        let setup = Setup::new(profile).files(&[("src/store.py", "def sell(): pass\n")]);
        let mut editor = setup.replies(TESTS).start();
        editor.open("src/store.py");
        editor.actions("src/store.py", 0..0);
        editor.pick("Write tests for store.py");
        let end = editor.wait_run_end();
        assert_eq!(end.status, "finished", "{profile:?}: {}", end.summary);
        assert_eq!(files(&end), "created tests/test_store.py (tests not run: no check command is trusted)");
        assert_eq!(editor.wait_message("Write Tests").level, 3);
        expect![[r#"
            1/5 Generate File Name
            2/5 Plan Tests
            3/5 Write Tests
            4/5 Edge Cases
            5/5 Summarize Tests
            Write Tests finished: tests/test_store.py was created, tests not run"#]          1/5 Generate File Name
            2/5 Plan Tests
            3/5 Write Tests
            4/5 Edge Cases
            5/5 Summarize Tests
            Write Tests finished: tests/test_store.py was created, tests not run"#]          1/5 Generate File Name
            2/5 Plan Tests
            3/5 Write Tests
            4/5 Edge Cases
            5/5 Summarize Tests
            Write Tests finished: tests/test_store.py was created, tests not run"#]].assert_eq(&progress(&editor).join("\n"));
        // The editor has it, the disk doesn't: the user saves.
        assert_eq!(editor.buffer("tests/test_store.py"), "def test_sell(): pass\n", "{profile:?}");
        assert_eq!(editor.disk("tests/test_store.py").as_deref(), Some(""), "{profile:?}");
        editor.save_all();
        assert_eq!(editor.disk("tests/test_store.py").as_deref(), Some("def test_sell(): pass\n"));
        assert_eq!(editor.disk("src/store.py").as_deref(), Some("def sell(): pass\n"));
        assert_eq!(editor.shutdown(), Some(0));
    }
}

/// The buffer that was shown last, and its text.
fn shown(editor: &Editor) -> (String, String) {
    let uri = editor.shown().last().expect("a document is shown");
    let path = tower_lsp::lsp_types::Url::parse(uri).unwrap().to_file_path().unwrap().display().to_string();
    let text = editor.buffer(&path);
    (path, text)
}

#[test]
fn a_prompt_document_asks_for_what_no_menu_can() {
    for profile in Profile::ALL {
        let setup = Setup::new(profile).files(&[("store.py", "a = 1\n")]);
        let replies = [("Make it 2.", "```python\na = 2\n```"), ("Summarize", "It is 2.")];
        let mut editor = setup.replies(&replies).start();
        editor.open("store.py");
        editor.actions("store.py", 0..0);
        editor.pick("Auto-process store.py…");
        editor.wait_shown(1);
        let (prompt, text) = shown(&editor);
        assert_eq!(text, "---\nstepwright: auto\nfiles: [store.py]\n---\n\n", "{profile:?}");
        editor.type_text(&prompt, (5, 0), "Make it 2.");
        editor.actions(&prompt, 5..5);
        editor.pick("Run auto");
        let end = editor.wait_run_end();
        assert_eq!(files(&end), "changed store.py", "{profile:?}: {}", end.summary);
        assert_eq!(editor.buffer("store.py"), "a = 2\n");
        assert_eq!(editor.disk("store.py").as_deref(), Some("a = 1\n"), "an open file is never written on disk");
        let text = editor.buffer(&prompt);
        assert!(text.contains("Make it 2.\n\n## stepwright m1\n\nIt is 2.\n\n## you\n"), "{profile:?}: {text}");
    }
}

#[test]
fn a_conversation_goes_on_in_its_document() {
    let prompt = "---\nstepwright: chat\n---\nWho are you?\n";
    let setup = Setup::new(Profile::Vscode).files(&[("talk.md", prompt)]);
    let replies = [
        ("Earlier request:\nWho are you?\n\nThe reply to it:\nA program.", "Since today."),
        ("Who are you?", "A program."),
    ];
    let mut editor = setup.replies(&replies).start();
    editor.open("talk.md");
    editor.actions("talk.md", 0..0);
    editor.pick("Run chat");
    editor.wait_run_end();
    let end = u32::try_from(editor.buffer("talk.md").lines().count()).unwrap();
    editor.type_text("talk.md", (end, 0), "Since when?\n");
    editor.actions("talk.md", 0..0);
    editor.pick("Run chat");
    editor.wait_run_end();
    expect![[r#"
        ---
        stepwright: chat
        ---
        Who are you?

        ## stepwright m1

        A program.

        ## you

        Since when?

        ## stepwright m2

        Since today.

        ## you

    "#]].assert_eq(&editor.buffer("talk.md"));
}

#[test]
fn a_chat_about_lines_shows_its_answer() {
    let setup = Setup::new(Profile::Neovim).files(&[("store.py", "a = 1\nb = 2\nc = 3\n")]);
    let replies = [("It is about lines 2 to 3 of store.py:\nb = 2\nc = 3\n", "Two numbers.")];
    let mut editor = setup.replies(&replies).start();
    editor.open("store.py");
    let range = json!({ "start": { "line": 1, "character": 0 }, "end": { "line": 3, "character": 0 } });
    let argument =
        json!({ "workflow": "chat", "uri": editor.uri("store.py"), "range": range, "instruction": "What is it?" });
    editor.execute("stepwright.run", argument);
    assert_eq!(editor.wait_run_end().status, "finished");
    let (_, text) = shown(&editor);
    assert!(text.contains("What is it?") && text.contains("Two numbers."), "{text}");
    let argument =
        json!({ "workflow": "chat", "file": "store.py", "line_start": 2, "line_end": 3, "instruction": "What is it?" });
    editor.execute("stepwright.run", argument);
    assert_eq!(editor.wait_run_end().status, "finished");
}

#[test]
fn failed_files_can_be_retried() {
    let setup = Setup::new(Profile::Helix).files(&[("a.py", "a = 1\n"), ("b.py", "b = 1\n")]);
    let mut editor = setup.replies(&[("the file a.py", "```python\na = 2\n```"), ("Summarize", "Done.")]).start();
    editor.open("a.py");
    editor.execute(
        "stepwright.run",
        json!({ "workflow": "auto", "files": ["a.py", "b.py"], "instruction": "Make it 2." }),
    );
    let end = editor.wait_run_end();
    assert_eq!((end.status.as_str(), files(&end).as_str()), ("finished", "changed a.py"));
    assert_eq!(editor.wait_message("b.py failed").level, 2);
    editor
        .sandbox
        .put("replay.json", r#"[{"match": "the file b.py", "reply": "b = 2"}, {"match": "Summarize", "reply": "x"}]"#);
    editor.actions("a.py", 0..0);
    editor.pick("Retry 1 failed file");
    let end = editor.wait_run_end();
    assert_eq!((end.status.as_str(), files(&end).as_str()), ("finished", "changed b.py"));
    let actions = editor.actions("a.py", 0..0);
    assert!(!actions.iter().any(|action| action.title.starts_with("Retry")), "nothing is left to retry");
}

#[test]
fn presets_are_in_the_menu() {
    let setup = Setup::new(Profile::Vscode).files(&[
        ("a.py", "a = 1\n"),
        (
            ".stepwright/config.toml",
            "[[presets]]\nid = \"two\"\ntitle = \"Make it two\"\nworkflow = \"auto\"\ninstruction = \"Make it 2.\"\n",
        ),
    ]);
    let mut editor = setup.replies(&[("Make it 2.", "```python\na = 2\n```"), ("Summarize", "Done.")]).start();
    editor.open("a.py");
    editor.actions("a.py", 0..0);
    editor.pick("Make it two");
    assert_eq!(editor.wait_run_end().status, "finished");
    assert_eq!(editor.buffer("a.py"), "a = 2\n");
}

#[test]
fn a_bare_string_is_an_instruction() {
    let mut editor = Setup::new(Profile::Vscode).start();
    editor.execute_arguments("stepwright.run", Vec::<Value>::from([json!("Hello")]));
    assert_eq!(editor.wait_message("say which workflow").level, 1);
}
