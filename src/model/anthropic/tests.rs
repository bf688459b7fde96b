use expect_test::{Expect, expect};

use super::*;
use crate::model::dialect::{Dialect, tests as dialect};

const START: &str = r#"{"type":"message_start","message":{"id":"msg_1","role":"assistant","content":[],"stop_reason":null,"usage":{"input_tokens":3,"cache_creation_input_tokens":1000,"cache_read_input_tokens":5000,"output_tokens":1}}}"#;
const HI: &str = r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"hi"}}"#;
const STOP: &str =
    r#"{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":7}}"#;
const END: &str = r#"{"type":"message_stop"}"#;

fn check(data: &[&str], expected: Expect) {
    // Some proxies drop the names of events, so these have none.
    let body: String = data.iter().map(|data| format!("data: {data}\n\n")).collect();
    expected.assert_eq(&dialect::shown(dialect::decode(Dialect::Anthropic, body.as_bytes(), 10_000)));
}

#[test]
fn all_that_was_read_counts_as_input() {
    check(&[START, HI, STOP, END], expect![[r#""hi" Stop 1003+5000→7"#]]);
    // A gateway that counts the prompt only at the end.
    let start = r#"{"type":"message_start","message":{"usage":{"input_tokens":0,"output_tokens":0}}}"#;
    let late = r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"input_tokens":9000,"output_tokens":2}}"#;
    check(&[start, HI, late, END], expect![[r#""hi" Stop 9000+0→2"#]]);
    // Two thirds of the prompt weren't read.
    check(&[&START.replace("5000", "2000"), HI, STOP, END], expect![[r#""hi" error: PromptCut(3003, 10000)"#]]);
}

#[test]
fn what_is_no_text_is_left_out() {
    let thinking = r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}"#;
    let signature = r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"s"}}"#;
    let tool = r#"{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"t","name":"n","input":{}}}"#;
    let input = r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{"}}"#;
    let begun = r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"oh, "}}"#;
    let stop = r#"{"type":"content_block_stop","index":0}"#;
    let future = r#"{"type":"something_new","delta":{"type":"text","text":"no"},"x":[1]}"#;
    let ping = r#"{"type": "ping"}"#;
    check(
        &[START, ping, thinking, signature, tool, input, begun, HI, stop, future, STOP, END],
        expect![[r#""oh, hi" Stop 1003+5000→7"#]],
    );
}

#[test]
fn a_refusal_says_why_if_it_can() {
    let refusal = |details: &str| format!(r#"{{"type":"message_delta","delta":{{"stop_reason":"refusal"{details}}}}}"#);
    check(&[HI, &refusal("")], expect![[r#""hi" Blocked("refusal")"#]]);
    let details = r#","stop_details":{"type":"refusal","category":"cyber","explanation":"It would harm."}"#;
    check(&[&refusal(details)], expect![[r#""" Blocked("It would harm.")"#]]);
    check(&[HI, &refusal(r#","stop_details":null"#)], expect![[r#""hi" Blocked("refusal")"#]]);
}

#[test]
fn the_body_has_one_breakpoint_after_what_is_shared() {
    let body = |shared: &str, system: &str, longest: Option<u64>| {
        let request =
            Request { system: system.into(), shared: shared.into(), prompt: "P".into(), ..Request::default() };
        let form = dialect::form(Dialect::Anthropic);
        let body = body(&Prompt { model: "m", request: &request, max_output_tokens: longest, form });
        String::from_utf8(body).unwrap()
    };
    expect![[r#"{"model":"m","max_tokens":32000,"stream":true,"system":"S","thinking":{"type":"disabled"},"messages":[{"role":"user","content":[{"type":"text","text":"D","cache_control":{"type":"ephemeral"}},{"type":"text","text":"P"}]}]}"#]]
        .assert_eq(&body("D", "S", None));
    expect![[r#"{"model":"m","max_tokens":99,"stream":true,"thinking":{"type":"disabled"},"messages":[{"role":"user","content":[{"type":"text","text":"P"}]}]}"#]]
        .assert_eq(&body("", "", Some(99)));
}
