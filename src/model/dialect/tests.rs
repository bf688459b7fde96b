use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{
    engine::ports::{Finish, Usage},
    model::{
        address::Address,
        error::Cause,
        stream::{LONGEST_LINE, Splitter},
    },
};

pub const ALL: [Dialect; 3] = [Dialect::OpenAi, Dialect::Anthropic, Dialect::Ollama];

pub fn form(dialect: Dialect) -> Form {
    Form::new(&Address::parse("http://127.0.0.1", dialect).unwrap())
}

type Ending = Result<(Finish, Usage), Cause>;

/// Decodes a whole body as the client does, for a prompt of `sent` tokens.
pub fn decode(dialect: Dialect, bytes: &[u8], sent: u64) -> (String, Ending) {
    decode_pieces(dialect, [bytes], sent)
}

fn decode_pieces<'a>(dialect: Dialect, pieces: impl IntoIterator<Item = &'a [u8]>, sent: u64) -> (String, Ending) {
    let (mut splitter, mut answer) = (Splitter::new(dialect.framing()), Answer::default());
    let mut text = String::new();
    for piece in pieces {
        let mut events = Vec::new();
        let split = splitter.feed(piece, &mut events);
        for event in &events {
            match dialect.event(&mut answer, event) {
                Ok(Piece::Text(piece)) => text.push_str(&piece),
                Ok(Piece::Nothing) => {}
                Ok(Piece::End) => return (text, answer.end(sent)),
                Err(verdict) => return (text, Err(verdict.cause)),
            }
        }
        if let Err(error) = split {
            return (text, Err(Cause::Garbled(error.what())));
        }
    }
    (text, answer.end(sent))
}

/// `"text" Stop 8+2→3`: fresh and cached tokens of the prompt, then those of the answer.
pub fn shown((text, end): (String, Ending)) -> String {
    let end = match end {
        Ok((finish, usage)) if usage == Usage::default() => format!("{finish:?}"),
        Ok((finish, usage)) => format!("{finish:?} {}+{}→{}", usage.input - usage.cached, usage.cached, usage.output),
        Err(cause) => format!("error: {cause:?}"),
    };
    format!("{text:?} {end}")
}

/// One event as it is on the wire.
fn event(dialect: Dialect, data: &Value) -> String {
    match dialect {
        Dialect::OpenAi => format!("data: {data}\n\n"),
        Dialect::Anthropic => format!("event: {}\ndata: {data}\n\n", data["type"].as_str().unwrap_or_default()),
        Dialect::Ollama => format!("{data}\n"),
    }
}

fn text(dialect: Dialect, text: &str) -> String {
    let data = match dialect {
        Dialect::OpenAi => json!({"choices": [{"delta": {"content": text}}]}),
        Dialect::Anthropic => {
            json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}})
        }
        Dialect::Ollama => json!({"message": {"role": "assistant", "content": text}, "done": false}),
    };
    event(dialect, &data)
}

