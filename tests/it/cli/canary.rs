//! A key is seen by its provider alone, whatever the provider says and however much is logged.

use std::{fs, path::Path};

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

/// Runs a chat with everything logged and recorded; fails if the key is anywhere but in the header.
fn check(wire: Wire, script: Vec<Act>) {
    let provider = Provider::start(vec![script]);
    let sandbox = Sandbox::new();
    let (name, address) = (wire.name(), provider.address);
    sandbox.config(&format!(
        "[roles]\nmain = \"fake/model\"\n[providers.fake]\nwire = \"{name}\"\nbase-url = \"http://{address}\"\nkey-env = \"{KEY_VARIABLE}\"\n"
    ));
    let log = sandbox.path("log.txt").display().to_string();
    for arguments in [&["run", "chat", "--json", "Hello"][..], &["--log-file", &log, "run", "chat", "Hello"]] {
        let mut command = sandbox.stepwright(arguments);
        command.env(KEY_VARIABLE, KEY).env("STEPWRIGHT_LOG", "trace");
        command.env("STEPWRIGHT_RECORD", sandbox.path("recorded.json"));
        let ran = Ran::from(command.output().unwrap());
        assert!(!format!("{ran:?}").contains(PART), "{name} {arguments:?}: {ran:?}");
    }
    let mut found = Vec::new();
    files(&sandbox.path(""), &mut found);
    assert!(found.iter().any(|(path, content)| path.ends_with("log.txt") && !content.is_empty()), "it is logged");
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
    }
}
