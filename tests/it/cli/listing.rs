//! The commands that print something to look at or to paste: workflows, schemas, editors' set-up, the demo, the server's other name.

use std::{io::Write, process::Stdio};

use serde_json::{Value, json};

use super::sandbox;
use crate::support::{
    sandbox::{REPLAY, Ran, Sandbox},
    schema,
};

#[test]
fn workflows_are_listed_with_their_mistakes() {
    let sandbox = sandbox();
    sandbox.put("home/config/stepwright/workflows/odd.toml", "title = \"Odd\"\nsteps = []\n");
    let ran = sandbox.run(&["workflows", "--json"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let list: Vec<Value> = serde_json::from_str(&ran.out).expect("an array");
    let ids: Vec<_> = list.iter().map(|entry| entry["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["chat", "write", "write-pages", "write-tests", "auto", "odd"]);
    for entry in &list {
        let keys: Vec<_> = entry.as_object().unwrap().keys().cloned().collect();
        assert_eq!(keys, ["id", "problems", "source", "title"]);
    }
    let problem = json!({ "message": "a workflow needs at least one step; add a `[[steps]]` table", "line": 2 });
    assert_eq!(list[5]["problems"], json!([problem]));
    let ran = sandbox.run(&["workflows"]);
    assert!(ran.out.contains("write-tests") && ran.out.contains("line 2: a workflow needs"), "{}", ran.out);
}

#[test]
fn schemas_accept_what_we_ship() {
    let sandbox = Sandbox::new();
    let schema = |name: &str| -> Value {
        let ran = sandbox.run(&["schema", name]);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""));
        serde_json::from_str(&ran.out).expect("JSON")
    };
    let mistakes = |schema: &Value, text: &str| {
        let value: Value = toml::from_str(text).expect("TOML");
        schema::mistakes(schema, &value)
    };
    let none: Vec<String> = Vec::new();
    let workflow = schema("workflow");
    let root = env!("CARGO_MANIFEST_DIR");
    for id in ["chat", "write", "write-pages", "write-tests", "auto"] {
        let text = std::fs::read_to_string(format!("{root}/src/workflow/builtin/{id}.toml")).unwrap();
        assert_eq!(mistakes(&workflow, &text), none, "{id}");
    }
    assert_ne!(mistakes(&workflow, "title = \"x\"\nsteps = [{ do = \"fly\" }]"), none);
    let config = schema("config");
    assert_eq!(mistakes(&config, REPLAY), none);
    for mistake in ["[limits]\nconcurrency = \"four\"", "[limits]\nconcurrency = 0", "[rolls]\nmain = \"a/b\""] {
        assert_ne!(mistakes(&config, mistake), none, "{mistake}");
    }
    assert_eq!(sandbox.run(&["schema", "cofnig"]).code, 2);
}

#[test]
fn editors_get_their_set_up() {
    let sandbox = Sandbox::new();
    for name in ["helix", "neovim", "vscode", "emacs", "kakoune", "zed"] {
        let ran = sandbox.run(&["editor", name]);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{name}");
        assert!(ran.out.contains("stepwright"), "{name}: {}", ran.out);
    }
    let ran = sandbox.run(&["editor", "ed"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("helix"), "{}", ran.err);
}

#[test]
fn the_demo_needs_neither_key_nor_network() {
    let sandbox = Sandbox::new();
    // A server on this machine would answer in the script's place.
    sandbox.config("[roles]\nmain = \"none/none\"\n");
    let ran = sandbox.run(&["demo"]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    for part in ["a script answers", "write-tests", "GUIDE.md", "prices.py", "test_store.py"] {
        assert!(ran.out.contains(part), "{part}: {}", ran.out);
    }
    let folder = ran.out.lines().find_map(|line| line.strip_prefix("The files are in ")?.strip_suffix(':'));
    let folder = std::path::Path::new(folder.expect("the folder is named"));
    for file in ["store.py", "GUIDE.md", "prices.py"] {
        assert!(folder.join(file).is_file(), "{file}");
    }
}

#[test]
fn the_server_ends_as_the_protocol_says() {
    let sandbox = Sandbox::new();
    let frame = |message: Value| {
        let body = message.to_string();
        format!("Content-Length: {}\r\n\r\n{body}", body.len())
    };
    let request = |id: u32, method: &str| {
        frame(json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": { "capabilities": {} } }))
    };
    let begin = request(1, "initialize");
    let shutdown = frame(json!({ "jsonrpc": "2.0", "id": 2, "method": "shutdown" }));
    let exit = frame(json!({ "jsonrpc": "2.0", "method": "exit" }));
    for (arguments, input, code) in [
        (&["--stdio"][..], [&*begin, &*shutdown, &*exit].concat(), 0),
        (&["lsp", "--stdio"], [&*begin, &*shutdown, &*exit].concat(), 0),
        (&["lsp"], [&*begin, &*exit].concat(), 1),
        // The end of input without a word.
        (&["lsp"], begin.clone(), 1),
    ] {
        let mut command = sandbox.stepwright(arguments);
        let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = pipes.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let ran = Ran::from(child.wait_with_output().unwrap());
        assert_eq!(ran.code, code, "{arguments:?} {ran:?}");
        assert!(ran.out.starts_with("Content-Length: ") && ran.out.contains("\"name\":\"stepwright\""), "{}", ran.out);
        assert_eq!(ran.err, "", "nothing is logged without need");
    }
}

#[test]
fn a_reader_may_leave_early() {
    let sandbox = Sandbox::new();
    for arguments in [&["schema", "workflow"][..], &["--help"], &["workflows", "--json"], &["editor", "helix"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = sandbox.stepwright(arguments).stdout(writer).stderr(Stdio::piped()).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{arguments:?}");
    }
}
