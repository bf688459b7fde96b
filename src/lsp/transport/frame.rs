//! Finds message bodies in a byte stream that may hold anything.
//!
//! Knows `Content-Length` and nothing of what a body says. After a bad header, garbage or a wrong length the stream comes
//! back in step at the next header, wherever that begins. Memory follows the bytes that arrived, never a claimed length.

use std::io::{self, BufRead, BufReader, Cursor, Read};

/// The largest message that is read.
pub const MAX_BODY_BYTES: u64 = 64 * 1024 * 1024;

/// How far a header may go on after its length, and how much of one line is looked at together.
pub const MAX_HEADER_BYTES: u64 = 8 * 1024;

const BUFFER_BYTES: usize = 64 * 1024;
const LENGTH: &[u8] = b"content-length";

/// One message, or the reason why none could be read.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame {
    Body(Vec<u8>),
    Refused(&'static str),
}

/// Reads frames from `R`.
pub struct FrameReader<R> {
    /// What was taken for the end of a body, and is the beginning of the next header.
    ahead: Cursor<Vec<u8>>,
    input: BufReader<R>,
}

impl<R: Read> FrameReader<R> {
    pub fn new(input: R) -> Self {
        Self { ahead: Cursor::default(), input: BufReader::with_capacity(BUFFER_BYTES, input) }
    }

    /// Waits for the next frame; `None` at the end of input.
    pub fn next(&mut self) -> io::Result<Option<Frame>> {
        let frame = match self.read_header()? {
            None => return Ok(None),
            Some(Err(reason)) => Frame::Refused(reason),
            Some(Ok(length)) => Frame::Body(self.read_body(length)?),
        };
        Ok(Some(frame))
    }

    /// Reads past the next header and returns its length. Lines that say nothing about a length are skipped.
    fn read_header(&mut self) -> io::Result<Option<Result<u64, &'static str>>> {
        let mut length = None;
        let mut bytes_since_length = 0;
        let mut line = Vec::new();
        loop {
            let Some(bytes) = self.read_line(&mut line)? else { return Ok(None) };
            bytes_since_length += bytes;
            match (length_field(&line), length) {
                (Some((_, None)), _) => return Ok(Some(Err("the Content-Length is no number"))),
                (Some((_, Some(claimed))), _) if claimed > MAX_BODY_BYTES => {
                    return Ok(Some(Err("the message is larger than 64 MiB")));
                }
                (Some((_, claimed)), _) => (length, bytes_since_length) = (claimed, 0),
                (None, Some(length)) if line.trim_ascii().is_empty() => return Ok(Some(Ok(length))),
                (None, Some(_)) if bytes_since_length > MAX_HEADER_BYTES => {
                    return Ok(Some(Err("the header is larger than 8 KiB")));
                }
                (None, _) => {}
            }
        }
    }

    /// Reads a line, of which at most the last [`MAX_HEADER_BYTES`] are kept; returns its full size.
    fn read_line(&mut self, line: &mut Vec<u8>) -> io::Result<Option<u64>> {
        let mut input = (&mut self.ahead).chain(&mut self.input);
        let mut total = 0;
        line.clear();
        loop {
            let room = MAX_HEADER_BYTES - line.len() as u64;
            let bytes = input.by_ref().take(room).read_until(b'\n', line)? as u64;
            total += bytes;
            if bytes == 0 {
                return Ok(None);
            }
            if line.ends_with(b"\n") {
                return Ok(Some(total));
            }
            if line.len() as u64 == MAX_HEADER_BYTES {
                // What can still become a header stays: one that has begun, or as many bytes as could be its first part.
                let begun = find_length(line).filter(|at| *at > 0);
                line.drain(..begun.unwrap_or(line.len() - LENGTH.len()));
            }
        }
    }

    /// Reads up to `length` bytes, but not into the next frame when the length turns out to be too large.
    fn read_body(&mut self, length: u64) -> io::Result<Vec<u8>> {
        let mut input = (&mut self.ahead).chain(&mut self.input);
        let mut body = Vec::new();
        let mut end = None;
        while (body.len() as u64) < length && end.is_none() {
            let line = body.len();
            if input.by_ref().take(length - line as u64).read_until(b'\n', &mut body)? == 0 {
                break;
            }
            // JSON has no raw line break within a string, so a line that ends like a header is one.
            if body.ends_with(b"\n") {
                end = match length_field(&body[line..]) {
                    Some((at, Some(_))) => Some(line + at),
                    _ => None,
                };
            }
        }
        if let Some(end) = end.or_else(|| begun_header(&body)) {
            self.unread(body.split_off(end));
        }
        Ok(body)
    }

    fn unread(&mut self, mut bytes: Vec<u8>) {
        let position = self.ahead.position() as usize;
        bytes.extend_from_slice(&self.ahead.get_ref()[position..]);
        self.ahead = Cursor::new(bytes);
    }
}

