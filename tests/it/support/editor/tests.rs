//! The fake editor against a server that recites.

use std::{
    io::{self, BufReader, Write},
    panic::{AssertUnwindSafe, catch_unwind},
    thread::{self, JoinHandle},
};

use expect_test::expect;
use serde_json::{Value, json};

use super::{ApplyMode, Editor, Message, Profile, Setup, wire};

/// An editor with one file, `store.py`, whose server sends `script` after each command; with `$ROOT` for the folder's URI.
/// The thread returns all that the server received.
fn editor(profile: Profile, script: &Value) -> (Editor, JoinHandle<Vec<Value>>) {
    editor_of(Setup::new(profile), script, &json!([]))
}

fn editor_of(setup: Setup, script: &Value, actions: &Value) -> (Editor, JoinHandle<Vec<Value>>) {
    let (server_input, input) = io::pipe().unwrap();
    let (output, server_output) = io::pipe().unwrap();
    let (script, actions) = (script.clone(), actions.clone());
    let server = thread::spawn(move || recite(server_input, server_output, &script, &actions));
    (setup.files(&[("store.py", "a\n")]).over(output, input), server)
}

fn recite(input: io::PipeReader, mut output: io::PipeWriter, script: &Value, actions: &Value) -> Vec<Value> {
    let mut input = BufReader::new(input);
    let mut received: Vec<Value> = Vec::new();
    let mut send = |message: &Value, root: &str| {
        let mut message = message.clone();
        message["jsonrpc"] = json!("2.0");
        let body = message.to_string().replace("$ROOT", root);
        write!(output, "Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    };
    while let Ok(Some(message)) = wire::read(&mut input) {
        received.push(message.clone());
        let root = received[0]["params"]["rootUri"].as_str().unwrap().to_owned();
        let result = match message["method"].as_str() {
            Some("initialize") => {
                let encodings = &message["params"]["capabilities"]["general"]["positionEncodings"];
                json!({ "capabilities": { "positionEncoding": encodings[0] } })
            }
            Some("textDocument/codeAction") => actions.clone(),
            Some("workspace/executeCommand" | "shutdown") => Value::Null,
            _ => continue,
        };
        send(&json!({ "id": message["id"], "result": result }), &root);
        if message["method"] == "workspace/executeCommand" {
            script.as_array().unwrap().iter().for_each(|message| send(message, &root));
        }
    }
    received
}

fn progress(value: Value) -> Value {
    json!({ "method": "$/progress", "params": { "token": "abc", "value": value } })
}

fn create_progress() -> Value {
    json!({ "id": 1, "method": "window/workDoneProgress/create", "params": { "token": "abc" } })
}

fn apply_edit(edit: &Value) -> Value {
    json!({ "id": 2, "method": "workspace/applyEdit", "params": { "edit": edit } })
}

/// Inserts into the first line of `store.py`.
fn insert(version: Value, column: u32, text: &str) -> Value {
    let position = json!({ "line": 0, "character": column });
    let edits = json!([{ "range": { "start": position, "end": position }, "newText": text }]);
    json!({ "textDocument": { "uri": "$ROOT/store.py", "version": version }, "edits": edits })
}

fn end() -> Value {
    let file = json!({ "uri": "$ROOT/store.py", "action": "changed" });
    let params = json!({ "run": "r-17", "status": "finished", "summary": "1 file in 0.25 s", "files": [file] });
    json!({ "method": "stepwright/end", "params": params })
}

/// What the server was told, in short.
fn told(received: &[Value]) -> Vec<String> {
    let describe = |message: &Value| match message["method"].as_str() {
        Some(method) => method.rsplit('/').next().unwrap_or_default().to_owned(),
        None => format!("{} {}", message["id"], message.get("result").or(message.get("error")).unwrap()),
    };
    received.iter().map(describe).collect()
}

#[test]
fn a_run_goes_through_in_each_editor() {
    for profile in Profile::ALL {
        let changes = json!([insert(json!(profile.first_version()), 1, "\nb")]);
        let message = json!({ "method": "window/showMessage", "params": { "type": 3, "message": "done" } });
        let begin = progress(json!({ "kind": "begin", "title": "Auto", "percentage": 0 }));
        let report = progress(json!({ "kind": "report", "percentage": 50 }));
        let apply = apply_edit(&json!({ "documentChanges": changes }));
        let script =
            json!([create_progress(), begin, report, apply, progress(json!({ "kind": "end" })), message, end()]);
        let (mut editor, server) = editor(profile, &script);
        editor.open("store.py");
        editor.execute("stepwright.run", json!({ "workflow": "auto" }));
        let run = editor.wait_run_end();
        assert_eq!((run.run.as_str(), run.status.as_str(), run.files.len()), ("r-17", "finished", 1));
        assert_eq!(run.summary, "1 file in 0.25 s");
        assert_eq!(editor.messages(), [Message { level: 3, text: "done".into() }]);
        assert_eq!(editor.events().len(), 5);
        assert_eq!((editor.buffer("store.py").as_str(), editor.disk("store.py").as_deref()), ("a\nb\n", Some("a\n")));
        editor.save_all();
        assert_eq!(editor.disk("store.py").as_deref(), Some("a\nb\n"));
        assert_eq!(editor.disk("none.py"), None);
        editor.close("store.py");
        editor.shutdown();
        if profile == Profile::Helix {
            let expected = expect![[r#"
                -> initialize
                -> initialized {}
                -> textDocument/didOpen $ROOT/store.py v0
                -> workspace/executeCommand {"arguments":[{"workflow":"auto"}],"command":"stepwright.run"}
                <- (workspace/executeCommand) null
                <- window/workDoneProgress/create {"token":"token 1"}
                <- $/progress {"token":"token 1","value":{"kind":"begin","percentage":0,"title":"Auto"}}
                <- workspace/applyEdit {"edit":{"documentChanges":[{"edits":[{"newText":"\nb","range":{"end":{"character":1,"line":0},"start":{"character":1,"line":0}}}],"textDocument":{"uri":"$ROOT/store.py","version":0}}]}}
                -> textDocument/didChange $ROOT/store.py v1
                <- $/progress {"token":"token 1","value":{"kind":"end"}}
                <- window/showMessage {"message":"done","type":3}
                <- stepwright/end {"files":[{"action":"changed","uri":"$ROOT/store.py"}],"run":"run 1","status":"finished","summary":"1 file in N s"}
                -> textDocument/didSave $ROOT/store.py
                -> textDocument/didClose $ROOT/store.py
                -> shutdown null
                <- (shutdown) null
                -> exit null"#]];
            expected.assert_eq(&editor.transcript());
        }
        drop(editor);
        let mut expected = vec!["initialize", "initialized", "didOpen", "executeCommand", "1 null", "didChange"];
        // Neovim keeps the change back.
        let reply_at = if profile == Profile::Neovim { 5 } else { 6 };
        expected.insert(reply_at, r#"2 {"applied":true}"#);
        expected.extend(["didSave", "didClose", "shutdown", "exit"]);
        assert_eq!(told(&server.join().unwrap()), expected, "{profile:?}");
    }
}

#[test]
fn an_editor_lies_as_it_is_told() {
    for (profile, mode, reply) in [
        (Profile::Vscode, ApplyMode::Honest, Some(r#"{"applied":true}"#)),
        (Profile::Vscode, ApplyMode::SayAppliedButSkip, Some(r#"{"applied":true}"#)),
        (Profile::Vscode, ApplyMode::Refuse("no".into()), Some(r#"{"applied":false}"#)),
        (
            Profile::Helix,
            ApplyMode::Refuse("no".into()),
            Some(r#"{"applied":false,"failedChange":0,"failureReason":"no"}"#),
        ),
        (Profile::Helix, ApplyMode::Garbage, Some(r#"{"applied":null}"#)),
        (Profile::Helix, ApplyMode::Silent, None),
    ] {
        // Not open, so without a version.
        let changes = json!({ "documentChanges": [insert(Value::Null, 0, "x")] });
        let (mut editor, server) = editor(profile, &json!([apply_edit(&changes), end()]));
        editor.apply_mode = mode.clone();
        editor.execute("stepwright.run", json!("anything"));
        editor.wait_run_end();
        let edited = mode == ApplyMode::Honest;
        assert_eq!(catch_unwind(AssertUnwindSafe(|| editor.buffer("store.py"))).ok(), edited.then(|| "xa\n".into()));
        drop(editor);
        let told = told(&server.join().unwrap());
        let replies: Vec<_> = told.iter().filter_map(|line| line.strip_prefix("2 ")).collect();
        assert_eq!(replies, Vec::from_iter(reply), "{mode:?}");
    }
}

#[test]
fn requests_are_answered_as_the_editor_does() {
    let request = |id: u32, method: &str, params: Value| json!({ "id": id, "method": method, "params": params });
    let question = json!({ "type": 3, "message": "Really?", "actions": [{ "title": "Yes" }] });
    let script = json!([
        request(1, "window/showMessageRequest", question.clone()),
        request(2, "window/showMessageRequest", question),
        request(3, "stepwright/input", json!({ "title": "What?" })),
        request(4, "stepwright/input", json!({ "title": "What?" })),
        request(5, "workspace/configuration", json!({ "items": [{ "section": "stepwright" }] })),
        request(6, "window/showDocument", json!({ "uri": "$ROOT/store.py" })),
        end(),
    ]);
    let unknown = r#"{"code":-32601,"message":"Method not found"}"#;
    for (profile, first, second) in [
        (Profile::Vscode, r#"{"title":"Yes"}"#, "null"),
        (Profile::Neovim, r#"{"title":"Yes"}"#, "null"),
        (Profile::Helix, unknown, unknown),
    ] {
        let setup = Setup::new(profile).option("inputBox", json!(true));
        let (mut editor, server) = editor_of(setup, &script, &json!([]));
        editor.clicks.push_back("Yes".into());
        editor.inputs.push_back("this".into());
        editor.settings = json!({ "a": 1 });
        editor.execute("stepwright.run", json!({}));
        editor.wait_run_end();
        assert_eq!(editor.shown(), [editor.uri("store.py")]);
        assert_eq!(editor.buffer("store.py"), "a\n");
        drop(editor);
        let mut expected =
            [first, second, r#"{"value":"this"}"#, "null", r#"[{"a":1}]"#, r#"{"success":true}"#].to_vec();
        for line in told(&server.join().unwrap()) {
            if let Some((_, reply)) = line.split_once(' ') {
                assert_eq!(reply, expected.remove(0), "{profile:?}");
            }
        }
        assert!(expected.is_empty(), "{profile:?}: {expected:?}");
    }
}

#[test]
fn an_action_is_picked_by_its_title() {
    let edit = json!({ "documentChanges": [insert(json!(2), 1, "!")] });
    let command = json!({ "title": "Apply", "command": "stepwright.apply", "arguments": [{ "run": "r" }] });
    let actions = json!([
        { "title": "Apply result of Auto", "kind": "quickfix.stepwright", "command": command, "edit": edit },
        { "title": "Write tests", "kind": "refactor.rewrite.stepwright.tests", "command": command },
    ]);
    let (mut editor, server) = editor_of(Setup::new(Profile::Vscode), &json!([]), &actions);
    editor.open("store.py");
    editor.type_text("store.py", (0, 0), "b");
    let actions = editor.actions("store.py", 0..1);
    let titles: Vec<_> = actions.iter().map(|action| (action.title.as_str(), action.edit.is_some())).collect();
    assert_eq!(titles, [("Apply result of Auto", true), ("Write tests", false)]);
    assert_eq!(actions[1].kind, "refactor.rewrite.stepwright.tests");
    assert_eq!(actions[1].command["command"], "stepwright.apply");
    editor.pick("Apply result of Auto");
    assert_eq!(editor.buffer("store.py"), "b!a\n");
    drop(editor);
    let received = server.join().unwrap();
    let expected = ["initialize", "initialized", "didOpen", "didChange", "codeAction", "didChange", "executeCommand"];
    assert_eq!(told(&received)[..7], expected);
    assert_eq!(received[6]["params"]["arguments"], json!([{ "run": "r" }]));
}

#[test]
fn progress_is_cancelled_and_messages_are_waited_for() {
    let begin = progress(json!({ "kind": "begin", "title": "Auto" }));
    let message = |text: &str| json!({ "method": "window/showMessage", "params": { "type": 1, "message": text } });
    let script = json!([
        create_progress(),
        begin,
        message("one"),
        message("two"),
        progress(json!({ "kind": "end", "message": "bye" }))
    ]);
    let (mut editor, server) =
        editor_of(Setup::new(Profile::Vscode).option("events", json!(false)), &script, &json!([]));
    editor.execute("stepwright.run", json!({}));
    assert_eq!(editor.wait_message("tw"), Message { level: 1, text: "two".into() });
    editor.cancel_progress();
    assert_eq!(editor.wait_run_end().summary, "bye");
    drop(editor);
    assert_eq!(server.join().unwrap().iter().filter(|it| it["method"] == "window/workDoneProgress/cancel").count(), 1);
}

#[test]
fn what_breaks_a_rule_is_found() {
    let begin = || progress(json!({ "kind": "begin", "title": "Auto", "percentage": 5 }));
    let stop = || progress(json!({ "kind": "end" }));
    let report = |percentage: Value| progress(json!({ "kind": "report", "percentage": percentage }));
    let edit = |change: Value| apply_edit(&json!({ "documentChanges": [change] }));
    let create = |options: Value| edit(json!({ "kind": "create", "uri": "$ROOT/new.py", "options": options }));
    let mut annotated = insert(json!(1), 0, "x");
    annotated["edits"][0]["annotationId"] = json!("a");
    let mut without_version = insert(json!(1), 0, "x");
    without_version["textDocument"].as_object_mut().unwrap().remove("version");
    let mut overlapping = insert(json!(1), 0, "x");
    overlapping["edits"] = json!([overlapping["edits"][0], overlapping["edits"][0]]);
    for edit in overlapping["edits"].as_array_mut().unwrap() {
        edit["range"]["end"]["character"] = json!(1);
    }
    use Profile::{Helix, Neovim, Vscode};
    let cases: Vec<(Profile, Vec<Value>, &[&str])> = vec![
        (Vscode, vec![begin()], &["goes create"]),
        (Vscode, vec![create_progress(), begin(), create_progress()], &["created once"]),
        (Vscode, vec![create_progress(), begin(), report(json!(4)), stop()], &["percentages rise"]),
        (Vscode, vec![create_progress(), begin(), report(Value::Null), stop()], &["percentages rise"]),
        (Vscode, vec![json!({ "id": 9, "method": "client/registerCapability" })], &["no editor knows"]),
        (Vscode, vec![json!({ "method": "stepwright/text" }), json!({ "method": "a/b" })], &["no editor knows"]),
        (Vscode, vec![json!({ "id": 77, "result": null })], &["nothing was asked"]),
        (Vscode, vec![json!({ "id": 9, "method": "stepwright/input" })], &["who has a box"]),
        (Helix, vec![edit(annotated)], &["who declared them"]),
        (Vscode, vec![edit(without_version)], &["its document's version"]),
        (Vscode, vec![edit(insert(Value::Null, 0, "x"))], &["its document's version"]),
        (Vscode, vec![edit(overlapping)], &["overlap"]),
        (Vscode, vec![edit(insert(json!(1), 2, "x"))], &["within its document", "within its document"]),
        (Vscode, vec![apply_edit(&json!({ "documentChanges": [] }))], &["changes nothing"]),
        (Vscode, vec![create(Value::Null)], &["only if absent"]),
        (Neovim, vec![edit(insert(json!(0), 0, "x"))], &[]),
        (Neovim, vec![create_progress(), begin(), stop(), stop()], &["goes create"]),
        (Vscode, vec![json!({ "method": "window/showMessage", "params": { "message": "a\nb" } })], &["one line"]),
    ];
    for (profile, mut script, expected) in cases {
        script.push(end());
        let (mut editor, _server) = editor(profile, &json!(script));
        editor.open("store.py");
        editor.execute("stepwright.run", json!({}));
        editor.wait_run_end();
        let violations = editor.violations();
        assert_eq!(violations.len(), expected.len(), "{violations:#?}");
        for (violation, part) in violations.iter().zip(expected) {
            assert!(violation.contains(part), "`{part}` in {violations:#?}");
        }
    }
}

#[test]
fn what_is_offered_is_checked() {
    let command = json!({ "title": "t", "command": "stepwright.run" });
    let kind = "refactor.rewrite.stepwright";
    let actions = json!([
        { "title": "another kind", "kind": "quickfix", "command": command },
        { "title": "a longer word", "kind": "refactor.rewrite.stepwrighty", "command": command },
        { "title": "no command", "kind": kind },
        { "title": "preferred", "kind": kind, "command": command, "isPreferred": true },
        { "title": "disabled", "kind": kind, "command": command, "disabled": { "reason": "r" } },
        { "title": "a stale edit", "kind": kind, "command": command, "edit": { "changes": {} } },
    ]);
    let (mut editor, _server) = editor_of(Setup::new(Profile::Neovim), &json!([]), &actions);
    editor.actions("store.py", 0..0);
    let violations = editor.violations();
    let expected = [
        "one of our kinds",
        "one of our kinds",
        "has its command",
        "is preferred",
        "disabled is declared",
        "changes nothing",
    ];
    assert_eq!(violations.len(), expected.len(), "{violations:#?}");
    for (violation, part) in violations.iter().zip(expected) {
        assert!(violation.contains(part), "`{part}` in {violations:#?}");
    }
}

#[test]
fn what_is_left_open_fails_the_test() {
    let begin = progress(json!({ "kind": "begin", "title": "Auto" }));
    let error = json!({ "method": "window/showMessage", "params": { "type": 1, "message": "no model" } });
    for (script, expected) in [
        (json!([create_progress(), begin, end()]), "progress `abc` never ended"),
        (json!([error, end()]), "an error was shown: no model"),
    ] {
        let (mut editor, _server) = editor(Profile::Helix, &script);
        editor.execute("stepwright.run", json!({}));
        editor.wait_run_end();
        let panic = catch_unwind(AssertUnwindSafe(|| drop(editor))).unwrap_err();
        let text = panic.downcast_ref::<String>().unwrap();
        assert!(text.starts_with(expected), "{text}");
    }
}

#[test]
fn a_program_that_is_no_server_fails_the_test() {
    // The test program itself prints text that is no frame.
    let setup = Setup::new(Profile::Vscode).program(std::env::current_exe().unwrap());
    let setup = setup.config("[roles]").variable("RUST_BACKTRACE", "0");
    let panic = catch_unwind(AssertUnwindSafe(|| setup.start())).err().unwrap();
    let text = panic.downcast_ref::<String>().unwrap();
    assert!(text.contains(r#"waited for initialize, but got a bad header"#), "{text}");
}
