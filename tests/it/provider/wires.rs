//! Every way in which a provider misbehaves, on every wire: what comes of it, and how often it was asked. `cargo test --test it
//! provider::wires -- --nocapture` prints the table.

use std::{net::TcpListener, time::Duration};

use stepwright::{
    config::{Limits, Settings},
    engine::ports::{Finish, ModelErrorKind as Kind},
    model::{self, Tuning, retry::Patience},
};

use super::{Outcome, drain, environment, patience, request};
use crate::support::{
    provider::{Act, KEY, Provider, kept, respond},
    wire::{WIRES, Wire},
};

/// Of the list in `safety`.
const LAST_CASE: usize = 23;
const SHORT: Duration = Duration::from_millis(60);

/// One case of the list in `safety`, for all wires alike.
struct Case {
    id: &'static str,
    what: &'static str,
    place: Place,
    /// How many requests are made, one after the other. What is expected is expected of the last one.
    requests: usize,
    change: fn(&mut Settings, &mut Patience),
    expected: Expected,
    posts: usize,
}

enum Place {
    /// A fake that answers the n-th POST with the n-th script.
    Scripts(fn(Wire) -> Vec<Vec<Act>>),
    Address(fn() -> String),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Expected {
    Whole(&'static str),
    CutOff(&'static str),
    Blocked,
    Unexpected,
    Error(Kind),
}

impl Expected {
    fn of(outcome: &Outcome, text: &'static str) -> Expected {
        match (outcome.finish(), outcome.kind()) {
            (Some(Finish::Stop), _) if outcome.text == text => Expected::Whole(text),
            (Some(Finish::Length), _) if outcome.text == text => Expected::CutOff(text),
            (Some(Finish::Blocked(_)), _) => Expected::Blocked,
            (Some(Finish::Unexpected(_)), _) => Expected::Unexpected,
            (_, Some(kind)) => Expected::Error(kind),
            (finish, None) => panic!("{finish:?} with {:?}", outcome.text),
        }
    }

    fn text(self) -> &'static str {
        match self {
            Expected::Whole(text) | Expected::CutOff(text) => text,
            Expected::Blocked | Expected::Unexpected | Expected::Error(_) => "",
        }
    }
}

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

fn closed_port() -> String {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    format!("http://127.0.0.1:{port}")
}

fn cases() -> Vec<Case> {
    use Expected::{Blocked, CutOff, Error, Unexpected, Whole};
    let timed = |case: Case| Case { change: short, ..case };
    vec![
        at("N1", "nothing listens", closed_port, Error(Kind::Unavailable)),
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
        case("N7", "retry-after: 0", |wire| vec![limited("429 x", "retry-after: 0"), wire.good("hi")], 2, Whole("hi")),
        case(
            "N7",
            "retry-after: 0.01",
            |wire| vec![limited("429 x", "retry-after: 0.01"), wire.good("hi")],
            2,
            Whole("hi"),
        ),
        case(
            "N7",
            "retry-after: a date",
            |wire| vec![limited("429 x", "retry-after: Wed, 21 Oct 2015 07:28:00 GMT"), wire.good("hi")],
            2,
            Whole("hi"),
        ),
        case(
            "N7",
            "retry-after: -5",
            |wire| vec![limited("503 x", "retry-after: -5"), wire.good("hi")],
            2,
            Whole("hi"),
        ),
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
        case(
            "N19",
            "a redirect, 301",
            |_| vec![limited("301 x", "location: https://evil.example/")],
            1,
            Error(Kind::Configuration),
        ),
        case(
            "N19",
            "a redirect, 302",
            |_| vec![limited("302 x", "location: https://evil.example/")],
            1,
            Error(Kind::Configuration),
        ),
        case(
            "N19",
            "a redirect, 303",
            |_| vec![limited("303 x", "location: https://evil.example/")],
            1,
            Error(Kind::Configuration),
        ),
        case(
            "N19",
            "a redirect, 307",
            |_| vec![limited("307 x", "location: https://evil.example/")],
            1,
            Error(Kind::Configuration),
        ),
        case(
            "N19",
            "a redirect, 308",
            |_| vec![limited("308 x", "location: https://evil.example/")],
            1,
            Error(Kind::Configuration),
        ),
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

/// What came of a case on a wire, and how often the provider was asked.
async fn play(case: &Case, wire: Wire) -> (Outcome, usize) {
    let provider = match case.place {
        Place::Scripts(scripts) => Some(Provider::start(scripts(wire))),
        Place::Address(_) => None,
    };
    let address = match (&case.place, &provider) {
        (Place::Address(address), _) => address(),
        (_, Some(provider)) => format!("http://{}", provider.address),
        (_, None) => unreachable!("scripts have a provider"),
    };
    let (mut settings, mut patience) = (wire.settings(&address), patience());
    (case.change)(&mut settings, &mut patience);
    let model = model::connect_tuned(&settings, &environment, Tuning { patience, ports: Vec::new() });
    let mut outcome = drain(model.answer(request())).await;
    for _ in 1..case.requests {
        outcome = drain(model.answer(request())).await;
    }
    (outcome, provider.map_or(0, |provider| provider.posts().len()))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_case_ends_alike_on_every_wire() {
    let mut table = format!("{:5}{:34}", "case", "what the provider does");
    WIRES.iter().for_each(|wire| table.push_str(&format!("{:26}", wire.name())));
    let mut faults = Vec::new();
    for case in cases() {
        table.push_str(&format!("\n{:5}{:34}", case.id, case.what));
        for wire in WIRES {
            let (outcome, posts) = play(&case, wire).await;
            let shown = format!("{outcome:?}");
            let got = Expected::of(&outcome, case.expected.text());
            table.push_str(&format!("{:26}", format!("{got:?} ×{posts}")));
            if (got, posts) != (case.expected, case.posts) {
                let expected = (case.expected, case.posts);
                faults.push(format!(
                    "{} {} on {}: {expected:?}, not {shown}, {posts}",
                    case.id,
                    case.what,
                    wire.name()
                ));
            }
            if shown.contains(KEY) || shown.contains("launch_the_missiles") {
                faults.push(format!("{} {} on {}: quotes too much: {shown}", case.id, case.what, wire.name()));
            }
            if let Err(error) = &outcome.end
                && !(error.message.contains("`fake/model`") && error.message.contains("; "))
            {
                faults.push(format!("{} {} on {}: {}", case.id, case.what, wire.name(), error.message));
            }
        }
    }
    println!("{table}");
    // All that `safety` lists.
    for number in 1..=LAST_CASE {
        assert!(table.contains(&format!("\nN{number} ")), "N{number} is missing");
    }
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

/// N13: over a real connection, so that nothing between the socket and the decoder takes a part for the whole.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_cut_at_any_byte_is_never_taken_for_whole() {
    for wire in WIRES {
        let parts = [wire.head(), wire.start(), wire.text("é𐐀"), wire.text("hi")].concat();
        let reason = wire.finish(wire.reasons()[0]);
        let whole = [&*parts, &*reason, &*wire.end()].concat();
        let cuts: Vec<usize> = (0..whole.len()).collect();
        let scripts = cuts.iter().map(|cut| vec![Act::Send(whole[..*cut].to_vec())]).collect();
        let provider = Provider::start(scripts);
        let settings = wire.settings(&format!("http://{}", provider.address));
        let patience = Patience { attempts: 1, ..patience() };
        let model = model::connect_tuned(&settings, &environment, Tuning { patience, ports: Vec::new() });
        for cut in cuts {
            let outcome = drain(model.answer(request())).await;
            let is_whole = cut >= parts.len() + reason.len();
            assert_eq!(outcome.finish().is_some(), is_whole, "{wire:?} cut at {cut}: {outcome:?}");
            assert!("é𐐀hi".starts_with(&outcome.text), "{wire:?} cut at {cut}: {outcome:?}");
        }
        assert_eq!(provider.posts().len(), whole.len(), "one request each");
    }
}
