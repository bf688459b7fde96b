//! Every way an answer can fail, and the sentence a person reads about it.

use std::{
    io::{Read, Write},
    net::TcpListener,
    thread,
    time::Duration,
};

use expect_test::{Expect, expect};
use stepwright::{
    config::{Limits, Settings},
    engine::ports::ModelErrorKind,
    model::{self, Tuning, retry::Patience},
};

use super::{Outcome, ask, connect, drain, environment, patience, request};
use crate::support::provider::{self as fake, Act, KEY, Provider, event, finish, good, respond, stream_head, text};

/// Shows posts, text, kind and message, with the port left out.
fn check(provider: &Provider, outcome: Outcome, expected: Expect) {
    let port = provider.address.port().to_string();
    let posts = provider.posts().len();
    let shown = match &outcome.end {
        Ok(end) => format!("{posts} {:?} {end:?}", outcome.text),
        Err(error) => format!("{posts} {:?} {:?}: {}", outcome.text, error.kind, error.message),
    };
    assert!(!format!("{outcome:?}").contains(KEY), "a key was shown: {outcome:?}");
    assert!(outcome.end.is_ok() || shown.contains("`fake/model`"), "{shown}");
    expected.assert_eq(&shown.replace(&port, "PORT"));
}

async fn answer(script: Vec<Act>, expected: Expect) {
    let (provider, outcome) = ask(vec![script]).await;
    check(&provider, outcome, expected);
}

fn json(status: &str, body: &str) -> Vec<Act> {
    vec![Act::Send(respond(status, "application/json", body))]
}

fn events(parts: &[Vec<u8>]) -> Vec<Act> {
    vec![Act::Send([stream_head(), parts.concat()].concat())]
}

