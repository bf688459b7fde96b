//! What is fuzzed, and what has to hold for every input. Inputs are mostly text, so that a corpus can be read: parts between lines of `@@`.
//!
//! The programs in `fuzz_targets` feed these functions at random; `tests/it/fuzz.rs` feeds them the corpus in every test run.

use std::path::{Component, PathBuf};

use stepwright::{
    document::{
        Change, Document,
        answer::{self, Extracted, Target},
        edit,
        path::{self, Decision, Facts},
        position::{Encoding, Position, Range},
        reference::Roots,
    },
    model::{
        answer::{Answer, Piece},
        dialect::Dialect,
        stream::{Event, Framing, LONGEST_LINE, Splitter, StreamError},
    },
};

/// Takes an input, and panics where something doesn't hold.
pub type Fuzzed = fn(&[u8]);

/// A function for each folder of the corpus.
#[allow(dead_code, reason = "each fuzzing program uses one of the functions alone")]
pub const ALL: [(&str, Fuzzed); 5] =
    [("answer", answer), ("replace", replace), ("path", path), ("change", change), ("stream", stream)];

const NONCE: &str = "k7";
const ROOT: &str = "/w";

/// Bytes by which a stream that is described may pass the limit of a line.
const BEYOND: usize = 64;

fn parts(data: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(data).split("\n@@\n").map(str::to_owned).collect()
}

/// `name @@ original @@ answer`, or without the original: the file that an answer becomes.
pub fn answer(data: &[u8]) {
    let parts = parts(data);
    let (name, original, answer) = match parts.as_slice() {
        [name, answer] => (name, None, answer),
        [name, original, answer] => (name, Some(original.as_str()), answer),
        _ => return,
    };
    let target = Target { name, original, nonce: NONCE };
    for found in [answer::file_content(answer, &target), answer::edited_content(answer, &target)] {
        found.into_iter().for_each(|found| is_content(&found, original));
    }
    if let Ok(Extracted { text, .. }) = answer::appended_text(answer, &target) {
        assert!(text.ends_with('\n') && !text.ends_with("\n\n"), "{text:?} ends with one line end");
        let joined = answer::join_pages(original.unwrap_or_default(), &text);
        assert!(joined.starts_with(original.unwrap_or_default().trim_end()), "{joined:?} keeps what was there");
    }
    let _ = answer::single_line(answer);
}

fn is_content(Extracted { text, .. }: &Extracted, original: Option<&str>) {
    assert!(!text.trim().is_empty(), "nothing is no content");
    assert!(!text.contains('\r'), "{text:?} has other line ends");
    let ends_bare = original.is_some_and(|original| !original.is_empty() && !original.ends_with(['\n', '\r']));
    assert_eq!(text.ends_with('\n'), !ends_bare, "{text:?} ends as the original does");
}

/// `original @@ answer`: what search/replace blocks make of a file.
pub fn replace(data: &[u8]) {
    let parts = parts(data);
    let [original, answer] = parts.as_slice() else { return };
    // The policy on what reads like prose or omission depends on the kind of file.
    for name in ["a.txt", "a.py", "a.json"] {
        let target = Target { name, original: Some(original), nonce: NONCE };
        let Ok(found) = answer::edited_content(answer, &target) else { continue };
        is_content(&found, Some(original));
        let known = format!("{original}\n{answer}").replace('\r', "\n");
        let known: std::collections::HashSet<&str> = known.lines().map(str::trim).collect();
        // An answer in JSON has its lines escaped.
        if answer.contains("<<<<<") {
            let invented = found.text.lines().find(|line| !known.contains(line.trim()));
            assert_eq!(invented, None, "a line that neither the file nor the answer has");
        }
    }
    let marks = answer::marks(answer::mark_length(original));
    assert!(original.lines().all(|line| marks.iter().all(|mark| line.trim() != mark)), "a mark that the file has");
}

