//! Helix's command line, the one place there where a person can type words for a command: the keys that `stepwright editor helix-keys`
//! prints, each as Helix carries it out.

use serde_json::Value;

use super::files;
use crate::support::editor::{Editor, Profile, Setup};

/// `:lsp-workspace-command NAME JSON…`, with the variables of the current file and selection.
fn type_line(editor: &mut Editor, line: &str, (file, first, last): (&str, u32, u32)) {
    let rest = line.strip_prefix(":lsp-workspace-command ").expect("the command of Helix");
    let (name, json) = rest.split_once(' ').unwrap_or((rest, ""));
    let json = json
        .replace("%{buffer_name}", file)
        .replace("%{selection_line_start}", &first.to_string())
        .replace("%{selection_line_end}", &last.to_string())
        .replace("%%", "%");
    // Helix reads one value after the other, and sends none where there is none.
    let arguments: Result<Vec<Value>, _> = serde_json::Deserializer::from_str(&json).into_iter().collect();
    let arguments = arguments.unwrap_or_else(|error| panic!("Helix can't read `{json}`: {error}"));
    editor.execute_arguments(name, arguments);
}

/// The keys below `space i`, with what each types.
fn keys(editor: &Editor) -> toml::Table {
    let printed: toml::Table = editor.sandbox.run(&["editor", "helix-keys"]).out.parse().expect("TOML");
    printed["keys"]["normal"]["space"]["i"].as_table().expect("keys").clone()
}

/// What a key types, with the instruction between the quotes where the cursor is left.
fn line(keys: &toml::Table, key: &str, instruction: &str) -> String {
    let text = keys[key].as_str().expect("a text");
    let Some(macro_of) = text.strip_prefix('@') else { return text.to_owned() };
    let typed = macro_of.strip_suffix("\"\"}<left><left>").expect("the cursor is between the last quotes");
    format!("{typed}\"{instruction}\"}}")
}

const FILES: &[(&str, &str)] = &[("src/store.py", "a = 1\nb = 2\n"), ("notes.md", "# Notes\n")];

fn editor() -> (Editor, toml::Table) {
    let replies = [
        ("Name the files", r#"[{"file_name": "src/new.py", "purpose": "hold c"}]"#),
        ("which files", r#"[{"file_name": "src/new.py", "purpose": "hold c"}]"#),
        ("100% right", "```python\na = 10\nb = 2\n```"),
        ("Is it \"b\"?", "It is b."),
        ("exactly 3", "1. a\n2. b\n3. c"),
        ("Write page", "A page."),
        ("Make a plan", "PLAN"),
        ("Add c.", "```python\nc = 3\n```"),
        ("Plan the tests", "PLAN"),
        ("Write the tests", "DRAFT"),
        ("This is a draft", "```python\ndef test_a(): pass\n```"),
        ("", "Done."),
    ];
    let mut editor = Setup::new(Profile::Helix).files(FILES).replies(&replies).start();
    editor.open("src/store.py");
    editor.open("notes.md");
    let keys = keys(&editor);
    (editor, keys)
}

#[test]
fn instructions_are_typed_on_the_command_line() {
    for (key, instruction, file, changed, has) in [
        ("a", "Make it 100%% right.", "src/store.py", "changed src/store.py", "a = 10\nb = 2\n"),
        ("w", "Add c.", "src/store.py", "created src/new.py", "c = 3\n"),
        ("p", "Write a guide.", "notes.md", "changed notes.md", "# Notes\n\nA page.\n\nA page.\n\nA page.\n"),
        (
            "t",
            "",
            "src/store.py",
            "created tests/test_store.py (tests not run: no check command is trusted)",
            "def test_a",
        ),
    ] {
        let (mut editor, keys) = editor();
        type_line(&mut editor, &line(&keys, key, instruction), (file, 1, 1));
        let end = editor.wait_run_end();
        assert_eq!((end.status.as_str(), files(&end).as_str()), ("finished", changed), "{key}: {}", end.summary);
        let written = changed.split(' ').nth(1).expect("a file");
        assert!(editor.buffer(written).starts_with(has), "{key}: {}", editor.buffer(written));
    }
}

#[test]
fn a_question_is_about_the_selected_lines() {
    let (mut editor, keys) = editor();
    type_line(&mut editor, &line(&keys, "c", r#"Is it \"b\"?"#), ("src/store.py", 2, 2));
    assert_eq!(editor.wait_run_end().status, "finished");
    editor.wait_shown(1);
    let shown = tower_lsp::lsp_types::Url::parse(&editor.shown()[0]).unwrap().to_file_path().unwrap();
    let text = editor.buffer(&shown.display().to_string());
    assert!(text.contains("Is it \"b\"?") && text.contains("It is b."), "{text}");
}

#[test]
fn the_other_keys_need_no_words() {
    let (mut editor, keys) = editor();
    let spot = ("src/store.py", 1, 1);
    type_line(&mut editor, &line(&keys, "s", ""), spot);
    editor.wait_message("1 file is selected for workflows: src/store.py");
    type_line(&mut editor, &line(&keys, "x", ""), spot);
    editor.wait_message("nothing to cancel");
    type_line(&mut editor, &line(&keys, "n", ""), spot);
    editor.wait_shown(1);
    type_line(&mut editor, &line(&keys, "h", ""), spot);
    editor.wait_shown(2);
    // Without an argument, with one word, and with several values.
    type_line(&mut editor, ":lsp-workspace-command stepwright.clearSelection", spot);
    editor.wait_message("no files are selected");
    type_line(&mut editor, r#":lsp-workspace-command stepwright.select {"files": ["src/*.py", "notes.md"]} 7"#, spot);
    editor.wait_message("2 files are selected");
    let tested = ["a", "w", "p", "t", "c", "s", "x", "n", "h"];
    assert!(keys.keys().all(|key| tested.contains(&key.as_str())), "{keys:?}");
}
