//! Server-sent events out of bytes, however these arrive. Knows no JSON, no model and no connection.
//!
//! Follows the event stream grammar of the HTML standard, except that invalid UTF-8 is an error: a replacement character must not get into
//! a user's file. The published crates for this reconnect and send the request again, or take quadratic time for long lines.

/// Longest line, and most data of one event, in bytes.
pub const LONGEST_LINE: usize = 1 << 20;

const BOM: &[u8] = "\u{feff}".as_bytes();

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
    /// Appends the events that `bytes` completes to `events`. An event without its closing blank line is never dispatched.
    pub fn feed(&mut self, mut bytes: &[u8], events: &mut Vec<Event>) -> Result<(), StreamError> {
        while !bytes.is_empty() {
            if std::mem::take(&mut self.skip_line_feed) && bytes[0] == b'\n' {
                bytes = &bytes[1..];
                continue;
            }
            let Some(end) = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
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
        let (mut splitter, mut events) = (Splitter::default(), Vec::new());
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
            prop_assert_eq!(split(&pieces), split(&[&bytes]));
        }
    }
}
