//! Events out of bytes, however these arrive: server-sent events, or one line each. Knows no JSON, no model and no connection.
//!
//! Follows, for the former, the event stream grammar of the HTML standard, except that invalid UTF-8 is an error: a replacement character must not get into
//! a user's file. The published crates for this reconnect and send the request again, or take quadratic time for long lines.

/// Longest line, and most data of one event, in bytes.
pub const LONGEST_LINE: usize = 1 << 20;

const BOM: &[u8] = "\u{feff}".as_bytes();

/// How a wire separates its events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    /// `text/event-stream`.
    #[default]
    Events,
    /// A JSON object on each line; an empty line is nothing.
    Lines,
}

impl Framing {
    /// Whether a response of this content type is one.
    pub fn is_in(self, content_type: &str) -> bool {
        let kinds: &[&str] = match self {
            Framing::Events => &["text/event-stream"],
            Framing::Lines => &["application/x-ndjson", "application/ndjson", "application/jsonl"],
        };
        let kind = content_type.split(';').next().unwrap_or_default().trim();
        kinds.iter().any(|known| kind.eq_ignore_ascii_case(known))
    }

    /// What to ask for.
    pub fn content_type(self) -> &'static str {
        match self {
            Framing::Events => "text/event-stream",
            Framing::Lines => "application/x-ndjson",
        }
    }

    /// What was to come, for messages.
    pub fn name(self) -> &'static str {
        match self {
            Framing::Events => "an event stream",
            Framing::Lines => "lines of JSON",
        }
    }
}

/// One dispatched event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// The `event:` field; empty when absent.
    pub name: String,
    /// All `data:` lines, joined by LF.
    pub data: String,
}

/// Bytes that aren't an event stream of bearable size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamError {
    TooLong,
    Encoding,
}

impl StreamError {
    /// What came instead.
    pub fn what(self) -> &'static str {
        match self {
            StreamError::TooLong => "a line of more than 1 MiB",
            StreamError::Encoding => "invalid UTF-8",
        }
    }
}

/// Splits a byte stream into events. Work is linear in the bytes, memory bounded by [`LONGEST_LINE`].
#[derive(Debug, Default)]
pub struct Splitter {
    framing: Framing,
    /// The beginning of a line whose end hasn't arrived.
    partial: Vec<u8>,
    event: Event,
    has_data: bool,
    /// The last line ended with CR: a LF that follows belongs to it.
    skip_line_feed: bool,
    /// A first line was seen, so a BOM is no longer skipped.
    started: bool,
}

impl Splitter {
    pub fn new(framing: Framing) -> Splitter {
        Splitter { framing, ..Splitter::default() }
    }

    /// Appends the events that `bytes` completes to `events`. What isn't closed, by its blank line or its
    /// line end, is never dispatched.
    pub fn feed(&mut self, mut bytes: &[u8], events: &mut Vec<Event>) -> Result<(), StreamError> {
        while !bytes.is_empty() {
            if std::mem::take(&mut self.skip_line_feed) && bytes[0] == b'\n' {
                bytes = &bytes[1..];
                continue;
            }
            let Some(end) = memchr::memchr2(b'\n', b'\r', bytes) else {
                if self.partial.len() + bytes.len() > LONGEST_LINE {
                    return Err(StreamError::TooLong);
                }
                self.partial.extend_from_slice(bytes);
                return Ok(());
            };
            if self.partial.len() + end > LONGEST_LINE {
                return Err(StreamError::TooLong);
            }
            self.skip_line_feed = bytes[end] == b'\r';
            if self.partial.is_empty() {
                self.line(&bytes[..end], events)?;
            } else {
                let mut line = std::mem::take(&mut self.partial);
                line.extend_from_slice(&bytes[..end]);
                self.line(&line, events)?;
                line.clear();
                self.partial = line;
            }
            bytes = &bytes[end + 1..];
        }
        Ok(())
    }