/// A path a line: none that may be written leaves the workspace, or reaches into what is never written.
pub fn path(data: &[u8]) {
    let roots = Roots::new([PathBuf::from(ROOT)]);
    for line in String::from_utf8_lossy(data).split('\n') {
        let mut facts = Facts { roots: vec![ROOT.into()], ancestor: ROOT.into(), ..Facts::default() };
        for twin in [None, Some("a".to_owned())] {
            facts.twin = twin;
            let (Decision::Allow(place) | Decision::Confirm(place, _)) = path::decide(&roots, line, &facts) else {
                continue;
            };
            assert_eq!(facts.twin, None, "{line:?} has a twin");
            let inside =
                place.strip_prefix(ROOT).unwrap_or_else(|_| panic!("{line:?} leaves the workspace: {place:?}"));
            assert!(inside.components().count() > 0, "{line:?} is the workspace itself");
            for part in inside.components() {
                let Component::Normal(part) = part else { panic!("{line:?} has {part:?} in it") };
                let part = part.to_string_lossy();
                assert!(!part.eq_ignore_ascii_case(".git"), "{line:?} is in .git");
                assert!(!part.contains([':', '\\']) && !part.contains(char::is_control), "{line:?} has {part:?} in it");
                assert!(!part.ends_with(['.', ' ']), "{line:?} ends a part with a dot or a space");
            }
        }
    }
}

/// `text @@ l c l c` with new text below, any number of times: a buffer that changes, in each encoding.
pub fn change(data: &[u8]) {
    let parts = parts(data);
    let Some((text, changes)) = parts.split_first() else { return };
    for encoding in Encoding::ALL {
        let mut document = Document::new(text, 0, String::new());
        for (change, version) in changes.iter().zip(1..) {
            let (head, text) = change.split_once('\n').unwrap_or((change, ""));
            let numbers: Vec<u32> = head.split(' ').filter_map(|number| number.parse().ok()).collect();
            let range = match numbers[..] {
                [line, character, end_line, end_character] => {
                    Some(Range::new(Position::new(line, character), Position::new(end_line, end_character)))
                }
                _ => None,
            };
            let before = document.text();
            let (start, end) = range.map_or((0, before.len()), |range| {
                let start = document.byte_at(range.start, encoding);
                (start, document.byte_at(range.end, encoding).max(start))
            });
            let expected = format!("{}{text}{}", &before[..start], &before[end..]);
            document.apply(&Change { range, text: text.to_owned() }, version, encoding);
            assert_eq!(document.text(), expected);
            assert_eq!(document.version(), version);
            // Edits that are sent for the same change mean the same.
            let mut mirror = Document::new(&before, 0, String::new());
            for edit in edit::edits(&before, &expected, encoding).into_iter().rev() {
                mirror.apply(&Change { range: Some(edit.range), text: edit.text }, 1, encoding);
            }
            assert_eq!(mirror.text(), expected);
        }
    }
}

/// A stream as it is, or `before @@ times @@ filler @@ after` for a long one: its events, and the answer that each wire makes of them, are
/// the same however the bytes arrive.
pub fn stream(data: &[u8]) {
    let bytes = described(data);
    let (beginning, end) = bytes.split_at(bytes.len() * data.len() % (bytes.len() + 1));
    for framing in [Framing::Events, Framing::Lines] {
        let (events, ending) = split(framing, &[&bytes]);
        let begun = split(framing, &[beginning]).0;
        assert!(events.starts_with(&begun), "what came first stays");
        for event in &events {
            assert!(!event.name.contains(['\n', '\r']) && !event.data.contains('\r'), "{event:?} has a line end");
            assert!(event.data.len() <= LONGEST_LINE + 1, "an event of {} bytes", event.data.len());
        }
        let whole = (events, ending);
        assert_eq!(split(framing, &[beginning, end]), whole, "in two parts");
        // Of a long one only what keeps it short is in question.
        if bytes.len() >= LONGEST_LINE {
            continue;
        }
        let pieces = pieces(&bytes, data);
        assert_eq!(split(framing, &pieces), whole, "in {} parts", pieces.len());
        assert_eq!(split(framing, &bytes.chunks(1).collect::<Vec<_>>()), whole, "byte by byte");
        let (events, ending) = whole;
        if let (Ok(text), Ok(())) = (std::str::from_utf8(&bytes), ending) {
            assert_eq!(events, by_the_grammar(framing, text), "{text:?}");
        }
        for dialect in [Dialect::OpenAi, Dialect::Anthropic, Dialect::Ollama] {
            let (text, beginning) = (answered(dialect, &events), answered(dialect, &begun));
            assert!(text.starts_with(&beginning), "{beginning:?} was handed on, then {text:?}");
        }
    }
}

