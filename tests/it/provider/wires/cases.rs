//! The cases themselves, in the order of the list in `safety`.

use std::time::Duration;

use stepwright::{
    config::{Limits, Settings},
    engine::ports::ModelErrorKind as Kind,
    model::retry::Patience,
};

use super::{Case, Expected, Place};
use crate::support::{
    provider::{Act, KEY, kept, respond, unused_address},
    wire::Wire,
};

const SHORT: Duration = Duration::from_millis(60);

fn case(
    id: &'static str,
    what: &'static str,
    scripts: fn(Wire) -> Vec<Vec<Act>>,
    posts: usize,
    expected: Expected,
) -> Case {
    Case { id, what, place: Place::Scripts(scripts), requests: 1, change: |_, _| (), expected, posts }
}

fn at(id: &'static str, what: &'static str, address: fn() -> String, expected: Expected) -> Case {
    let once = |_: &mut Settings, patience: &mut Patience| patience.attempts = 1;
    Case { id, what, place: Place::Address(address), requests: 1, change: once, expected, posts: 0 }
}

/// An error's response.
fn error(wire: Wire, status: &str, kind: &str, message: &str) -> Vec<Act> {
    vec![Act::Send(respond(status, "application/json", &wire.error(kind, message).to_string()))]
}

fn limited(status: &str, header: &str) -> Vec<Act> {
    let response = format!("HTTP/1.1 {status}\r\n{header}\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{{}}");
    vec![Act::Send(response.into_bytes())]
}

/// A limit, and a good answer to whoever asks again.
fn later(wire: Wire, status: &str, header: &str) -> Vec<Vec<Act>> {
    vec![limited(status, header), wire.good("hi")]
}

fn moved(status: &str) -> Vec<Vec<Act>> {
    vec![limited(status, "location: https://evil.example/")]
}

fn body(wire: Wire, parts: &[Vec<u8>]) -> Vec<Act> {
    vec![Act::Send([wire.head(), parts.concat()].concat())]
}

fn other(status: &str, kind: &str, text: &str) -> Vec<Vec<Act>> {
    vec![vec![Act::Send(respond(status, kind, text))]]
}

fn short(settings: &mut Settings, _: &mut Patience) {
    settings.limits = Limits { first_byte_timeout: Some(SHORT), idle_timeout: Some(SHORT), ..settings.limits.clone() };
}

fn short_call(_: &mut Settings, patience: &mut Patience) {
    patience.call = SHORT;
}