    fn line(&mut self, line: &[u8], events: &mut Vec<Event>) -> Result<(), StreamError> {
        let line = match std::mem::replace(&mut self.started, true) {
            false => line.strip_prefix(BOM).unwrap_or(line),
            true => line,
        };
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            if std::mem::take(&mut self.has_data) {
                events.push(event);
            }
            return Ok(());
        }
        let line = std::str::from_utf8(line).map_err(|_| StreamError::Encoding)?;
        if self.framing == Framing::Lines {
            events.push(Event { name: String::new(), data: line.to_owned() });
            return Ok(());
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => {
                if self.event.data.len() + value.len() > LONGEST_LINE {
                    return Err(StreamError::TooLong);
                }
                if std::mem::replace(&mut self.has_data, true) {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
            }
            "event" => self.event.name = value.to_owned(),
            // A comment (its field is empty), `id`, `retry`, or something from the future.
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::*;

    fn split(pieces: &[&[u8]]) -> Result<Vec<Event>, StreamError> {
        split_as(Framing::Events, pieces)
    }

    fn split_as(framing: Framing, pieces: &[&[u8]]) -> Result<Vec<Event>, StreamError> {
        let (mut splitter, mut events) = (Splitter::new(framing), Vec::new());
        for piece in pieces {
            splitter.feed(piece, &mut events)?;
        }
        Ok(events)
    }

    fn check(bytes: &[u8], expected: Expect) {
        let shown = match split(&[bytes]) {
            Ok(events) => {
                events.iter().map(|event| format!("{}|{}\n", event.name, event.data.escape_debug())).collect()
            }
            Err(error) => format!("error: {}\n", error.what()),
        };
        expected.assert_eq(&shown);
    }

    #[test]
    fn splits_every_legal_form() {
        check(b"data: a\n\ndata: b\n\n", expect![["|a\n|b\n"]]);
        check(b"data: a\r\n\r\ndata: b\r\rdata: c\n\n", expect![["|a\n|b\n|c\n"]]);
        check(b"\xef\xbb\xbfdata: a\n\n", expect![["|a\n"]]);
        check(b": ping\n\ndata:a\ndata:\ndata:  b\n\n", expect![["|a\\n\\n b\n"]]);
        check(b"event: error\ndata: x\nid: 7\nretry: 1\nfuture\n\n", expect![["error|x\n"]]);
        check(b"event: lonely\n\ndata: x\n\n", expect![["|x\n"]]);
        check("data: é𐐀\n\n".as_bytes(), expect![["|é𐐀\n"]]);
        check(b"data: a\0b\n\n", expect![["|a\\0b\n"]]);
        check(b"data: cut\n", expect![[""]]);
        check(b"data: \xff\n\n", expect![["error: invalid UTF-8\n"]]);
    }

    #[test]
    fn splits_lines() {
        let lines =
            |bytes: &[u8]| split_as(Framing::Lines, &[bytes]).map(|events| events.into_iter().map(|event| event.data));
        let check = |bytes: &[u8], expected: &[&str]| {
            assert_eq!(lines(bytes).unwrap().collect::<Vec<_>>(), expected, "{:?}", String::from_utf8_lossy(bytes));
        };
        check(b"{1}\n{2}\r\n\n\r\n{3}\n", &["{1}", "{2}", "{3}"]);
        check(b"\xef\xbb\xbf{1}\n", &["{1}"]);
        check(b"data: x\n: y\n", &["data: x", ": y"]);
        check(b"{1}\n{2}", &["{1}"]);
        assert_eq!(lines(b"\xff\n").map(|_| ()), Err(StreamError::Encoding));
        assert_eq!(lines(&vec![b'x'; LONGEST_LINE + 1]).map(|_| ()), Err(StreamError::TooLong));
    }

    #[test]
    fn content_types_are_told_apart() {
        for (kind, framing) in [
            ("text/event-stream", Some(Framing::Events)),
            ("Text/Event-Stream; charset=utf-8", Some(Framing::Events)),
            ("application/x-ndjson", Some(Framing::Lines)),
            ("application/x-ndjson;charset=utf-8", Some(Framing::Lines)),
            ("application/json", None),
            ("text/event-streams", None),
            ("", None),
        ] {
            let found = [Framing::Events, Framing::Lines].into_iter().find(|framing| framing.is_in(kind));
            assert_eq!(found, framing, "{kind}");
        }
    }

    #[test]
    fn caps_lines_and_events() {
        let line = |length: usize| [b"data:".as_slice(), &vec![b'x'; length - 5], b"\n\n"].concat();
        assert_eq!(split(&[&line(LONGEST_LINE)]).map(|events| events.len()), Ok(1));
        assert_eq!(split(&[&line(LONGEST_LINE + 1)]), Err(StreamError::TooLong));
        assert_eq!(split(&[&vec![b'x'; LONGEST_LINE], b"x"]), Err(StreamError::TooLong));
        assert_eq!(split(&[&b"data: 0123456789\n".repeat(LONGEST_LINE / 10 + 1)]), Err(StreamError::TooLong));
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_pieces_give_the_same_events(
            lines in prop::collection::vec(
                prop_oneof!["data: ?[a-zé𐐀]{0,6}", "event: [a-z]{1,4}", ": [a-z]{0,4}", Just(String::new()), "\\PC{0,8}"], 0..24),
            end in prop_oneof![Just("\n"), Just("\r\n"), Just("\r")],
            noise in prop::collection::vec(any::<u8>(), 0..12),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        ) {
            let bytes = [lines.join(end).as_bytes(), &noise].concat();
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.sort_unstable();
            let mut pieces = Vec::new();
            let mut start = 0;
            for cut in cuts.into_iter().chain([bytes.len()]) {
                pieces.push(&bytes[start..cut]);
                start = cut;
            }
            for framing in [Framing::Events, Framing::Lines] {
                prop_assert_eq!(split_as(framing, &pieces), split_as(framing, &[&bytes]));
            }
        }
    }
}