/// Where the last `Content-Length` of a line begins, and its value unless that is no number.
fn length_field(line: &[u8]) -> Option<(usize, Option<u64>)> {
    let at = find_length(line)?;
    let value = line[at + LENGTH.len()..].trim_ascii().strip_prefix(b":")?;
    let value = str::from_utf8(value).ok().and_then(|value| value.trim().parse().ok());
    Some((at, value))
}

/// The last one counts: before it there may be anything, such as the rest of a body whose length was too small.
fn find_length(line: &[u8]) -> Option<usize> {
    line.windows(LENGTH.len()).rposition(|window| window.eq_ignore_ascii_case(LENGTH))
}

/// Where a header begins that the body's end cuts off. JSON never ends with letters that fit.
fn begun_header(body: &[u8]) -> Option<usize> {
    const LONGEST: usize = "Content-Length: 18446744073709551615\r".len();
    (body.len().saturating_sub(LONGEST)..body.len()).find(|at| {
        let (name, value) = body[*at..].split_at(LENGTH.len().min(body.len() - at));
        name.eq_ignore_ascii_case(&LENGTH[..name.len()]) && value.iter().all(|byte| b": \t\r0123456789".contains(byte))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(input: impl AsRef<[u8]>) -> Vec<String> {
        let mut reader = FrameReader::new(Cursor::new(input.as_ref().to_vec()));
        let mut frames = Vec::new();
        while let Some(frame) = reader.next().unwrap() {
            frames.push(match frame {
                Frame::Body(body) => String::from_utf8_lossy(&body).into_owned(),
                Frame::Refused(reason) => format!("! {reason}"),
            });
        }
        frames
    }

    #[test]
    fn a_frame_is_found_in_any_company() {
        const NEXT: &str = "Content-Length: 2\r\n\r\n{}";
        let too_large = format!("Content-Length: {}\r\n\r\n", MAX_BODY_BYTES + 1);
        let pad = "x".repeat(MAX_HEADER_BYTES as usize);
        let cases: &[(&str, &[&str])] = &[
            ("", &[]),
            ("\r\n\r\n", &[]),
            ("garbage", &[]),
            ("{\"id\":1}\n\n", &[]),
            ("Content-Length: 3\r\n\r\n[1]", &["[1]"]),
            ("content-length:3\n\n[1]", &["[1]"]),
            ("CONTENT-LENGTH :  3 \r\n\r\n[1]", &["[1]"]),
            ("Content-Type: a; charset=klingon\r\nContent-Length: 3\r\nX-Third: 1\r\n\r\n[1]", &["[1]"]),
            ("Content-Length: 1\r\nContent-Length: 3\r\n\r\n[1]", &["[1]"]),
            ("Content-Length: 0\r\n\r\n", &[""]),
            ("Content-Length: 2\r\n\r\n[1]", &["[1"]),
            ("Content-Length: 4\r\n\r\n[1]", &["[1]"]),
            ("Content-Length: 12\r\n\r\n[1]", &["[1]"]),
            ("Content-Length: 24\r\n\r\n[1]", &["[1]"]),
            ("Content-Length: 9000000\r\n\r\n[1]", &["[1]"]),
            ("Content-Length: 12\r\n\r\n", &[""]),
            ("Content-Length: abc\r\n\r\n[1]", &["! the Content-Length is no number"]),
            ("Content-Length: -5\r\n\r\n[1]", &["! the Content-Length is no number"]),
            ("Content-Length: 1e30\r\n\r\n[1]", &["! the Content-Length is no number"]),
            (&too_large, &["! the message is larger than 64 MiB"]),
            ("Content-Length: 4294967296\r\n\r\n[1]", &["! the message is larger than 64 MiB"]),
            (&format!("Content-Length: 3\r\nX: {pad}\r\n\r\n[1]"), &["! the header is larger than 8 KiB"]),
            (&format!("X: {pad}\r\nContent-Length: 3\r\n\r\n[1]"), &["[1]"]),
            (&pad.repeat(50), &[]),
            (&format!("Content-Length: {pad}"), &[]),
        ];
        for (input, expected) in cases {
            let mut expected = expected.to_vec();
            expected.push("{}");
            assert_eq!(read(format!("{input}{NEXT}")), expected, "after {:.60?}", input);
        }
    }

    #[test]
    fn a_header_is_found_at_every_offset_of_a_long_line() {
        for pad in (MAX_HEADER_BYTES as usize - 40)..(MAX_HEADER_BYTES as usize + 5) {
            let input = format!("{}Content-Length: 2\r\n\r\n{{}}", "x".repeat(pad));
            assert_eq!(read(input), ["{}"], "after {pad} bytes");
        }
    }

    #[test]
    fn a_claimed_length_takes_no_memory() {
        let mut reader = FrameReader::new(Cursor::new(format!("Content-Length: {MAX_BODY_BYTES}\r\n\r\n[1]")));
        let Some(Frame::Body(body)) = reader.next().unwrap() else { panic!("no body") };
        assert!(body.capacity() < 1024, "{} bytes", body.capacity());
    }
}
