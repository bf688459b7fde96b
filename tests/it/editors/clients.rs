//! Clients that can do little, say little, or want little; and that none of them has to wait.

use expect_test::expect;
use serde_json::json;

use super::{auto_until_asked, files, held, with_provider};
use crate::support::{
    editor::{Editor, Profile, Setup},
    provider::{Provider, good},
};

#[test]
fn a_client_that_can_do_nothing() {
    let setup = Setup::new(Profile::Vscode).capabilities(json!({})).files(&[("a.py", "a = 1\n")]);
    let replies = [("the file a.py", "a = 2"), ("Summarize", "Done."), ("Hello", "Hello yourself.")];
    let mut editor = setup.replies(&replies).start();
    editor.open("a.py");
    editor.execute("stepwright.run", json!({ "workflow": "auto", "instruction": "Make it 2.", "files": ["a.py"] }));
    assert_eq!(files(&editor.wait_run_end()), "pending a.py (the editor takes no edits from a server)");
    editor.wait_message("is waiting to be applied");
    assert_eq!((editor.buffer("a.py").as_str(), editor.disk("a.py").as_deref()), ("a = 1\n", Some("a = 1\n")));
    // The action's own edit is the way that is left.
    editor.actions("a.py", 0..0);
    editor.pick("Apply result of Auto to a.py");
    editor.wait_message("applied the result");
    assert_eq!(editor.buffer("a.py"), "a = 2\n");
    // Where no document can be shown, its path is told.
    editor.execute("stepwright.run", json!({ "workflow": "chat", "instruction": "Hello" }));
    assert_eq!(editor.wait_run_end().status, "finished");
    let text = editor.wait_message("open /").text;
    let path = text.strip_prefix("open ").and_then(|rest| rest.split(": ").next()).unwrap();
    assert!(std::fs::read_to_string(path).unwrap().contains("Hello yourself."));
    let asked = editor.transcript().lines().filter(|line| line.contains("<- window/workDone")).count();
    assert_eq!(asked, 0);
}

#[test]
fn a_client_that_never_answers() {
    let setup = Setup::new(Profile::Vscode).files(&[("a.py", "a = 1\n"), ("b.py", "b = 1\n")]);
    let replies = [("the file a.py", "a = 2"), ("the file b.py", "b = 2"), ("Summarize", "Done.")];
    let mut editor = setup.replies(&replies).start();
    editor.open("a.py");
    editor.is_mute = true;
    editor.execute(
        "stepwright.run",
        json!({ "workflow": "auto", "instruction": "Make it 2.", "files": ["a.py", "b.py"] }),
    );
    // What the client asks is answered all the while.
    assert!(!editor.actions("a.py", 0..0).is_empty());
    let end = editor.wait_run_end();
    let mut told: Vec<_> = files(&end).split("; ").map(str::to_owned).collect();
    told.sort();
    assert_eq!(told, ["pending a.py (the editor didn't answer)", "pending b.py (the editor didn't answer)"]);
    assert_eq!(editor.buffer("a.py"), "a = 1\n");
    editor.is_mute = false;
    editor.execute("stepwright.apply", json!({ "file": "a.py" }));
    editor.wait_message("applied the result of Auto to a.py");
    assert_eq!(editor.buffer("a.py"), "a = 2\n");
}

#[test]
fn who_wants_no_events_gets_none() {
    let setup = Setup::new(Profile::Neovim).option("events", json!(false)).files(&[("a.py", "a = 1\n")]);
    let mut editor = setup.replies(&[("the file a.py", "a = 2"), ("Summarize", "Done.")]).start();
    editor.open("a.py");
    editor.execute("stepwright.run", json!({ "workflow": "auto", "instruction": "Make it 2.", "files": ["a.py"] }));
    assert_eq!(editor.wait_run_end().summary, "Auto finished: a.py was changed");
    editor.wait_message("Auto finished");
    assert_eq!(editor.buffer("a.py"), "a = 2\n");
    assert!(!editor.transcript().contains("<- stepwright/"), "{}", editor.transcript());
}

