use expect_test::{Expect, expect};

use super::*;
use crate::{
    engine::ports::Finish,
    model::{
        answer::LONGEST_ANSWER,
        dialect::{Dialect, tests as dialect},
    },
};

const STOP: &str = r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#;
const HI: &str = r#"{"choices":[{"delta":{"content":"hi"}}]}"#;

fn decode(bytes: &[u8], sent: u64) -> (String, Result<(Finish, Usage), Cause>) {
    dialect::decode(Dialect::OpenAi, bytes, sent)
}

fn events(data: &[&str]) -> String {
    data.iter().map(|data| format!("data: {data}\n\n")).collect()
}

fn check(data: &[&str], expected: Expect) {
    expected.assert_eq(&dialect::shown(decode(events(data).as_bytes(), 10_000)));
}

/// A chunk with this delta.
fn delta(delta: &str) -> String {
    format!(r#"{{"choices":[{{"delta":{delta}}}]}}"#)
}

/// The end of an answer with this reason.
fn finished(reason: &str) -> String {
    STOP.replace("stop", reason)
}

#[test]
fn a_refusal_is_one_although_it_stops_well() {
    let refusal = [&*delta(r#"{"refusal":"I can't "}"#), &delta(r#"{"refusal":"do that."}"#), STOP];
    check(&refusal, expect![[r#""" Blocked("I can't do that.")"#]]);
    check(&[HI, STOP, &finished("content_filter")], expect![[r#""hi" Blocked("content_filter")"#]]);
    check(&[HI, &finished("length"), STOP], expect![[r#""hi" Length"#]]);
}

#[test]
fn what_does_not_matter_is_tolerated() {
    for data in [
        "",
        "{}",
        r#"{"choices":[]}"#,
        r#"{"choices":null,"usage":null,"error":null,"new":[1]}"#,
        r#"{"choices":[{"delta":{"role":"assistant","content":null,"refusal":null},"finish_reason":null,"logprobs":null}]}"#,
        r#"{"choices":[{"delta":null}]}"#,
        r#"{"choices":[{"delta":{"reasoning_content":"hm","tool_calls":null}}]}"#,
        r#"{"choices":[{"delta":{"content":""}}]}"#,
        r#"{"choices":[],"usage":{"total_tokens":3}}"#,
        r#"{"choices":[],"usage":"none"}"#,
    ] {
        let (text, end) = decode(events(&[data, HI, STOP]).as_bytes(), 0);
        assert_eq!((text.as_str(), end.unwrap().0), ("hi", Finish::Stop), "{data}");
    }
    let parts = r#"{"content":[{"type":"text","text":"a"},{"type":"image"},{"type":"text","text":"b"}]}"#;
    check(&[&delta(parts), STOP], expect![[r#""ab" Stop"#]]);
    check(&[r#"{"choices":[{"delta":{"content":"all"},"finish_reason":"stop"}]}"#], expect![[r#""all" Stop"#]]);
    check(&[HI, STOP, HI, "[DONE]", HI], expect![[r#""hi" Stop"#]]);
    check(&[HI, HI, STOP], expect![[r#""hihi" Stop"#]]);
    let (text, end) = decode(format!("event: ping\ndata: ping\n\n: c\n\n{}", events(&[HI, STOP])).as_bytes(), 0);
    assert_eq!((text.as_str(), end.is_ok()), ("hi", true));
}

#[test]
fn errors_inside_the_stream_are_errors() {
    check(&[HI, r#"{"error":{"message":"boom"}}"#], expect![[r#""hi" error: Server"#]]);
    check(&[HI, STOP, r#"{"error":"boom","choices":[]}"#], expect![[r#""hi" error: Server"#]]);
    // vLLM before 2025, and Gemini.
    check(&[HI, r#"{"object":"error","message":"out of memory"}"#], expect![[r#""hi" error: Server"#]]);
    check(&[HI, &finished("content_filter: RECITATION")], expect![[r#""hi" Blocked("content_filter: RECITATION")"#]]);
    check(&[HI, &finished("MAX_TOKENS")], expect![[r#""hi" Length"#]]);
    check(&[r#"{"error":{"code":429,"message":"slow down"}}"#], expect![[r#""" error: RateLimit"#]]);
    let (_, end) = decode(b"event: error\ndata: {\"message\":\"Overloaded\",\"type\":\"overloaded_error\"}\n\n", 0);
    assert_eq!(end, Err(Cause::Overloaded));
    for bad in [
        "nonsense",
        "\u{0}",
        "[1]",
        "null",
        r#"{"choices":{}}"#,
        r#"{"choices":[{"delta":{"content":7}}]}"#,
        "{\"choices\"",
    ] {
        let (_, end) = decode(events(&[HI, bad, STOP]).as_bytes(), 0);
        assert!(matches!(end, Err(Cause::Garbled(_))), "{bad}: {end:?}");
    }
}

#[test]
fn usage_is_read_and_shows_a_cut_prompt() {
    let usage = |prompt: u64| {
        let cached = r#""prompt_tokens_details":{"cached_tokens":1000}"#;
        format!(r#"{{"choices":[],"usage":{{"prompt_tokens":{prompt},"completion_tokens":7,{cached}}}}}"#)
    };
    check(&[HI, STOP, &usage(9000)], expect![[r#""hi" Stop 8000+1000→7"#]]);
    check(&[HI, STOP, &usage(6000)], expect![[r#""hi" Stop 5000+1000→7"#]]);
    check(&[HI, STOP, &usage(5999)], expect![[r#""hi" error: PromptCut(5999, 10000)"#]]);
    // Not counted, and too small to judge.
    check(&[HI, STOP, &usage(0)], expect![[r#""hi" Stop 0+0→7"#]]);
    let small = decode(events(&[HI, STOP, &usage(500)]).as_bytes(), 3000);
    assert!(small.1.is_ok());
}

#[test]
fn a_longer_answer_than_8_mib_is_refused() {
    let chunk = delta(&format!(r#"{{"content":"{}"}}"#, "x".repeat(LONGEST_ANSWER / 16)));
    let mut data = vec![&*chunk; 16];
    data.push(STOP);
    assert!(decode(events(&data).as_bytes(), 0).1.is_ok());
    data.insert(0, HI);
    assert!(matches!(decode(events(&data).as_bytes(), 0).1, Err(Cause::Garbled(_))));
}

#[test]
fn a_template_without_a_system_message_gets_it_with_the_users() {
    let request = Request { system: "S".into(), shared: "D".into(), prompt: "P".into(), ..Request::default() };
    let mut form = dialect::form(Dialect::OpenAi);
    assert!(form.adapt(Some("system"), ""));
    let body = body(&Prompt { model: "m", request: &request, max_output_tokens: None, form });
    let messages = &serde_json::from_slice::<Value>(&body).unwrap()["messages"];
    assert_eq!(*messages, serde_json::json!([{"role": "user", "content": "S\n\nD\n\nP"}]));
    assert!(!form.adapt(Some("system"), ""), "once");
}
