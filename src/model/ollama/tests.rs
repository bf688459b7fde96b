use expect_test::{Expect, expect};

use super::*;
use crate::model::dialect::{Dialect, tests as dialect};

const HI: &str = r#"{"model":"m","message":{"role":"assistant","content":"hi"},"done":false}"#;
const DONE: &str = r#"{"model":"m","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop","total_duration":5,"prompt_eval_count":9000,"eval_count":7}"#;

fn check(lines: &[&str], expected: Expect) {
    let body: String = lines.iter().map(|line| format!("{line}\n")).collect();
    expected.assert_eq(&dialect::shown(dialect::decode(Dialect::Ollama, body.as_bytes(), 10_000)));
}

#[test]
fn lines_become_text_and_an_ending() {
    check(&[HI, HI, DONE], expect![[r#""hihi" Stop 9000+0→7"#]]);
    // The last line may bring text, and old servers give no reason.
    check(&[r#"{"message":{"content":"all"},"done":true}"#], expect![[r#""all" Stop"#]]);
    check(&[HI, r#"{"done":true,"done_reason":""}"#], expect![[r#""hi" Stop"#]]);
    check(&[HI, &DONE.replace("\"stop\"", "\"length\"")], expect![[r#""hi" Length 9000+0→7"#]]);
    check(&[HI, &DONE.replace("9000", "4096")], expect![[r#""hi" error: PromptCut(4096, 10000)"#]]);
    check(
        &[r#"{"message":{"content":"","thinking":"hm"},"done":false}"#, "", HI, DONE],
        expect![[r#""hi" Stop 9000+0→7"#]],
    );
    check(&[HI, r#"{"error":null,"new":[1]}"#, DONE], expect![[r#""hi" Stop 9000+0→7"#]]);
    check(&[HI, r#"{"message":{"content":7}}"#], expect![[r#""hi" error: Garbled("a line of another form")"#]]);
}

#[test]
fn a_call_of_a_tool_is_unexpected_although_it_stops_well() {
    let call = r#"{"message":{"content":"","tool_calls":[{"function":{"name":"f","arguments":{}}}]},"done":false}"#;
    check(&[call, DONE], expect![[r#""" Unexpected("tool_calls") 9000+0→7"#]]);
    check(&[HI, r#"{"message":{"content":"","tool_calls":[]}}"#, DONE], expect![[r#""hi" Stop 9000+0→7"#]]);
}

#[test]
fn errors_are_texts() {
    check(&[r#"{"error":"model 'x' not found"}"#], expect![[r#""" error: Server"#]]);
    check(
        &[HI, r#"{"error":"an error was encountered while running the model"}"#, DONE],
        expect![[r#""hi" error: Server"#]],
    );
    check(&[r#"{"error":"the input length exceeds the context length"}"#], expect![[r#""" error: TooLong"#]]);
}

#[test]
fn the_context_is_one_of_few_sizes() {
    for (sent, own, longest, largest, expected) in [
        (100, 100, None, None, 4096),
        (3000, 3000, None, None, 8192),
        // Shared documents aren't repeated in the answer.
        (7000, 500, None, None, 8192),
        (7000, 500, Some(4000), None, 16_384),
        (20_000, 500, None, None, 32_768),
        (900_000, 500, None, None, 32_768),
        (40_000, 500, None, Some(131_072), 65_536),
        (900_000, 500, None, Some(131_072), 131_072),
        (100, 100, None, Some(2048), 2048),
        (5000, 5000, None, Some(10_000), 10_000),
    ] {
        assert_eq!(context(sent, own, longest, largest), expected, "{sent} {own} {longest:?} {largest:?}");
    }
}

#[test]
fn the_body_forbids_to_drop_the_prompts_start() {
    let request = Request { system: "S".into(), shared: "D".into(), prompt: "P".into(), ..Request::default() };
    let mut form = dialect::form(Dialect::Ollama);
    form.grow(8192);
    let body = |longest| {
        let prompt = Prompt { model: "m", request: &request, max_output_tokens: longest, form };
        String::from_utf8(super::body(&prompt)).unwrap()
    };
    expect![[r#"{"model":"m","stream":true,"truncate":false,"shift":false,"options":{"num_ctx":8192},"messages":[{"role":"system","content":"S"},{"role":"user","content":"D\n\nP"}]}"#]]
        .assert_eq(&body(None));
    assert!(body(Some(99)).contains(r#""options":{"num_ctx":8192,"num_predict":99}"#));
}