pub fn cases() -> Vec<Case> {
    use Expected::{Blocked, CutOff, Error, Unexpected, Whole};
    let timed = |case: Case| Case { change: short, ..case };
    vec![
        at("N1", "nothing listens", unused_address, Error(Kind::Unavailable)),
        at("N2", "no such host", || "https://model.invalid".to_owned(), Error(Kind::Unavailable)),
        at("N3", "a self-signed certificate", crate::support::tls::self_signed, Error(Kind::Unavailable)),
        case("N4", "401", |wire| vec![error(wire, "401 x", "authentication_error", "no")], 1, Error(Kind::Auth)),
        case("N4", "403", |wire| vec![error(wire, "403 x", "permission_error", "no")], 1, Error(Kind::Auth)),
        case("N5", "404", |wire| vec![error(wire, "404 x", "not_found_error", "no model")], 1, Error(Kind::NotFound)),
        case(
            "N6",
            "400 that quotes prompt and key",
            |wire| {
                let quote = format!("bad: {KEY} fn main() {{ launch_the_missiles(); }} // rewrite");
                vec![error(wire, "400 x", "invalid_request_error", &quote)]
            },
            1,
            Error(Kind::Rejected),
        ),
        case("N7", "retry-after: 0", |wire| later(wire, "429 x", "retry-after: 0"), 2, Whole("hi")),
        case("N7", "retry-after: 0.01", |wire| later(wire, "429 x", "retry-after: 0.01"), 2, Whole("hi")),
        case(
            "N7",
            "retry-after: a date",
            |wire| later(wire, "429 x", "retry-after: Wed, 21 Oct 2015 07:28:00 GMT"),
            2,
            Whole("hi"),
        ),
        case("N7", "retry-after: -5", |wire| later(wire, "503 x", "retry-after: -5"), 2, Whole("hi")),
        case("N7", "retry-after: 1e9", |_| vec![limited("429 x", "retry-after: 1e9")], 1, Error(Kind::Unavailable)),
        case(
            "N7",
            "429 for good",
            |wire| vec![error(wire, "429 x", "rate_limit_error", "slow down")],
            4,
            Error(Kind::Unavailable),
        ),
        case(
            "N8",
            "500, then well",
            |wire| vec![error(wire, "500 x", "api_error", "oops"), wire.good("hi")],
            2,
            Whole("hi"),
        ),
        case(
            "N8",
            "529 for good",
            |wire| vec![error(wire, "529 x", "overloaded_error", "later")],
            4,
            Error(Kind::Unavailable),
        ),
        case(
            "N8",
            "502 with a page",
            |_| other("502 x", "text/html", "<title>Bad Gateway</title>"),
            4,
            Error(Kind::Unavailable),
        ),
        timed(case("N9", "silence", |_| vec![vec![Act::Stall]], 1, Error(Kind::Timeout))),
        timed(case(
            "N9",
            "silence after the head",
            |wire| vec![vec![Act::Send(wire.head()), Act::Stall]],
            1,
            Error(Kind::Timeout),
        )),
        timed(case(
            "N10",
            "a stall after some text",
            |wire| vec![vec![Act::Send([wire.head(), wire.start(), wire.text("hi")].concat()), Act::Stall]],
            1,
            Error(Kind::Timeout),
        )),
        Case {
            change: short_call,
            ..case(
                "N10",
                "an answer that never ends",
                |wire| vec![vec![Act::Send([wire.head(), wire.start()].concat()), Act::Flood(b"\n".repeat(64))]],
                1,
                Error(Kind::Timeout),
            )
        },
        case(
            "N11",
            "one byte at a time",
            |wire| vec![vec![Act::Trickle([wire.head(), wire.whole("é𐐀\r\n!")].concat())]],
            1,
            Whole("é𐐀\r\n!"),
        ),
        case(
            "N13",
            "split at every byte",
            |wire| {
                let pieces = [wire.head(), wire.start(), wire.text("a"), wire.text("𐐀"), wire.whole("\n")].concat();
                vec![vec![Act::Trickle(pieces)]]
            },
            1,
            Whole("a𐐀\n"),
        ),
        case("N12", "closed without a word", |_| vec![vec![]], 4, Error(Kind::Unavailable)),
        case(
            "N12",
            "cut within the head",
            |wire| vec![vec![Act::Send(b"HTTP/1.1 20".to_vec())], wire.good("hi")],
            2,
            Whole("hi"),
        ),
        case("N12", "cut before the text", |wire| vec![body(wire, &[wire.start()]), wire.good("hi")], 2, Whole("hi")),
        case(
            "N12",
            "cut after some text",
            |wire| vec![body(wire, &[wire.start(), wire.text("hi")])],
            1,
            Error(Kind::Truncated),
        ),
        case(
            "N12",
            "ended without a reason",
            |wire| vec![body(wire, &[wire.start(), wire.text("hi"), wire.end()])],
            1,
            Error(Kind::Truncated),
        ),
        case(
            "N12",
            "cut within the reason",
            |wire| {
                let finish = wire.finish(wire.reasons()[0]);
                vec![body(wire, &[wire.start(), wire.text("hi"), finish[..finish.len() - 1].to_vec()])]
            },
            1,
            Error(Kind::Truncated),
        ),
        case(
            "N12",
            "cut after the reason",
            |wire| vec![body(wire, &[wire.start(), wire.text("hi"), wire.finish(wire.reasons()[0])])],
            1,
            Whole("hi"),
        ),
        case(
            "N14",
            "an event that is no JSON",
            |wire| vec![body(wire, &[wire.start(), wire.text("hi"), wire.raw("x", "{oops")])],
            1,
            Error(Kind::Protocol),
        ),
        case(
            "N14",
            "an event of NULs",
            |wire| vec![body(wire, &[wire.text("hi"), wire.raw("x", "\0\0")])],
            1,
            Error(Kind::Protocol),
        ),
        case(
            "N14",
            "bytes that are no UTF-8",
            |wire| vec![body(wire, &[wire.text("hi"), b"\xff\n\n".to_vec()])],
            1,
            Error(Kind::Protocol),
        ),
        case(
            "N14",
            "pings and empty lines",
            |wire| {
                let ping = match wire {
                    Wire::OpenAi => b": PROCESSING\n\n".to_vec(),
                    Wire::Anthropic => wire.event(&serde_json::json!({"type": "ping"})),
                    Wire::Ollama => b"\n".to_vec(),
                };
                vec![body(wire, &[ping.clone(), wire.start(), ping, wire.whole("hi")])]
            },
            1,
            Whole("hi"),
        ),
        case("N15", "nothing but a good end", |wire| vec![body(wire, &[wire.whole("")])], 1, Error(Kind::Protocol)),
        case("N15", "nothing but blanks", |wire| vec![body(wire, &[wire.whole(" \n")])], 1, Error(Kind::Protocol)),
        case("N15", "a refusal", |wire| vec![body(wire, &[wire.answer("I can't.", "refusal")])], 1, Blocked),
        case(
            "N16",
            "cut off at the limit",
            |wire| vec![body(wire, &[wire.answer("hi", wire.reasons()[1])])],
            1,
            CutOff("hi"),
        ),
        case(
            "N16",
            "the window is full",
            |wire| vec![body(wire, &[wire.answer("hi", "model_context_window_exceeded")])],
            1,
            CutOff("hi"),
        ),
        case("N16", "filtered", |wire| vec![body(wire, &[wire.answer("hi", wire.reasons()[2])])], 1, Blocked),
        case("N16", "a call of a tool", |wire| vec![body(wire, &[wire.answer("hi", "tool_use")])], 1, Unexpected),
        case("N16", "a pause", |wire| vec![body(wire, &[wire.answer("hi", "pause_turn")])], 1, Unexpected),
        case(
            "N17",
            "a line without an end",
            |wire| vec![vec![Act::Send(wire.head()), Act::Flood(vec![b'x'; 1 << 16])]],
            1,
            Error(Kind::Protocol),
        ),
        case(
            "N17",
            "a text without an end",
            |wire| {
                vec![vec![Act::Send([wire.head(), wire.start()].concat()), Act::Flood(wire.text(&"x".repeat(1 << 16)))]]
            },
            1,
            Error(Kind::Protocol),
        ),
        case(
            "N17",
            "a packed answer",
            |wire| {
                let kind = wire.content_type();
                let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-encoding: gzip\r\n\r\n\x1f");
                vec![vec![Act::Send(head.into_bytes()), Act::Stall]]
            },
            1,
            Error(Kind::Protocol),
        ),
        case(
            "N17",
            "an error without an end",
            |_| vec![vec![Act::Send(b"HTTP/1.1 400 x\r\n\r\n".to_vec()), Act::Flood(b"no ".repeat(999))]],
            1,
            Error(Kind::Rejected),
        ),
        case(
            "N18",
            "JSON instead of a stream",
            |_| other("200 OK", "application/json", r#"{"message":{"content":"hi"}}"#),
            1,
            Error(Kind::Protocol),
        ),
        case(
            "N18",
            "a page instead of a stream",
            |_| other("200 OK", "text/html", "<p>Sign in"),
            1,
            Error(Kind::Protocol),
        ),
        case(
            "N18",
            "200 with an error",
            |wire| other("200 OK", "application/json", &wire.error("x", "out of memory").to_string()),
            4,
            Error(Kind::Unavailable),
        ),
        case(
            "N18",
            "an error in the stream",
            |wire| vec![body(wire, &[wire.event(&wire.error("x", "out of memory"))]), wire.good("hi")],
            2,
            Whole("hi"),
        ),
        case(
            "N18",
            "an error after some text",
            |wire| {
                vec![body(wire, &[wire.text("hi"), wire.event(&wire.error("x", "out of memory")), wire.finish("stop")])]
            },
            1,
            Error(Kind::Unavailable),
        ),
        case(
            "N18",
            "204",
            |_| vec![vec![Act::Send(b"HTTP/1.1 204 x\r\nconnection: close\r\n\r\n".to_vec())]],
            1,
            Error(Kind::Protocol),
        ),
        case(
            "N18",
            "the other kind of stream",
            |wire| {
                let kind = if wire == Wire::Ollama { "text/event-stream" } else { "application/x-ndjson" };
                vec![vec![Act::Send(respond("200 OK", kind, "x"))]]
            },
            1,
            Error(Kind::Protocol),
        ),
        case("N19", "a redirect, 301", |_| moved("301 x"), 1, Error(Kind::Configuration)),
        case("N19", "a redirect, 302", |_| moved("302 x"), 1, Error(Kind::Configuration)),
        case("N19", "a redirect, 303", |_| moved("303 x"), 1, Error(Kind::Configuration)),
        case("N19", "a redirect, 307", |_| moved("307 x"), 1, Error(Kind::Configuration)),
        case("N19", "a redirect, 308", |_| moved("308 x"), 1, Error(Kind::Configuration)),
        case(
            "N20",
            "text after the end",
            |wire| vec![body(wire, &[wire.whole("hi"), wire.text("late"), wire.whole("later")])],
            1,
            Whole("hi"),
        ),
        case(
            "N20",
            "text twice",
            |wire| vec![body(wire, &[wire.start(), wire.text("hi"), wire.whole("hi")])],
            1,
            Whole("hihi"),
        ),
        case("N21", "closed right after the answer", |wire| vec![wire.good("hi"), wire.good("again")], 1, Whole("hi")),
        Case {
            requests: 2,
            ..case(
                "N22",
                "a connection that went stale",
                |wire| {
                    let text = String::from_utf8(wire.whole("first")).unwrap();
                    let kept = kept("200 OK", wire.content_type(), &text);
                    vec![vec![Act::Send(kept), Act::Keep], vec![], wire.good("hi")]
                },
                3,
                Whole("hi"),
            )
        },
        case("N23", "no credit", |wire| vec![error(wire, "402 x", "billing_error", "pay")], 1, Error(Kind::Quota)),
        Case {
            requests: 3,
            ..case(
                "N23",
                "no credit, said once for a batch",
                |wire| vec![error(wire, "402 x", "billing_error", "pay")],
                1,
                Error(Kind::Quota),
            )
        },
    ]
}