#[tokio::test]
async fn keys_and_names() {
    let wrong = format!(
        r#"{{"error":{{"message":"Incorrect API key provided: {KEY}. Find yours at https://x.example.","code":"invalid_api_key"}}}}"#
    );
    answer(json("401 Unauthorized", &wrong), expect![[r#"1 "" Auth: failed to get an answer from `fake/model`: the server refused the key (401: Incorrect API key provided: •••. Find yours at https://x.example); check the key in the environment variable `FAKE_KEY`"#]]).await;
    answer(json("403 Forbidden", r#"{"error":"not in your country"}"#), expect![[r#"1 "" Auth: failed to get an answer from `fake/model`: the server refused access (403: not in your country); check the key in the environment variable `FAKE_KEY`"#]]).await;
    answer(json("404 Not Found", r#"{"error":{"message":"The model `model` does not exist"}}"#), expect![[r#"1 "" NotFound: failed to get an answer from `fake/model`: the server knows no such model or address (404: The model `model` does not exist); check the model's name and `base-url` in `[providers.fake]`"#]]).await;
    let pages = [("/v1/models", r#"{"data":[{"id":"zeta"},{"id":"modell"},{"id":"other"}]}"#)];
    let provider = Provider::with_pages(vec![json("404 Not Found", "{}")], pages);
    let outcome = drain(connect(&provider.settings()).answer(request())).await;
    check(
        &provider,
        outcome,
        expect![[
            r#"1 "" NotFound: failed to get an answer from `fake/model`: the server knows no such model or address (404); did you mean `modell`? The server lists `modell`, `other`, `zeta`"#
        ]],
    );
}

#[tokio::test]
async fn refused_requests() {
    let echo = r#"{"error":{"message":"invalid message: {\"content\": \"fn main() { launch_the_missiles(); } // rewrite\"}","type":"invalid_request_error"}}"#;
    answer(json("400 Bad Request", echo), expect![[r#"1 "" Rejected: failed to get an answer from `fake/model`: the server rejected the request (400: invalid message: {"content": "…"}); check that `base-url` in `[providers.fake]` leads to an OpenAI-compatible API and that `model` is a chat model"#]]).await;
    let long = r#"{"error":{"message":"This model's maximum context length is 4096 tokens.","code":"context_length_exceeded"}}"#;
    answer(json("400 Bad Request", long), expect![[r#"1 "" TooLong: failed to get an answer from `fake/model`: the prompt doesn't fit the model's context (400: This model's maximum context length is 4096 tokens); choose fewer or smaller files, or a model with a larger context"#]]).await;
    let quota = r#"{"error":{"message":"You exceeded your current quota.","code":"insufficient_quota"}}"#;
    answer(json("429 Too Many Requests", quota), expect![[r#"1 "" Quota: failed to get an answer from `fake/model`: no credit is left (429: You exceeded your current quota); add credit at the provider, or choose another model"#]]).await;
    answer(json("400 Bad Request", r#"{"error":{"message":"filtered","code":"content_filter"}}"#), expect![[r#"1 "" Rejected: failed to get an answer from `fake/model`: the provider's content filter refused the prompt (400: filtered); rephrase it, or choose another model"#]]).await;
    answer(json("422 x", r#"{"detail":"no \u001b[31m such \u202e thing"}"#), expect![[r#"1 "" Rejected: failed to get an answer from `fake/model`: the server rejected the request (422: no [31m such thing); check that `base-url` in `[providers.fake]` leads to an OpenAI-compatible API and that `model` is a chat model"#]]).await;
}

#[tokio::test]
async fn failing_servers() {
    let page = "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>";
    answer(vec![Act::Send(respond("502 Bad Gateway", "text/html", page))], expect![[r#"4 "" Unavailable: failed to get an answer from `fake/model`: the server failed (502 Bad Gateway); try again later, or choose another model"#]]).await;
    answer(json("529 x", r#"{"error":{"message":"Overloaded","type":"overloaded_error"}}"#), expect![[r#"4 "" Unavailable: failed to get an answer from `fake/model`: the server is overloaded (529: Overloaded); try again later, or choose another model"#]]).await;
    answer(json("429 x", r#"[{"error":{"code":429,"message":"Resource exhausted"}}]"#), expect![[r#"4 "" Unavailable: failed to get an answer from `fake/model`: too many requests (429: Resource exhausted); try again later, or lower `concurrency` in `[limits]`"#]]).await;
    answer(json("500 x", ""), expect![[r#"4 "" Unavailable: failed to get an answer from `fake/model`: the server failed (500); try again later, or choose another model"#]]).await;
    let error = event(r#"{"error":{"message":"the GPU caught fire"}}"#);
    answer(events(&[text("hi"), error]), expect![[r#"1 "hi" Unavailable: failed to get an answer from `fake/model`: the server failed (the GPU caught fire); try again later, or choose another model (request req-7)"#]]).await;
}

#[tokio::test]
async fn answers_that_are_none() {
    answer(json("200 OK", r#"{"choices":[{"message":{"content":"hi"}}]}"#), expect![[r#"1 "" Protocol: failed to get an answer from `fake/model`: the server sent `application/json` instead of an event stream; check that `base-url` in `[providers.fake]` leads to an OpenAI-compatible API"#]]).await;
    answer(json("200 OK", r#"{"error":{"message":"model is loading","code":503}}"#), expect![[r#"4 "" Unavailable: failed to get an answer from `fake/model`: the server is overloaded (model is loading); try again later, or choose another model"#]]).await;
    answer(vec![Act::Send(respond("200 OK", "text/html", "<p>Sign in"))], expect![[r#"1 "" Protocol: failed to get an answer from `fake/model`: the server sent `text/html` instead of an event stream; check that `base-url` in `[providers.fake]` leads to an OpenAI-compatible API"#]]).await;
    answer(vec![Act::Send(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n".to_vec())], expect![[r#"1 "" Protocol: failed to get an answer from `fake/model`: the server sent status 204 instead of an answer; check that `base-url` in `[providers.fake]` leads to an OpenAI-compatible API"#]]).await;
    answer(vec![Act::Send(b"SSH-2.0-OpenSSH_9\r\n".to_vec())], expect![[r#"4 "" Unavailable: failed to get an answer from `fake/model`: the connection to http://127.0.0.1:PORT/v1 failed (invalid HTTP version parsed); check the network, then try again"#]]).await;
    let gzip = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-encoding: gzip\r\n\r\n\x1f";
    answer(vec![Act::Send(gzip.as_bytes().to_vec()), Act::Stall], expect![[r#"1 "" Protocol: failed to get an answer from `fake/model`: the server sent a compressed answer that nobody asked for; check that `base-url` in `[providers.fake]` leads to an OpenAI-compatible API"#]]).await;
    answer(events(&[text("hi"), event("nonsense")]), expect![[r#"1 "hi" Protocol: failed to get an answer from `fake/model`: the server sent an event of another form (expected ident at line 1 column 2); try again, or choose another model (request req-7)"#]]).await;
    answer(events(&[text("hi"), b"data: \xff\n\n".to_vec()]), expect![[r#"1 "hi" Protocol: failed to get an answer from `fake/model`: the server sent invalid UTF-8; try again, or choose another model (request req-7)"#]]).await;
}

#[tokio::test]
async fn answers_that_are_not_whole() {
    answer(events(&[text("hi")]), expect![[r#"1 "hi" Truncated: failed to get an answer from `fake/model`: the answer broke off before its end; try again (request req-7)"#]]).await;
    answer(events(&[text("hi"), event("[DONE]")]), expect![[r#"1 "hi" Truncated: failed to get an answer from `fake/model`: the answer broke off before its end; try again (request req-7)"#]]).await;
    answer(events(&[finish("stop"), event("[DONE]")]), expect![[r#"1 "" Protocol: failed to get an answer from `fake/model`: the answer was empty; try again, or choose another model (request req-7)"#]]).await;
    answer(
        events(&[text("hi"), finish("length")]),
        expect![[
            r#"1 "hi" Done { finish: Length, usage: Usage { input: 0, cached: 0, output: 0, cost: Some(0.0) } }"#
        ]],
    )
    .await;
    answer(events(&[text("hi"), finish("content_filter")]), expect![[r#"1 "hi" Done { finish: Blocked("content_filter"), usage: Usage { input: 0, cached: 0, output: 0, cost: Some(0.0) } }"#]]).await;
    answer(events(&[text("hi"), finish("tool_calls")]), expect![[r#"1 "hi" Done { finish: Unexpected("tool_calls"), usage: Usage { input: 0, cached: 0, output: 0, cost: Some(0.0) } }"#]]).await;
    let refusal = event(r#"{"choices":[{"delta":{"refusal":"I won't."}}]}"#);
    answer(
        events(&[refusal, finish("stop")]),
        expect![[
            r#"1 "" Done { finish: Blocked("I won't."), usage: Usage { input: 0, cached: 0, output: 0, cost: Some(0.0) } }"#
        ]],
    )
    .await;
}

#[tokio::test]
async fn a_server_that_cuts_the_prompt_is_found_out() {
    let usage = event(r#"{"choices":[],"usage":{"prompt_tokens":4096,"completion_tokens":1}}"#);
    let provider = Provider::start(vec![events(&[text("hi"), finish("stop"), usage])]);
    let prompt = "0123456789".repeat(3000);
    let outcome =
        drain(connect(&provider.settings()).answer(stepwright::engine::ports::Request { prompt, ..request() })).await;
    check(
        &provider,
        outcome,
        expect![[
            r#"1 "hi" TooLong: failed to get an answer from `fake/model`: the server read only 4096 of about 10005 tokens of the prompt; raise the server's context size, or choose fewer or smaller files (request req-7)"#
        ]],
    );
}

#[tokio::test]
async fn floods_end_early() {
    let head = || Act::Send(stream_head());
    let (provider, outcome) = ask(vec![vec![head(), Act::Flood(vec![b'x'; 1 << 16])]]).await;
    check(
        &provider,
        outcome,
        expect![[
            r#"1 "" Protocol: failed to get an answer from `fake/model`: the server sent a line of more than 1 MiB; try again, or choose another model (request req-7)"#
        ]],
    );
    let (provider, outcome) = ask(vec![vec![head(), Act::Flood(text(&"x".repeat(1 << 16)))]]).await;
    assert_eq!(outcome.text.len(), 8 << 20);
    let outcome = Outcome { text: String::new(), ..outcome };
    check(
        &provider,
        outcome,
        expect![[
            r#"1 "" Protocol: failed to get an answer from `fake/model`: the server sent an answer of more than 8 MiB; try again, or choose another model (request req-7)"#
        ]],
    );
    let error = b"HTTP/1.1 500 x\r\n\r\n".to_vec();
    let (provider, outcome) = ask(vec![vec![Act::Send(error), Act::Flood(b"boom ".repeat(1000))]]).await;
    assert_eq!(outcome.kind(), Some(ModelErrorKind::Unavailable));
    assert!(outcome.end.unwrap_err().message.len() < 1000);
    assert_eq!(provider.posts().len(), 4);
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let trap = Provider::start(vec![good("trapped")]);
    for status in [300, 301, 302, 303, 304, 307, 308] {
        let location = format!("http://{}/v1/chat/completions?key={KEY}", trap.address);
        let response =
            format!("HTTP/1.1 {status} x\r\nlocation: {location}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
        let (provider, outcome) = ask(vec![vec![Act::Send(response.into_bytes())]]).await;
        let message = outcome.end.unwrap_err().message;
        let (from, to) = (provider.address, trap.address);
        let expected = format!(
            "failed to get an answer from `fake/model`: http://{from}/v1 redirects to http://{to}/v1/chat/completions, which isn't \
             followed because prompt and key would go there ({status}); set `base-url` in `[providers.fake]` to the final address"
        );
        assert_eq!(message, expected);
        assert_eq!(provider.posts().len(), 1);
    }
    assert!(trap.posts().is_empty() && trap.gets().is_empty());
}

#[tokio::test]
async fn silence_ends() {
    let short = Duration::from_millis(50);
    let first = Limits { first_byte_timeout: Some(short), ..fake::nothing().limits };
    let idle = Limits { idle_timeout: Some(short), ..fake::nothing().limits };
    let call = Patience { call: short, ..patience() };
    let begun = || Act::Send([stream_head(), text("hi")].concat());
    for (script, limits, patience, said) in [
        (vec![Act::Stall], &first, patience(), "no answer began within 50 ms"),
        (vec![Act::Send(stream_head()), Act::Stall], &first, patience(), "no answer began within 50 ms"),
        (vec![begun(), Act::Stall], &idle, patience(), "the answer stalled for 50 ms"),
        (vec![Act::Stall], &fake::nothing().limits, call, "the answer wasn't whole after 50 ms"),
        (
            vec![begun(), Act::Flood(b": ping\n".to_vec())],
            &fake::nothing().limits,
            call,
            "the answer wasn't whole after 50 ms",
        ),
    ] {
        let provider = Provider::start(vec![script]);
        let settings = Settings { limits: Limits { concurrency: Some(1), ..limits.clone() }, ..provider.settings() };
        let model = model::connect_tuned(&settings, &environment, Tuning { patience, ports: Vec::new() });
        let outcome = drain(model.answer(request())).await;
        assert_eq!((outcome.kind(), outcome.waits.len()), (Some(ModelErrorKind::Timeout), 0), "{outcome:?}");
        let message = outcome.end.unwrap_err().message;
        assert!(message.contains("`fake/model`") && message.contains(said), "{message}");
    }
}

#[tokio::test]
async fn servers_that_are_not_there() {
    let nobody = fake::unused_address();
    let outcome = drain(connect(&fake::settings(&nobody)).answer(request())).await;
    assert_eq!((outcome.kind(), outcome.waits.len()), (Some(ModelErrorKind::Unavailable), 3));
    expect!["failed to get an answer from `fake/model`: nothing listens at NOBODY/v1; is the server running? If it listens elsewhere, correct `base-url` in `[providers.fake]`"].assert_eq(&outcome.end.unwrap_err().message.replace(&nobody, "NOBODY"));
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_not_asked_again() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        connection.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        // Until the client has given up: closing with unread bytes would reset the connection before it has read these.
        connection.read_to_end(&mut Vec::new()).unwrap_or_default();
    });
    let outcome = drain(connect(&fake::settings(&format!("https://127.0.0.1:{port}"))).answer(request())).await;
    assert_eq!((outcome.kind(), outcome.waits.len()), (Some(ModelErrorKind::Unavailable), 0));
    expect!["failed to get an answer from `fake/model`: no secure connection to https://127.0.0.1:PORT (received corrupt message of type InvalidContentType); check `base-url` in `[providers.fake]`, or add the server's certificate to those the system trusts"].assert_eq(&outcome.end.unwrap_err().message.replace(&port.to_string(), "PORT"));
    server.join().unwrap();
}

#[tokio::test]
async fn hosts_that_are_not_there() {
    let settings = fake::settings("https://model.invalid");
    let patience = Patience { attempts: 1, ..patience() };
    let model = model::connect_tuned(&settings, &environment, Tuning { patience, ports: Vec::new() });
    let outcome = drain(model.answer(request())).await;
    assert_eq!(outcome.kind(), Some(ModelErrorKind::Unavailable));
    let message = outcome.end.unwrap_err().message;
    assert!(message.contains("`fake/model`") && message.contains("https://model.invalid/v1"), "{message}");
}