/// The event that says why the model stopped.
fn finish(dialect: Dialect, reason: &str) -> String {
    let data = match dialect {
        Dialect::OpenAi => json!({"choices": [{"delta": {}, "finish_reason": reason}]}),
        Dialect::Anthropic => {
            json!({"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 7}})
        }
        Dialect::Ollama => {
            json!({"message": {"role": "assistant", "content": ""}, "done": true, "done_reason": reason})
        }
    };
    event(dialect, &data)
}

/// What begins an answer before its text.
fn start(dialect: Dialect) -> String {
    match dialect {
        Dialect::OpenAi => event(dialect, &json!({"choices": [{"delta": {"role": "assistant", "content": ""}}]})),
        Dialect::Anthropic => {
            let usage = json!({"input_tokens": 9, "cache_read_input_tokens": 4, "output_tokens": 1});
            event(dialect, &json!({"type": "message_start", "message": {"content": [], "usage": usage}}))
                + &event(
                    dialect,
                    &json!({"type": "content_block_start", "content_block": {"type": "text", "text": ""}}),
                )
        }
        Dialect::Ollama => String::new(),
    }
}

/// What comes after the reason.
fn end(dialect: Dialect) -> String {
    match dialect {
        Dialect::OpenAi => "data: [DONE]\n\n".to_owned(),
        Dialect::Anthropic => event(dialect, &json!({"type": "message_stop"})),
        Dialect::Ollama => String::new(),
    }
}

fn good(dialect: Dialect, pieces: &[&str]) -> String {
    let stop = if dialect == Dialect::Anthropic { "end_turn" } else { "stop" };
    let pieces: String = pieces.iter().map(|piece| text(dialect, piece)).collect();
    [start(dialect), pieces, finish(dialect, stop), end(dialect)].concat()
}

/// What the rows of "When an answer counts as complete" mean to who asked.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Meaning {
    Whole,
    CutOff,
    Blocked,
    Unexpected,
    Error,
}

fn meaning(ending: &Ending) -> Meaning {
    match ending {
        Ok((Finish::Stop, _)) => Meaning::Whole,
        Ok((Finish::Length, _)) => Meaning::CutOff,
        Ok((Finish::Blocked(_), _)) => Meaning::Blocked,
        Ok((Finish::Unexpected(_), _)) => Meaning::Unexpected,
        Err(_) => Meaning::Error,
    }
}

#[test]
fn every_signal_means_the_same_on_every_wire() {
    for (signals, expected) in [
        (&["stop", "end_turn", "stop_sequence", "done"][..], Meaning::Whole),
        (&["length", "max_tokens", "model_context_window_exceeded"], Meaning::CutOff),
        (&["content_filter", "refusal", "filtered"], Meaning::Blocked),
        (&["tool_calls", "tool_use", "pause_turn", "load", "something new"], Meaning::Unexpected),
    ] {
        for (signal, dialect) in signals.iter().flat_map(|signal| ALL.map(|dialect| (signal, dialect))) {
            let whole = [start(dialect), text(dialect, "hi"), finish(dialect, signal), end(dialect)].concat();
            let (text, ending) = decode(dialect, whole.as_bytes(), 0);
            assert_eq!((text.as_str(), meaning(&ending)), ("hi", expected), "{dialect:?} {signal}");
            if let Ok((Finish::Unexpected(name), _)) = ending {
                assert_eq!(name, *signal, "it is named");
            }
        }
    }
}

#[test]
fn an_answer_is_whole_only_if_the_model_says_so() {
    for dialect in ALL {
        let [start, hi, stop, end] = [start(dialect), text(dialect, "hi"), finish(dialect, "stop"), end(dialect)];
        for (parts, expected) in [
            (vec![&start, &hi, &stop, &end], Meaning::Whole),
            // The finish was seen, its end is missing.
            (vec![&start, &hi, &stop], Meaning::Whole),
            (vec![&start, &hi, &end], Meaning::Error),
            (vec![&start, &hi], Meaning::Error),
            (vec![&start], Meaning::Error),
            (vec![&end], Meaning::Error),
            (vec![], Meaning::Error),
            // Empty.
            (vec![&start, &stop, &end], Meaning::Error),
        ] {
            let body: String = parts.into_iter().map(String::as_str).collect();
            assert_eq!(meaning(&decode(dialect, body.as_bytes(), 0).1), expected, "{dialect:?} {body}");
        }
        assert_eq!(decode(dialect, [&*start, &*hi].concat().as_bytes(), 0).1, Err(Cause::Truncated), "{dialect:?}");
        let late = [&*start, &*hi, &*stop, &*hi].concat();
        assert_eq!(decode(dialect, late.as_bytes(), 0).0, "hi", "{dialect:?}: what comes late is no part of it");
    }
}

#[test]
fn an_error_after_text_is_an_error_on_every_wire() {
    for dialect in ALL {
        let error = match dialect {
            Dialect::Anthropic => {
                json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})
            }
            Dialect::OpenAi => json!({"error": {"message": "overloaded", "code": 503}}),
            Dialect::Ollama => json!({"error": "the model runner has stopped"}),
        };
        let body = [start(dialect), text(dialect, "hi"), event(dialect, &error), finish(dialect, "stop")].concat();
        let (text, ending) = decode(dialect, body.as_bytes(), 0);
        let expected = if dialect == Dialect::Ollama { Cause::Server } else { Cause::Overloaded };
        assert_eq!((text.as_str(), ending), ("hi", Err(expected)), "{dialect:?}");
        for bad in ["nonsense", "\u{0}", "[1]", "null", "{\"choices\"", "7"] {
            let bad = if dialect == Dialect::Ollama { format!("{bad}\n") } else { format!("data: {bad}\n\n") };
            let body = [start(dialect), bad, finish(dialect, "stop")].concat();
            let (_, ending) = decode(dialect, body.as_bytes(), 0);
            assert!(matches!(ending, Err(Cause::Garbled(_))), "{dialect:?} {body}: {ending:?}");
        }
    }
}

