//! What a run prints: events for programs, steps for people, log lines for nobody but who asks.

use std::collections::BTreeMap;

use expect_test::expect;
use serde_json::Value;

use super::sandbox;

/// The fields of each type of event, as the contract lists them; those with `?` may be absent.
const FIELDS: &[(&str, &[&str])] = &[
    ("workflow", &["run", "type", "workflow"]),
    ("step", &["error?", "file_name?", "response?", "run", "status", "step_id", "type"]),
    ("text", &["run", "step_id", "text", "type"]),
    ("edit", &["action", "file", "reason?", "run", "type"]),
    ("usage", &["cached_tokens", "cost_usd", "input_tokens", "output_tokens", "run", "type"]),
    ("end", &["run", "status", "summary", "type"]),
];

#[test]
fn events_have_exactly_their_fields() {
    let sandbox = sandbox();
    sandbox.write("b.py", "b = 1\n");
    let ran = sandbox.run(&["run", "auto", "--json", "--file", "a.py", "--file", "b.py", "Make it 2."]);
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let events = ran.events();
    for event in &events {
        let name = event["type"].as_str().expect("a type");
        let (name, fields) = FIELDS.iter().find(|(known, _)| *known == name).expect("a known type");
        *seen.entry(name).or_default() += 1;
        let has = |field: &str| event.get(field).is_some_and(|value| field == "cost_usd" || !value.is_null());
        for field in *fields {
            assert!(field.ends_with('?') || has(field), "`{field}` in {event}");
        }
        for field in event.as_object().expect("an object").keys() {
            let known = fields.iter().any(|known| known.trim_end_matches('?') == field);
            assert!(known, "`{field}` is no field of {name}: {event}");
        }
        assert_eq!(event["run"], events[0]["run"]);
    }
    assert_eq!(seen.keys().copied().collect::<Vec<_>>(), ["edit", "end", "step", "text", "usage", "workflow"]);
    let step: Vec<_> = descriptor(&events[0])["steps"][0].as_object().unwrap().keys().cloned().collect();
    assert_eq!(step, ["description", "module", "parameters", "response", "status", "step_id"]);
    let names: Vec<_> = descriptor(&events[0]).as_object().unwrap().keys().cloned().collect();
    assert_eq!(names, ["status", "steps", "version", "workflow_name"]);
}

fn descriptor(event: &Value) -> &Value {
    &event["workflow"]
}

#[test]
fn people_read_plain_lines() {
    let sandbox = sandbox();
    let ran = sandbox.run(&["run", "auto", "--file", "a.py", "Make it 2."]);
    let out = regex::Regex::new(r"\d+\.\d s|\d+ tokens in|\d+ out|[0-9a-f]{16}")
        .unwrap()
        .replace_all(&ran.out, "N")
        .into_owned();
    expect![[r#"
        Auto
          … 1/2 Process a.py
            → changed a.py
          ✓ 1/2 Process a.py (N)
          … 2/2 Summarize
          ✓ 2/2 Summarize (N)
        ✓ Auto finished: a.py was changed
          N, N, $0.0000

        Done.

        Take it back: stepwright revert N
    "#]]
    .assert_eq(&out);
    assert_eq!(ran.err, "");
}

#[test]
fn what_a_model_says_does_not_steer_the_terminal() {
    let sandbox = sandbox();
    sandbox.replies(&[("Hello", "\u{1b}[2JHello\u{7}")]);
    let ran = sandbox.run(&["run", "chat", "Hello"]);
    assert!(ran.out.contains("Hello") && !ran.out.contains(['\u{1b}', '\u{7}']), "{:?}", ran.out);
}

#[test]
fn log_lines_go_to_standard_error_or_a_file() {
    let sandbox = sandbox();
    let arguments = ["run", "chat", "--json", "Hello"];
    let logged = |arguments: &[&str]| {
        let mut command = sandbox.stepwright(arguments);
        crate::support::sandbox::Ran::from(command.env("STEPWRIGHT_LOG", "trace").output().unwrap())
    };
    let ran = logged(&arguments);
    assert_eq!(ran.code, 0, "{}", ran.err);
    // Every line of standard output is an event.
    assert!(!ran.events().is_empty());
    let log = sandbox.path("log.txt").display().to_string();
    let ran = logged(&["--log-file", &log, "run", "chat", "--json", "Hello"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert!(sandbox.path("log.txt").exists());
}
