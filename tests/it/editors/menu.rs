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
            Document store.py
            Review store.py
            Select store.py for workflows
        "#]]
        .assert_eq(&titles(&mut editor, "src/store.py", 1..1));
        expect![[r#"
            Chat about lines 1–2…
            Write from store.py…
            Write pages from store.py…
            Write tests for store.py
            Auto-process store.py…
            Explain lines 1–2
            Simplify lines 1–2
            Select store.py for workflows
        "#]]
        .assert_eq(&titles(&mut editor, "src/store.py", 0..2));
        editor.open("p.md");
        expect![[r#"
            Run chat
            Estimate chat
            Ask me questions first
            Improve prompt
            Add the open file src/store.py
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
            Document store.py
            Review store.py
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
            Document store.py
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
        Document a.py
        Review a.py
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
        Document a.py
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
        Document b.py
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
    let all = count("a.py", json!({ "diagnostics": [], "only": ["refactor"] }));
    assert_eq!(count("a.py", json!({ "diagnostics": [] })), 8, "who asks for no kind gets the most fitting ones");
    assert!(all > 8, "{all}");
    for (only, expected) in [
        ("refactor", all),
        ("refactor.rewrite", all),
        ("refactor.rewrite.stepwright", all),
        ("refactor.rewrite.stepwright.preset", 4),
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
    assert_eq!(count("a.py", json!({ "diagnostics": [], "only": [] })), 8);
    // An editor that asks by itself hears only of what belongs to the spot.
    assert_eq!(count("a.py", json!({ "diagnostics": [], "triggerKind": 2 })), 0);
    assert_eq!(count("p.md", json!({ "diagnostics": [], "triggerKind": 2 })), 1);
}

#[test]
fn what_the_user_hides_makes_room() {
    let config = "[menu]\nhide = [\"write-pages\", \"document\", \"write\", \"cancel\"]\n";
    let prompt = "---\nstepwright: write\n---\nAdd b.\n";
    let files = [("a.py", "# наш код\na = 1\n"), ("p.md", prompt), ("q.md", "---\nstepwright:\n---\nAdd b.\n")];
    let mut editor = Setup::new(Profile::Neovim).config(config).files(&files).start();
    editor.open("a.py");
    expect![[r#"
        Chat about a.py…
        Write tests for a.py
        Auto-process a.py…
        Translate the comments of a.py into English
        Review a.py
        Explain a.py
        Simplify a.py
        Select a.py for workflows
    "#]]
    .assert_eq(&titles(&mut editor, "a.py", 0..0));
    editor.open("p.md");
    assert!(titles(&mut editor, "p.md", 0..0).starts_with("Run write\n"), "a document that names it still runs it");
    editor.open("q.md");
    assert_eq!(titles(&mut editor, "q.md", 0..0), "", "nothing is named yet");
}

#[test]
fn a_character_under_the_cursor_is_no_selection() {
    let mut editor = Setup::new(Profile::Helix).files(&[("a.py", "a = 1\nb = 2\n")]).start();
    editor.open("a.py");
    let position = |line: u32, character: u32| json!({ "line": line, "character": character });
    let mut first = |end: serde_json::Value| {
        let params = json!({
            "textDocument": { "uri": editor.uri("a.py") },
            "range": { "start": position(0, 0), "end": end },
            "context": { "diagnostics": [] },
        });
        editor.request("textDocument/codeAction", params)["result"][0]["title"].clone()
    };
    assert_eq!(first(position(0, 1)), "Chat about a.py…");
    assert_eq!(first(position(0, 2)), "Chat about line 1…");
}

#[test]
fn diagnostics_of_the_editor_are_mended() {
    for profile in Profile::ALL {
        let setup = Setup::new(profile).files(&[("a.py", "import os\na = 1\nprint(b)\n"), ("b.py", "b = 1\n")]);
        let replies = [
            ("- line 3: undefined name 'b' (pyflakes F821)\n", "```python\nimport os\na = 1\nprint(a)\n```"),
            ("Summarize", "Done."),
        ];
        let mut editor = setup.replies(&replies).start();
        editor.open("a.py");
        // Other files being selected doesn't matter here.
        editor.execute("stepwright.select", json!({ "files": ["b.py"] }));
        editor.wait_message("1 file is selected");
        let range = json!({ "start": { "line": 2, "character": 6 }, "end": { "line": 2, "character": 7 } });
        let theirs = json!({ "range": range, "message": "undefined name 'b'", "source": "pyflakes", "code": "F821" });
        let ours = json!({ "range": range, "message": "ours", "source": "stepwright" });
        let context = json!({ "diagnostics": [ours, theirs], "triggerKind": 2 });
        let offered = editor.actions_in("a.py", 2..2, context);
        assert_eq!(offered.iter().map(|action| action.title.as_str()).collect::<Vec<_>>(), ["Fix these diagnostics"]);
        assert_eq!(offered[0].kind, "quickfix.stepwright.preset.fix-diagnostics");
        editor.pick("Fix these diagnostics");
        assert_eq!(super::files(&editor.wait_run_end()), "changed a.py");
        assert_eq!(editor.buffer("a.py"), "import os\na = 1\nprint(a)\n");
    }
}

#[test]
fn presets_are_about_the_file_or_its_lines() {
    for profile in Profile::ALL {
        let setup = Setup::new(profile).files(&[("a.py", "a = 1\nb = 2\nc = 3\n"), ("b.py", "b = 1\n")]);
        let replies = [
            ("This is about lines 2 to 3 of it", "```python\na = 1\nb = c = 2\n```"),
            ("It is about lines 2 to 3 of a.py", "Two numbers."),
            ("Summarize", "Done."),
        ];
        let mut editor = setup.replies(&replies).start();
        editor.open("a.py");
        editor.execute("stepwright.select", json!({ "files": ["b.py"] }));
        editor.wait_message("1 file is selected");
        editor.actions("a.py", 1..3);
        editor.pick("Explain lines 2–3");
        assert_eq!(editor.wait_run_end().status, "finished");
        editor.actions("a.py", 1..3);
        editor.pick("Simplify lines 2–3");
        assert_eq!(super::files(&editor.wait_run_end()), "changed a.py", "{profile:?}");
    }
}

#[test]
fn selected_prose_is_an_instruction() {
    for profile in Profile::ALL {
        let setup = Setup::new(profile).files(&[("todo.md", "# Plan\n\nAdd a file a.py with a = 1.\n\nLater more.\n")]);
        let replies = [
            ("Determine which files", r#"[{"file_name": "a.py", "purpose": "hold a"}]"#),
            ("Make a plan", "PLAN"),
            ("Write the file a.py", "```python\na = 1\n```"),
            ("Summarize", "Done."),
        ];
        let mut editor = setup.replies(&replies).start();
        editor.open("todo.md");
        expect![[r#"
            Run selection as instruction
            Chat about line 3…
            Write from todo.md…
            Write pages from todo.md…
            Write tests for todo.md
            Auto-process todo.md…
            Select todo.md for workflows
        "#]]
        .assert_eq(&titles(&mut editor, "todo.md", 2..3));
        editor.pick("Run selection as instruction");
        assert_eq!(super::files(&editor.wait_run_end()), "created a.py", "{profile:?}");
    }
}

#[test]
fn open_and_changed_files_are_selected_at_once() {
    for profile in Profile::ALL {
        let files = [
            ("a.py", "a = 1\n"),
            ("b.py", "b = 1\n"),
            ("c.py", "c = 1\n"),
            (".gitignore", "out/\n"),
            ("out/x.py", "x\n"),
            (".env", "K=1\n"),
        ];
        let sandbox = crate::support::sandbox::Sandbox::new();
        files.iter().for_each(|(file, text)| sandbox.write(file, text));
        let git = |arguments: &[&str]| {
            let mut command = std::process::Command::new("git");
            command.current_dir(sandbox.workspace()).args(["-c", "user.name=x", "-c", "user.email=x@example.org"]);
            assert!(command.args(arguments).output().expect("there is a git").status.success());
        };
        git(&["init", "-q"]);
        git(&["add", "a.py", "b.py", ".gitignore"]);
        git(&["commit", "-q", "-m", "Begin"]);
        sandbox.write("b.py", "b = 2\n");
        let mut editor = Setup::new(profile).within(sandbox).start();
        editor.open("a.py");
        editor.open("c.py");
        editor.execute("stepwright.select", json!({ "files": ["a.py"] }));
        editor.wait_message("1 file is selected");
        expect![[r#"
            Chat about a.py…
            Write from a.py…
            Write pages from a.py…
            Write tests for a.py
            Auto-process a.py…
            Deselect a.py for workflows
            Select all open files
            Select files changed in git
        "#]]
        .assert_eq(&titles(&mut editor, "a.py", 0..0));
        editor.pick("Select all open files");
        editor.wait_message("2 files are selected");
        editor.actions("a.py", 0..0);
        editor.pick("Select files changed in git");
        // b.py is changed, c.py is new; what is ignored or secret isn't sent.
        editor.wait_message("3 files are selected");
        assert!(titles(&mut editor, "a.py", 0..0).contains("Auto-process 3 selected files…\n"));
    }
}

#[test]
fn without_git_it_says_so() {
    let mut editor = Setup::new(Profile::Helix).files(&[("a.py", "a = 1\n")]).start();
    editor.execute("stepwright.select", json!({ "changed": true }));
    assert_eq!(editor.wait_message("is in no git repository").level, 1);
    let sandbox = crate::support::sandbox::Sandbox::new();
    sandbox.write(".git/HEAD", "");
    let mut editor = Setup::new(Profile::Helix).within(sandbox).variable("PATH", "/nowhere").start();
    editor.execute("stepwright.select", json!({ "changed": true }));
    assert_eq!(editor.wait_message("there is no program `git` on the path").level, 1);
}

#[test]
fn markers_work_in_parts_and_blocks() {
    for profile in Profile::ALL {
        let page = "<template>\n</template>\n<script>\n// AI: add b\n//   as well\nlet a = 1;\n</script>\n<style>\n/* AI: make it\n   blue */\n</style>\n";
        let fixed =
            page.replace("// AI: add b\n//   as well\n", "").replace("let a = 1;\n", "let a = 1;\nlet b = 2;\n");
        let setup = Setup::new(profile).files(&[("a.vue", page)]);
        let answer = format!("```vue\n{fixed}```");
        let mut editor = setup.replies(&[("add b as well", &answer), ("Summarize", "Done.")]).start();
        editor.open("a.vue");
        assert!(titles(&mut editor, "a.vue", 9..9).starts_with("AI: make it blue (auto)\n"));
        assert!(titles(&mut editor, "a.vue", 4..4).starts_with("AI: add b as well (auto)\n"));
        editor.pick("AI: add b as well (auto)");
        editor.wait_run_end();
        assert_eq!(editor.buffer("a.vue"), fixed, "{profile:?}");
    }
}
