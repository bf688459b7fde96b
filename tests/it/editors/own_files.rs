//! Help in the project's own TOML files: configuration and workflows.

use expect_test::expect;
use serde_json::{Value, json};

use crate::support::editor::{Profile, Setup};

/// In one of our own TOML files: `label -> text`, or the hover.
fn in_own_file(path: &str, text: &str) -> (String, String) {
    let line = text[..text.find('|').unwrap()].matches('\n').count();
    let column = text.find('|').unwrap() - text[..text.find('|').unwrap()].rfind('\n').map_or(0, |at| at + 1);
    let mut editor = Setup::new(Profile::Neovim).files(&[(path, &text.replacen('|', "", 1))]).start();
    editor.open(path);
    let position = json!({ "line": line, "character": column });
    let params = json!({ "textDocument": { "uri": editor.uri(path) }, "position": position });
    let items = editor.request("textDocument/completion", params.clone())["result"]["items"].clone();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let shown = items.as_array().into_iter().flatten();
    let shown = shown.map(|item| format!("{} -> {}\n", text(&item["label"]), text(&item["textEdit"]["newText"])));
    let hover = editor.request("textDocument/hover", params)["result"]["contents"]["value"].clone();
    (shown.collect(), text(&hover))
}

#[test]
fn our_own_files_are_completed_from_their_schema() {
    let (keys, _) = in_own_file(".stepwright/config.toml", "ig|\n[limits]\nconcurrency = 99\n");
    assert_eq!(keys, "ignore -> ignore = \nreview -> review = \n", "what a workspace may set, and what is no table");
    let (headers, _) = in_own_file(".stepwright/config.toml", "[p|");
    expect![[r#"
        [check] -> [check]
        [limits] -> [limits]
        [menu] -> [menu]
        [[presets]] -> [[presets]]
        [tests] -> [tests]
    "#]]
    .assert_eq(&headers);
    let (values, hover) = in_own_file(".stepwright/config.toml", "[limits]\nunknown-price =| \n");
    expect![[r#"
        run ->  "run"
        refuse ->  "refuse"
    "#]]
    .assert_eq(&values);
    expect!["**unknown-price**: What to do when a cap is set and nobody knows a model's price: `run` says once that the cap can't be kept."]
        .assert_eq(&hover);
    let (workflows, _) = in_own_file(".stepwright/config.toml", "[[presets]]\nworkflow = \"|\"\n");
    assert!(workflows.contains("write-tests -> \"write-tests\"\n"), "{workflows}");
    let (steps, _) = in_own_file(".stepwright/workflows/mine.toml", "title = \"x\"\n[[steps]]\ndo = |\n");
    expect![[r#"
        chat -> "chat"
        ask -> "ask"
        save -> "save"
        test-file -> "test-file"
        check -> "check"
        for-each -> "for-each"
    "#]]
    .assert_eq(&steps);
    let (_, hover) = in_own_file(".stepwright/workflows/mine.toml", "title = \"x\"\n[[steps]]\nin|to = \"y\"\n");
    expect!["**into**: Variable that holds the reply for later steps."].assert_eq(&hover);
    assert_eq!(in_own_file("other.toml", "su|\n"), (String::new(), String::new()));
}
