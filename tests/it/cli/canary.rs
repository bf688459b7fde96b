//! A key is seen by its provider alone, whatever the provider says and however much is logged.

use std::{fs, path::Path, process::Command};

use stepwright::{
    config::Key,
    model::{self, key::Credential},
};

use crate::support::{
    provider::{Act, KEY, KEY_VARIABLE, Provider, respond},
    sandbox::{Ran, Sandbox},
    wire::{WIRES, Wire},
};

/// A part of a key is a key to whoever guesses the rest.
const PART: &str = KEY.split_at(12).0;

fn files(folder: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        match entry.path() {
            path if path.is_dir() => files(&path, found),
            path => found.push((path.display().to_string(), fs::read(path).unwrap())),
        }
    }
}

/// Runs a chat with everything logged and recorded, and looks at what is kept of it; fails if the key is anywhere but in the header.
fn check(wire: Wire, script: Vec<Act>) {
    let provider = Provider::start(vec![script]);
    let sandbox = Sandbox::new();
    let (name, address) = (wire.name(), provider.address);
    sandbox.config(&format!(
        "[roles]\nmain = \"fake/model\"\n[providers.fake]\nwire = \"{name}\"\nbase-url = \"http://{address}\"\nkey-env = \"{KEY_VARIABLE}\"\n"
    ));
    let log = sandbox.path("log.txt").display().to_string();
    for arguments in [
        &["run", "chat", "--json", "Hello"][..],
        &["--log-file", &log, "run", "chat", "Hello"],
        &["doctor"],
        &["doctor", "--json"],
        &["history"],
        &["history", "--json"],
    ] {
        let mut command = sandbox.stepwright(arguments);
        command.env(KEY_VARIABLE, KEY).env("STEPWRIGHT_LOG", "trace");
        command.env("STEPWRIGHT_RECORD", sandbox.path("recorded.json"));
        let ran = Ran::from(command.output().unwrap());
        assert!(!format!("{ran:?}").contains(PART), "{name} {arguments:?}: {ran:?}");
    }
    let kept: serde_json::Value = serde_json::from_str(&sandbox.run(&["history", "--json"]).out).unwrap();
    let runs: Vec<&str> = kept.as_array().unwrap().iter().map(|run| run["run"].as_str().unwrap()).collect();
    assert_eq!(runs.len(), 2, "{name}: both are kept");
    for run in runs {
        let shown = sandbox.run(&["history", run, "--json"]);
        assert!(shown.code == 0 && !format!("{shown:?}").contains(PART), "{name}: {shown:?}");
    }
    let mut found = Vec::new();
    files(&sandbox.path(""), &mut found);
    for file in ["log.txt", "history.db"] {
        assert!(found.iter().any(|(path, content)| path.ends_with(file) && !content.is_empty()), "there is no {file}");
    }
    for (path, content) in found {
        assert!(!String::from_utf8_lossy(&content).contains(PART), "{name}: in {path}");
    }
    assert!(provider.posts().iter().all(|seen| seen.head.matches(KEY).count() == 1 && !seen.body.contains(PART)));
    assert!(!provider.posts().is_empty());
}

#[test]
fn a_key_is_shown_to_nobody() {
    for wire in WIRES {
        let said = format!("Incorrect API key provided: {KEY}; it begins with {}", &KEY[..16]);
        for status in ["400 Bad Request", "401 Unauthorized"] {
            let body = wire.error("authentication_error", &said).to_string();
            check(wire, vec![Act::Send(respond(status, "application/json", &body))]);
        }
        let moved = format!("302 Found\r\nlocation: https://evil.example/{KEY}?key={KEY}");
        check(wire, vec![Act::Send(respond(&moved, &format!("text/{KEY}"), &said))]);
        check(wire, vec![Act::Send([wire.head(), wire.text("hi"), wire.event(&wire.error("x", &said))].concat())]);
        let named = format!("500 x\r\nrequest-id: {KEY}\r\nx-request-id: {KEY}\r\nretry-after: 99999");
        check(wire, vec![Act::Send(respond(&named, "application/json", "{}"))]);
        check(wire, vec![Act::Send([wire.head(), wire.answer("hi", KEY)].concat())]);
        // The answer itself, also in pieces.
        let (first, second) = KEY.split_at(9);
        for text in [wire.text(KEY), [wire.text(first), wire.text(second)].concat()] {
            check(wire, vec![Act::Send([wire.head(), wire.start(), text, wire.whole("!")].concat())]);
        }
    }
}

/// As a developer prints it while looking for a fault.
#[test]
fn a_key_is_in_no_debug_print() {
    let sandbox = Sandbox::new();
    sandbox.config(&format!("[providers.openai]\nkey-env = \"{KEY_VARIABLE}\"\nbase-url = \"https://u:{KEY}@openai.example\"\n[providers.b]\nwire = \"openai\"\nkey-env = \"{KEY}\"\n"));
    let setup = stepwright::setup::read(Some(&sandbox.path("config.toml")), None, &[sandbox.workspace()]);
    let environment = |name: &str| (name == KEY_VARIABLE).then(|| KEY.to_owned());
    let credential = Credential::new(&Key::Env(KEY_VARIABLE.to_owned()), &environment);
    assert!(credential.known().is_some());
    let error = futures::executor::block_on(model::check(&setup.settings, &environment, Some("b/model")));
    let error = error.unwrap_err();
    for shown in [
        format!("{:?}", setup.settings),
        format!("{:?}", setup.problems),
        format!("{credential:?}"),
        format!("{error:?} {error}"),
    ] {
        assert!(!shown.contains(PART), "{shown}");
    }
}

/// Names the process that panics on purpose.
const PANICS: &str = "STEPWRIGHT_TEST_PANICS";

#[test]
fn a_panic_says_where_it_happened_and_not_what_it_says() {
    if std::env::var_os(PANICS).is_some() {
        tracing_subscriber::fmt().with_writer(std::io::stderr).init();
        stepwright::setup::hide_what_panics_say();
        panic!("the key {KEY} is bad");
    }
    let this = "cli::canary::a_panic_says_where_it_happened_and_not_what_it_says";
    let mut command = Command::new(std::env::current_exe().unwrap());
    let ran = command.args(["--exact", this, "--nocapture"]).env(PANICS, "1").env("RUST_BACKTRACE", "full");
    let ran = Ran::from(ran.output().unwrap());
    assert!(ran.code != 0 && ran.err.contains("a fault in stepwright at ") && ran.err.contains("canary.rs"), "{ran:?}");
    assert!(!format!("{ran:?}").contains(PART), "{ran:?}");
}
