//! What is sent: read from the requests themselves.

use serde_json::{Value, json};

use super::{KEY, KEY_VARIABLE, good, held};
use crate::support::{
    editor::{Profile, Setup},
    provider::{Act, Provider, stream_head, text},
};

/// The texts of a request's messages.
fn prompt(body: &str) -> String {
    let body: Value = serde_json::from_str(body).unwrap();
    let messages = body["messages"].as_array().expect("messages").iter();
    messages.map(|message| message["content"].as_str().map_or(message["content"].to_string(), str::to_owned)).collect()
}

fn run(provider: &Provider, limits: &str, files: &[(&str, &str)], argument: Value) -> (String, Vec<String>) {
    let config = format!("summary = false\n{}{limits}", provider.config());
    let setup = Setup::new(Profile::Vscode).config(&config).variable(KEY_VARIABLE, KEY).files(files);
    let mut editor = setup.start();
    editor.execute("stepwright.run", argument);
    let end = editor.wait_run_end();
    editor.messages();
    (end.status, provider.posts().iter().map(|post| prompt(&post.body)).collect())
}

#[test]
fn a_file_of_a_batch_is_sent_alone() {
    let files = [("a.py", "AAA = 1\n"), ("b.py", "BBB = 1\n")];
    let provider = Provider::start(vec![good("```python\nx = 2\n```")]);
    let argument = json!({ "workflow": "auto", "files": ["a.py", "b.py"], "instruction": "Make it 2." });
    let (status, prompts) = run(&provider, "", &files, argument);
    assert_eq!((status.as_str(), prompts.len()), ("finished", 2));
    for prompt in prompts {
        assert!(prompt.contains("AAA") != prompt.contains("BBB"), "{prompt}");
        assert!(!prompt.contains("{{") && !prompt.contains("}}"), "{prompt}");
    }
}

#[test]
fn nothing_leaks_from_one_file_into_another() {
    let named = r#"[{"file_name": "a.py", "purpose": "x"}, {"file_name": "b.py", "purpose": "y"}]"#;
    let answers = [named, "PLAN-A", "```python\na = 1\n```", "PLAN-B", "```python\nb = 1\n```"];
    let provider = Provider::start(answers.map(good).into());
    let argument = json!({ "workflow": "write", "files": ["notes.md"], "instruction": "Add two files." });
    let (status, prompts) = run(&provider, "", &[("notes.md", "NOTES\n")], argument);
    assert_eq!((status.as_str(), prompts.len()), ("finished", 5));
    let has = |part: &str| -> Vec<bool> { prompts.iter().map(|prompt| prompt.contains(part)).collect() };
    assert_eq!(has("PLAN-A"), [false, false, true, false, false]);
    assert_eq!(has("PLAN-B"), [false, false, false, false, true]);
    assert_eq!(has("NOTES"), [true; 5], "the references are in every step");
    assert_eq!(has("Add two files."), [true; 5]);
}

#[test]
fn files_go_side_by_side_within_the_limit() {
    let files: Vec<(String, String)> = (0..6).map(|i| (format!("f{i}.py"), format!("x = {i}\n"))).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let provider = Provider::start(vec![held("```python\nx = 9\n```")]);
    for _ in 0..files.len() {
        provider.release();
    }
    let argument = json!({ "workflow": "auto", "files": ["*.py"], "instruction": "Make it 9." });
    let (status, prompts) = run(&provider, "[limits]\nconcurrency = 3\n", &files, argument);
    assert_eq!((status.as_str(), prompts.len()), ("finished", 6));
    assert!(provider.most_active() <= 3, "{}", provider.most_active());
}

#[test]
fn an_answer_without_an_end_writes_nothing() {
    // Asked once more, since nothing of it was used.
    let cut = vec![Act::Send([stream_head(), text("```python\nx = 2\n```")].concat())];
    let provider = Provider::start(vec![cut.clone(), cut]);
    let config = format!("summary = false\n{}", provider.config());
    let setup = Setup::new(Profile::Neovim).config(&config).variable(KEY_VARIABLE, KEY);
    let mut editor = setup.files(&[("a.py", "x = 1\n")]).start();
    editor.open("a.py");
    editor.execute("stepwright.run", json!({ "workflow": "auto", "files": ["a.py"], "instruction": "Make it 2." }));
    let end = editor.wait_run_end();
    assert_eq!((end.status.as_str(), end.files.len()), ("error", 0));
    assert_eq!(editor.wait_message("Auto failed").level, 1);
    assert_eq!(provider.posts().len(), 2);
    assert_eq!(editor.buffer("a.py"), "x = 1\n");
}
