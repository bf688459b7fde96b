//! Mistakes, of users, of models and in files: each is told once, in a sentence, and nothing is written.

use expect_test::expect;
use serde_json::{Value, json};

use super::files;
use crate::support::editor::{Editor, Profile, Setup};

#[test]
fn a_wrong_argument_is_told_in_a_sentence() {
    let mut editor = Setup::new(Profile::Vscode).files(&[("a.py", "a = 1\n")]).start();
    let mut told = String::new();
    for (command, argument) in [
        ("run", json!({})),
        ("run", json!({ "wrokflow": "auto" })),
        ("run", json!({ "workflow": 7 })),
        ("run", json!({ "workflow": "nothing" })),
        ("run", json!({ "preset": "nothing" })),
        ("run", json!([1])),
        ("run", json!({ "workflow": "chat" })),
        ("run", json!({ "workflow": "auto", "instruction": "x" })),
        ("run", json!({ "workflow": "auto", "instruction": "x", "files": ["b.py"] })),
        ("run", json!({ "workflow": "chat", "instruction": "x", "messages": ["m7"] })),
        ("run", json!({ "workflow": "chat", "instruction": "x", "uri": "git:/a.py" })),
        ("run", json!({ "workflow": "chat", "instruction": "x", "uri": "file:///no/such/file" })),
        ("run", json!({ "workflow": "write-pages", "instruction": "x", "tags": { "pages": 0 } })),
        ("select", json!({})),
        ("cancel", json!({ "runs": "x" })),
        ("apply", json!({ "file": 1 })),
        ("newPrompt", json!({ "workflow": "nothing" })),
    ] {
        let before = editor.messages().len();
        editor.execute(&format!("stepwright.{command}"), argument);
        editor.wait_message("");
        let messages = editor.messages();
        assert_eq!(messages.len(), before + 1, "{messages:?}");
        told += &format!("{} {}\n", messages[before].level, messages[before].text);
    }
    expect![[r#"
        1 say which workflow to run, as `workflow` or `preset`
        1 failed to read the argument of `stepwright.run`: unknown field `wrokflow`, expected one of `workflow`, `preset`, `instruction`, `uri`, `file`, `files`, `range`, `line_start`, `line_end`, `messages`, `tags`
        1 failed to read the argument of `stepwright.run`: `workflow`: invalid type: integer `7`, expected a string
        1 there is no workflow `nothing`; there are: chat, write, write-pages, write-tests, auto
        1 there is no preset `nothing`; known ones: explain, simplify, document, review, translate-comments, fix-diagnostics
        1 failed to read the argument of `stepwright.run`: it is one object, such as {"file": "a.py"}
        1 Chat needs an instruction: say in a sentence what it is to do
        1 Auto needs a file: name one, or in an editor open or select one
        1 failed to find `b.py`: no such file; did you mean `a.py`?
        1 there is no message `m7`; ids look like `m1`
        1 failed to use `git:/a.py`: only files and unsaved buffers can be used, not `git:`
        1 failed to find `file:///no/such/file`: no such file
        1 `pages` takes a whole number of at least 1, not 0
        1 say which file, as `uri`, `file` or `files`
        1 failed to read the argument of `stepwright.cancel`: unknown field `runs`, expected `run`
        1 failed to read the argument of `stepwright.apply`: `file`: invalid type: integer `1`, expected a string
        1 there is no workflow `nothing`; there are: chat, write, write-pages, write-tests, auto
    "#]].assert_eq(&told);
}

/// `line: message` of what is published last.
fn diagnostics(editor: &mut Editor, file: &str) -> Vec<String> {
    let uri = editor.uri(file);
    let event = editor.wait_event("diagnostics", |event| {
        event["method"] == "textDocument/publishDiagnostics" && event["params"]["uri"] == uri.as_str()
    });
    let line = |item: &Value| format!("{}: {}", item["range"]["start"]["line"], item["message"].as_str().unwrap());
    event["params"]["diagnostics"].as_array().unwrap().iter().map(line).collect()
}

#[test]
fn a_mistake_in_the_configuration_has_its_line() {
    for profile in Profile::ALL {
        let config = "[limits]\nmax-pages = 5\nconcurency = 2\n\n[roles]\nmain = \"evil/model\"\n";
        let mut editor = Setup::new(profile).files(&[(".stepwright/config.toml", config)]).start();
        editor.wait_message("line 3: unknown key `concurency`");
        editor.wait_message("line 5");
        editor.open(".stepwright/config.toml");
        let found = diagnostics(&mut editor, ".stepwright/config.toml");
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("2: unknown key `concurency`"), "{found:?}");
        assert!(found[1].starts_with("4: `roles` can't be set by a workspace"), "{found:?}");
        editor.replace(".stepwright/config.toml", (4, 0)..(6, 0), "");
        editor.replace(".stepwright/config.toml", (2, 0)..(2, 10), "concurrency");
        editor.save_all();
        assert!(diagnostics(&mut editor, ".stepwright/config.toml").is_empty());
    }
}

#[test]
fn a_mistake_in_a_workflow_has_its_line() {
    let file = ".stepwright/workflows/odd.toml";
    let text = "title = \"Odd\"\n[[steps]]\ndo = \"chat\"\nmodule = \"Odd\"\nprompt = \"{{fiels}}\"\n";
    let setup = Setup::new(Profile::Vscode).config("trust = [\"$ROOT\"]\n");
    let mut editor = setup.files(&[(file, text)]).start();
    editor.wait_message("unknown variable `fiels`");
    editor.open(file);
    let found = diagnostics(&mut editor, file);
    assert_eq!(found, ["4: unknown variable `fiels`; did you mean `files`?"]);
    editor.execute("stepwright.run", json!({ "workflow": "odd", "instruction": "x" }));
    assert_eq!(editor.wait_message("can't be run").level, 1);
    editor.replace(file, (4, 12)..(4, 17), "files");
    editor.save_all();
    assert!(diagnostics(&mut editor, file).is_empty());
}

#[test]
fn a_model_chooses_no_path_that_may_not_be_written() {
    for (path, reason) in [
        ("../x.py", "it contains `..`"),
        ("/tmp/x.py", "it is absolute"),
        (".git/hooks/pre-commit", "version control"),
        ("~/x.py", "it begins with `~`"),
        ("a.py/b.py", ""),
    ] {
        let files = json!([{ "file_name": path, "purpose": "x" }]).to_string();
        let replies =
            [("Determine which", files.as_str()), ("The file to plan", "PLAN"), ("Write the file", "x = 1\n")];
        let mut editor = Setup::new(Profile::Vscode).files(&[("a.py", "a = 1\n")]).replies(&replies).start();
        let before = editor.sandbox.tree();
        editor.execute("stepwright.run", json!({ "workflow": "write", "instruction": "Add x." }));
        let end = editor.wait_run_end();
        assert_eq!(end.status, "error", "{path}: {}", end.summary);
        let message = editor.wait_message("refused to write");
        assert!(message.level == 1 && message.text.contains(reason), "{path}: {}", message.text);
        editor.save_all();
        assert_eq!(editor.sandbox.tree(), before, "{path}");
    }
}

#[test]
fn a_protected_path_needs_the_user_s_word() {
    let run = |argument: Value| {
        let chosen = r#"[{ "file_name": "package.json", "purpose": "x" }]"#;
        let replies = [
            ("Determine which", chosen),
            ("The file to plan", "PLAN"),
            ("Write the file", "```json\n{}\n```"),
            ("Summarize", "Done."),
        ];
        let mut editor = Setup::new(Profile::Helix).replies(&replies).start();
        editor.execute("stepwright.run", argument);
        let told = files(&editor.wait_run_end());
        (editor, told)
    };
    let (mut editor, told) = run(json!({ "workflow": "write", "instruction": "Add it." }));
    assert_eq!(told, "pending package.json (`package.json` is protected: building, installing or testing runs it)");
    assert_eq!(editor.disk("package.json"), None);
    // Applying it is the confirmation.
    editor.execute("stepwright.apply", json!({ "file": "package.json" }));
    editor.wait_message("applied the result");
    editor.save_all();
    assert_eq!(editor.disk("package.json").as_deref(), Some("{}\n"));

    let (_, told) = run(json!({ "workflow": "write", "instruction": "Add it.", "tags": { "write": "package.json" } }));
    assert_eq!(told, "created package.json");
}