#[test]
fn commands_and_menus_do_not_wait_for_runs() {
    for profile in Profile::ALL {
        let provider = Provider::start(vec![held("a = 2")]);
        let mut editor = with_provider(profile, &provider, &[("a.py", "a = 1\n"), ("b.py", "b = 1\n")]);
        editor.open("a.py");
        auto_until_asked(&mut editor, &provider, &["a.py"], 1);
        // The model says nothing as long as these aren't answered.
        for _ in 0..20 {
            editor.execute("stepwright.select", json!({ "file": "b.py" }));
            assert!(!editor.actions("a.py", 0..0).is_empty());
        }
        editor.execute("stepwright.run", json!({ "workflow": "chat", "instruction": "Hello" }));
        editor.execute("stepwright.cancel", json!({}));
        for _ in 0..2 {
            assert_eq!(editor.wait_run_end().status, "cancelled", "{profile:?}");
        }
    }
}

#[test]
fn settings_are_pulled_and_pushed() {
    let preset =
        |title: &str| json!({ "presets": [{ "id": "p", "title": title, "workflow": "auto", "instruction": "x" }] });
    let mut setup_editor = Setup::new(Profile::Vscode).files(&[("a.py", "a = 1\n")]).start();
    let editor = &mut setup_editor;
    editor.open("a.py");
    editor.notify("workspace/didChangeConfiguration", json!({ "settings": { "stepwright": preset("Pushed") } }));
    let titles = super::titles(editor, "a.py", 0..0);
    assert!(titles.contains("Pushed"), "{titles}");
    editor.settings = preset("Pulled");
    editor.notify("workspace/didChangeConfiguration", json!({ "settings": null }));
    editor.wait_menu("a.py", "Pulled");
    // Where prompts go is the user's own file's to say.
    editor.notify("workspace/didChangeConfiguration", json!({ "settings": { "roles": { "main": "evil/model" } } }));
    assert_eq!(editor.wait_message("`roles` can't be set").level, 2);
}

#[test]
fn an_extension_is_told_what_a_run_can_be_given() {
    let list = r#"{"data":[{"id":"model"},{"id":"small"}]}"#;
    let provider = Provider::with_pages(vec![good("The limit is 3.")], [("/v1/models", list)]);
    let mut editor = with_provider(Profile::Vscode, &provider, &[("a.py", "a = 1\n")]);
    // Nobody is asked for it.
    assert_eq!(editor.request("stepwright/model", json!({}))["result"], "fake/model");
    assert_eq!(provider.gets().len(), 0);
    editor.execute("stepwright.run", json!({ "workflow": "chat", "instruction": "What is the limit?" }));
    assert_eq!(editor.wait_run_end().status, "finished");
    let choices = editor.request("stepwright/choices", json!({}))["result"].clone();
    let shown = |key: &str| -> Vec<String> {
        let choices = choices[key].as_array().unwrap().iter();
        choices
            .map(|choice| format!("{} ({})", choice["value"].as_str().unwrap(), choice["detail"].as_str().unwrap()))
            .collect()
    };
    expect![[r#"
        (
            [
                "main (the role for planning and writing: fake/model)",
                "fast (the role for names and summaries: fake/model)",
                "fake/model (from the configuration)",
                "fake/small (listed by its server)",
            ],
            [
                "m1 (The limit is 3.)",
            ],
        )
    "#]]
    .assert_debug_eq(&(shown("models"), shown("messages")));
}

#[test]
fn an_extension_is_told_what_became_of_a_runs_files() {
    let setup = Setup::new(Profile::Vscode).files(&[("a.py", "a = 1\n")]);
    let mut editor = setup.replies(&[("the file a.py", "a = 2"), ("Summarize", "Done.")]).start();
    editor.open("a.py");
    editor.execute("stepwright.run", json!({ "workflow": "auto", "instruction": "Make it 2.", "files": ["a.py"] }));
    let run = editor.wait_run_end().run;
    let uri = editor.uri("a.py");
    let files =
        |editor: &mut Editor, run: &str| editor.request("stepwright/files", json!({ "run": run }))["result"].clone();
    assert_eq!(files(&mut editor, &run), json!([{ "uri": uri, "action": "changed" }]));
    editor.execute("stepwright.revert", json!({ "run": run }));
    editor.wait_message("reverted Auto");
    assert_eq!(files(&mut editor, &run), json!([{ "uri": uri, "action": "reverted" }]));
    assert_eq!(files(&mut editor, "nobody"), json!([]));
}
