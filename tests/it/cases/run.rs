//! Plays a case, on the command line and through an editor.

use serde_json::{Map, Value, json};

use super::{
    format::{Case, Section},
    told::{self, Told},
};
use crate::support::{
    editor::{Editor, Profile, Setup},
    sandbox::{REPLAY, Sandbox},
};

/// What each run of the case told on the command line.
pub fn headless(case: &Case) -> Vec<String> {
    let sandbox = sandbox(case);
    let mut before = sandbox.tree();
    let mut texts = Vec::new();
    for run in case.all("run") {
        let words = run.words();
        let arguments: Vec<&str> = ["run", "--json"].into_iter().chain(words.iter().map(String::as_str)).collect();
        let ran = sandbox.run(&arguments);
        let lines = |mark: &str| {
            let lines = ran.err.lines().filter_map(|line| line.strip_prefix(mark));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        let told = Told {
            events: ran.events(),
            warnings: lines("warning: "),
            refusal: lines("stepwright: ").pop(),
            exit: Some(ran.code),
        };
        let after = sandbox.tree();
        texts.push(told.render(&before, &after));
        before = after;
    }
    texts
}

/// What each run of the case told in each editor.
pub fn in_editors(case: &Case) -> Vec<(Profile, Vec<String>)> {
    Profile::ALL.map(|profile| (profile, in_editor(case, profile))).into()
}

fn in_editor(case: &Case, profile: Profile) -> Vec<String> {
    let sandbox = sandbox(case);
    let mut before = sandbox.tree();
    let mut editor = Setup::new(profile).within(sandbox).start();
    let mut texts = Vec::new();
    for run in case.all("run") {
        let argument = command(run);
        // What a user works on is open, as a rule.
        for file in argument["files"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if before.contains_key(file) {
                editor.open(file);
            }
        }
        let first = editor.events().len();
        editor.execute("stepwright.run", argument);
        let refusal = wait(&mut editor);
        editor.save_all();
        let notifications = &editor.events()[first..];
        let told = Told {
            events: notifications.iter().filter_map(told::from_notification).collect(),
            warnings: told::warnings(notifications),
            refusal,
            exit: None,
        };
        let after = editor.sandbox.tree();
        texts.push(told.render(&before, &after));
        before = after;
        editor.messages();
    }
    texts
}

/// Waits until the run has ended or was refused, and the user knows; returns why it was refused.
fn wait(editor: &mut Editor) -> Option<String> {
    let is_message = |event: &Value| event["method"] == "window/showMessage";
    let event = editor.wait_event("an end or a refusal", |event| {
        event["method"] == "stepwright/end" || is_message(event) && event["params"]["type"] == 1
    });
    if is_message(&event) {
        return event["params"]["message"].as_str().map(str::to_owned);
    }
    let summary = event["params"]["summary"].as_str().unwrap_or_default().to_owned();
    let begins = |event: &Value| event["params"]["message"].as_str().is_some_and(|text| told::same(text, &summary));
    editor.wait_event("the line that says how it ended", |event| is_message(event) && begins(event));
    None
}

/// The command's argument that means the same as a command line.
fn command(run: &Section) -> Value {
    let mut words = run.words().into_iter();
    let mut argument = Map::new();
    let mut plain = Vec::new();
    while let Some(word) = words.next() {
        let mut value = || words.next().expect("an option's value");
        match word.as_str() {
            "--file" => add(&mut argument, "files", value()),
            "--message" => add(&mut argument, "messages", value()),
            "--tag" => {
                let tag = value();
                let (name, value) = tag.split_once('=').expect("KEY=VALUE");
                argument.entry("tags").or_insert_with(|| json!({}))[name] = json!(value);
            }
            _ => plain.push(word),
        }
    }
    for (key, word) in ["workflow", "instruction"].into_iter().zip(plain) {
        argument.insert(key.to_owned(), word.into());
    }
    argument.into()
}

fn add(argument: &mut Map<String, Value>, key: &str, value: String) {
    let list = argument.entry(key).or_insert_with(|| json!([]));
    list.as_array_mut().expect("a list").push(value.into());
}

fn sandbox(case: &Case) -> Sandbox {
    let sandbox = Sandbox::new();
    for file in case.all("file") {
        sandbox.write(&file.argument, file.content());
    }
    for file in case.all("user") {
        sandbox.put(&format!("home/config/stepwright/{}", file.argument), file.content());
    }
    let part = |section: &Section| section.argument.replace("\\n", "\n");
    let never = case.all("never").map(|section| {
        let finish = format!("a prompt with `{}`", section.argument);
        json!({ "match": part(section), "reply": "", "finish": finish })
    });
    let replies = case.all("reply").map(|section| {
        let finish = section.flags.first().map_or("stop", String::as_str);
        json!({ "match": part(section), "reply": section.body, "finish": finish })
    });
    sandbox.put("replay.json", Value::from_iter(never.chain(replies)).to_string());
    let more: String = case.all("config").map(|section| section.body.clone() + "\n").collect();
    // Keys of the top level come before the first table.
    sandbox.config(&format!("{more}{REPLAY}"));
    sandbox
}