/// The bytes at which the reason is known, and not one earlier.
fn known_from(dialect: Dialect, whole: &str) -> usize {
    let (at, close) = match dialect {
        Dialect::OpenAi => (whole.find("finish_reason"), "\n\n"),
        Dialect::Anthropic => (whole.find("stop_reason"), "\n\n"),
        Dialect::Ollama => (whole.find("done_reason"), "\n"),
    };
    let at = at.unwrap();
    at + whole[at..].find(close).unwrap() + close.len()
}

#[test]
fn an_answer_cut_at_any_byte_is_whole_only_after_its_reason() {
    for dialect in ALL {
        let whole = good(dialect, &["é𐐀\n", "hi"]);
        let known = known_from(dialect, &whole);
        for cut in 0..=whole.len() {
            let (text, ending) = decode(dialect, &whole.as_bytes()[..cut], 0);
            assert_eq!(ending.is_ok(), cut >= known, "{dialect:?} cut at {cut}");
            assert!("é𐐀\nhi".starts_with(&text), "{dialect:?} cut at {cut}");
        }
    }
}

#[test]
fn an_answer_split_at_any_byte_is_the_same() {
    for dialect in ALL {
        let whole = good(dialect, &["é𐐀\n", "\r\n!"]).into_bytes();
        let expected = decode(dialect, &whole, 0);
        assert_eq!((expected.0.as_str(), meaning(&expected.1)), ("é𐐀\n\r\n!", Meaning::Whole));
        for cut in 0..=whole.len() {
            let (a, b) = whole.split_at(cut);
            assert_eq!(decode_pieces(dialect, [a, b], 0), expected, "{dialect:?} split at {cut}");
        }
        assert_eq!(decode_pieces(dialect, whole.chunks(1), 0), expected, "{dialect:?} in bytes");
    }
}

#[test]
fn long_lines_and_answers_are_refused_on_every_wire() {
    for dialect in ALL {
        let long = [start(dialect), "x".repeat(LONGEST_LINE + 1)].concat();
        assert!(matches!(decode(dialect, long.as_bytes(), 0).1, Err(Cause::Garbled(_))), "{dialect:?}");
        let piece = "x".repeat(1 << 19);
        let pieces = vec![&*piece; 16];
        assert_eq!(meaning(&decode(dialect, good(dialect, &pieces).as_bytes(), 0).1), Meaning::Whole);
        let longer = good(dialect, &[&pieces[..], &["x"]].concat());
        assert!(matches!(decode(dialect, longer.as_bytes(), 0).1, Err(Cause::Garbled(_))), "{dialect:?}");
    }
}

proptest! {
    #[test]
    fn no_event_panics(data in "\\PC*", name in "(error|ping|message_delta|)") {
        for dialect in ALL {
            let _ = dialect.event(&mut Answer::default(), &Event { name: name.clone(), data: data.clone() });
        }
    }

    #[test]
    fn any_split_of_any_answer_gives_the_same_text(
        pieces in prop::collection::vec("[a-z é𐐀\\n\\r\"{}]{1,9}", 1..5),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        for dialect in ALL {
            let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
            let whole = good(dialect, &pieces).into_bytes();
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(whole.len() + 1)).collect();
            cuts.extend([0, whole.len()]);
            cuts.sort_unstable();
            let parts = cuts.windows(2).map(|pair| &whole[pair[0]..pair[1]]);
            let (text, _) = decode_pieces(dialect, parts, 0);
            prop_assert_eq!(text, pieces.concat());
        }
    }
}