/// Pieces as long as the input says, again and again.
fn pieces<'a>(mut bytes: &'a [u8], data: &[u8]) -> Vec<&'a [u8]> {
    const LONGEST_PIECE: usize = 11;
    let mut pieces = Vec::new();
    let mut sizes = data.iter().map(|byte| 1 + usize::from(*byte) % LONGEST_PIECE).cycle();
    while !bytes.is_empty() {
        let piece;
        (piece, bytes) = bytes.split_at(sizes.next().unwrap_or(1).min(bytes.len()));
        pieces.push(piece);
    }
    pieces
}

/// The bytes that an input stands for. One of a million bytes would be a corpus that nobody reads.
fn described(data: &[u8]) -> Vec<u8> {
    const BETWEEN: &[u8] = b"\n@@\n";
    let mut parts = Vec::new();
    let mut rest = data;
    while let Some(at) = rest.windows(BETWEEN.len()).position(|window| window == BETWEEN) {
        parts.push(&rest[..at]);
        rest = &rest[at + BETWEEN.len()..];
    }
    let [before, times, filler] = parts[..] else { return data.to_vec() };
    let times = std::str::from_utf8(times).ok().and_then(|times| times.trim().parse().ok()).unwrap_or(0);
    let times = (LONGEST_LINE + BEYOND).checked_div(filler.len()).unwrap_or(0).min(times);
    [before, &filler.repeat(times), rest].concat()
}

fn split(framing: Framing, pieces: &[&[u8]]) -> (Vec<Event>, Result<(), StreamError>) {
    let (mut splitter, mut events) = (Splitter::new(framing), Vec::new());
    let end = pieces.iter().try_for_each(|piece| splitter.feed(piece, &mut events));
    (events, end)
}

/// The grammar as it is written down, for a text that is at hand as a whole.
fn by_the_grammar(framing: Framing, text: &str) -> Vec<Event> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    // The last line isn't ended.
    let Some((text, _)) = text.rsplit_once('\n') else { return Vec::new() };
    let lines: Vec<&str> = text.strip_prefix('\u{feff}').unwrap_or(text).split('\n').collect();
    if framing == Framing::Lines {
        let lines = lines.into_iter().filter(|line| !line.is_empty());
        return lines.map(|line| Event { name: String::new(), data: line.to_owned() }).collect();
    }
    // What no empty line follows is no event.
    let ended = lines.iter().rposition(|line| line.is_empty()).unwrap_or(0);
    let events = lines[..ended].split(|line| line.is_empty()).filter_map(|lines| {
        let values = |field: &str| -> Vec<&str> {
            let fields = lines.iter().map(|line| line.split_once(':').unwrap_or((line, "")));
            fields
                .filter(|(name, _)| *name == field)
                .map(|(_, value)| value.strip_prefix(' ').unwrap_or(value))
                .collect()
        };
        let data = values("data");
        let name = values("event").last().copied().unwrap_or_default().to_owned();
        (!data.is_empty()).then(|| Event { name, data: data.join("\n") })
    });
    events.collect()
}

/// The text that an answer of these events has handed on, up to its end or to what is no answer.
fn answered(dialect: Dialect, events: &[Event]) -> String {
    let (mut answer, mut text) = (Answer::default(), String::new());
    for event in events {
        match dialect.event(&mut answer, event) {
            Ok(Piece::Text(piece)) => text.push_str(&piece),
            Ok(Piece::Nothing) => {}
            Ok(Piece::End) | Err(_) => break,
        }
    }
    assert_eq!(answer.has_begun(), !text.is_empty(), "{text:?}");
    let is_finished = answer.is_finished();
    assert!(is_finished || answer.end(0).is_err(), "{text:?} isn't finished, and passes for whole");
    text
}
