//! What a command printed, as text for a prompt: its beginning and its end, without what steers terminals.

use std::collections::VecDeque;

/// Most tools say what they run at the start, and what failed at the end.
const HEAD_BYTES: usize = 8 * 1024;
const TAIL_BYTES: usize = 24 * 1024;

/// Bytes as they come, of which the middle is forgotten.
#[derive(Debug, Default)]
pub struct Shortened {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    forgotten: usize,
}

impl Shortened {
    pub fn push(&mut self, bytes: &[u8]) {
        let (first, rest) = bytes.split_at(bytes.len().min(HEAD_BYTES - self.head.len()));
        self.head.extend_from_slice(first);
        self.tail.extend(rest);
        let excess = self.tail.len().saturating_sub(TAIL_BYTES);
        self.tail.drain(..excess);
        self.forgotten += excess;
    }

    /// The text, cut between lines where it has any, with a note of how much is missing.
    pub fn text(&self) -> String {
        let tail: Vec<u8> = self.tail.iter().copied().collect();
        if self.forgotten == 0 {
            return plain(&[self.head.as_slice(), &tail].concat());
        }
        let newline = |byte: &u8| *byte == b'\n';
        let head = &self.head[..self.head.iter().rposition(newline).map_or(self.head.len(), |at| at + 1)];
        let end = &tail[tail.iter().position(newline).filter(|at| at + 1 < tail.len()).map_or(0, |at| at + 1)..];
        let missing = self.forgotten + self.head.len() - head.len() + tail.len() - end.len();
        let head = plain(head);
        let gap = if head.ends_with('\n') { "" } else { "\n" };
        format!("{head}{gap}[… {missing} bytes left out …]\n{}", plain(end))
    }
}

/// Decodes what can be decoded, and leaves out escape sequences, other control characters, and what a terminal overwrites.
fn plain(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (content, end) = match line.strip_suffix('\n') {
            Some(content) => (content.trim_end_matches('\r'), "\n"),
            None => (line.trim_end_matches('\r'), ""),
        };
        let shown = content.rsplit('\r').next().unwrap_or_default();
        without_escapes(shown, &mut out);
        out.push_str(end);
    }
    out
}

/// ECMA-48: `ESC [ … letter`, strings from `ESC ]`, `ESC P`, `ESC X`, `ESC ^`, `ESC _` up to BEL or `ESC \`, and shorter ones.
fn without_escapes(text: &str, out: &mut String) {
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\u{1b}' => match characters.next() {
                Some('[') => while characters.next().is_some_and(|c| !('@'..='~').contains(&c)) {},
                Some(']' | 'P' | 'X' | '^' | '_') => {
                    while let Some(c) = characters.next() {
                        if c == '\u{7}' || (c == '\u{1b}' && characters.next_if_eq(&'\\').is_some()) {
                            break;
                        }
                    }
                }
                // Intermediate characters, then the final one.
                Some(' '..='/') => while characters.next().is_some_and(|c| (' '..='/').contains(&c)) {},
                Some(_) | None => {}
            },
            '\u{9b}' => while characters.next().is_some_and(|c| !('@'..='~').contains(&c)) {},
            '\t' => out.push('\t'),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn terminals_are_not_steered() {
        for (bytes, text) in [
            (&b"plain\r\n\ttext"[..], "plain\n\ttext"),
            (b"\x1b[1;31mred\x1b[0m \x1b(Bx\x1bM", "red x"),
            (b"\x1b]0;title\x07a\x1b]8;;http://x\x1b\\link", "alink"),
            (b" 10%\r 50%\r100%\r\ndone", "100%\ndone"),
            (b"bad \xff byte, bell \x07, cut \x1b[3", "bad \u{fffd} byte, bell , cut "),
            ("\u{9b}31mc1".as_bytes(), "c1"),
            (b"\x1b", ""),
        ] {
            let mut shortened = Shortened::default();
            shortened.push(bytes);
            assert_eq!(shortened.text(), text);
        }
    }

    #[test]
    fn the_middle_of_long_output_is_left_out_between_lines() {
        let mut shortened = Shortened::default();
        let line = |number: usize| format!("line {number:05}\n");
        (0..10_000).for_each(|number| shortened.push(line(number).as_bytes()));
        let text = shortened.text();
        let (head, rest) = text.split_once("[… ").expect("a note of what is missing");
        let (missing, tail) = rest.split_once(" bytes left out …]\n").expect("it says how much");
        let missing: usize = missing.parse().unwrap();
        assert!(head.starts_with(&line(0)) && head.ends_with('\n') && head.len() <= HEAD_BYTES);
        assert!(tail.starts_with("line ") && tail.ends_with(&line(9999)) && tail.len() <= TAIL_BYTES);
        assert_eq!(head.len() + tail.len() + missing, 10_000 * line(0).len());
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_pieces_give_the_same_bounded_text(
            bytes in proptest::collection::vec(any::<u8>(), 0..40_000),
            piece in 1_usize..9_000,
        ) {
            let (mut whole, mut pieces) = (Shortened::default(), Shortened::default());
            whole.push(&bytes);
            bytes.chunks(piece).for_each(|piece| pieces.push(piece));
            let text = whole.text();
            prop_assert_eq!(&text, &pieces.text());
            prop_assert!(text.chars().all(|c| c == '\n' || c == '\t' || !c.is_control()));
            // A byte that is no text takes three.
            prop_assert!(text.len() <= 3 * (HEAD_BYTES + TAIL_BYTES) + 100);
        }
    }
}
