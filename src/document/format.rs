//! What a file's bytes add to its text: BOM, line ends, final newline.
//!
//! A run works on text with LF line ends and without a BOM; the file keeps its own. Nothing here touches the disk.

use std::borrow::Cow;

use memchr::memchr2_iter;

use super::edit;

const BOM: char = '\u{feff}';

/// The text that a run sees: without a BOM, every line end as LF.
pub fn normalize(text: &str) -> Cow<'_, str> {
    let text = text.strip_prefix(BOM).unwrap_or(text);
    if text.contains('\r') { Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n")) } else { Cow::Borrowed(text) }
}

/// Splits a text into lines, each with its line end; the last may have none.
///
/// The lines are those of the protocol, so their numbers are line numbers of an edit.
pub fn lines(text: &str) -> Vec<&str> {
    let bytes = text.as_bytes();
    let mut lines = Vec::new();
    let mut start = 0;
    for at in memchr2_iter(b'\n', b'\r', bytes) {
        // The line ends after the `\n` of a `\r\n`.
        if bytes[at..].starts_with(b"\r\n") {
            continue;
        }
        lines.push(&text[start..=at]);
        start = at + 1;
    }
    if start < text.len() {
        lines.push(&text[start..]);
    }
    lines
}

/// How many lines [`lines`] splits a text into that ends with a line end.
pub fn count_lines(text: &str) -> usize {
    let bytes = text.as_bytes();
    memchr2_iter(b'\n', b'\r', bytes).filter(|at| !bytes[*at..].starts_with(b"\r\n")).count()
}

/// Splits a line into its content and its line end.
pub fn split_line_end(line: &str) -> (&str, &str) {
    let content = line.strip_suffix('\n').unwrap_or(line);
    let content = content.strip_suffix('\r').unwrap_or(content);
    line.split_at(content.len())
}

/// Writes a new text in the format of the original.
///
/// Lines that the diff finds unchanged keep the line ends they had, new lines get the most frequent one; a BOM
/// stays, and so does a final newline. Whether one is added is the text's to say: what is appended to a file ends with one.
/// An original without any text prescribes nothing but its BOM.
pub fn restore(original: &str, text: &str) -> String {
    let mut restored = String::with_capacity(text.len() + text.len() / 16);
    let body = match original.strip_prefix(BOM) {
        Some(body) => {
            restored.push(BOM);
            body
        }
        None => original,
    };
    if !body.contains('\r') {
        restored.push_str(&with_final_newline(body, &normalize(text)));
        return restored;
    }
    let old: Vec<_> = lines(body).into_iter().map(split_line_end).collect();
    let text = normalize(text);
    let text = with_final_newline(body, &text);
    let new: Vec<_> = text.split_inclusive('\n').map(|line| split_line_end(line).0).collect();
    let usual = usual_line_end(&old);

    let contents: Vec<_> = old.iter().map(|(content, _)| *content).collect();
    let mut old_at = 0;
    let mut ends = Vec::with_capacity(new.len());
    for change in edit::changes(&contents, &new) {
        ends.extend(old[old_at..change.before.start].iter().map(|(_, end)| *end));
        ends.resize(change.after.end, usual);
        old_at = change.before.end;
    }
    ends.extend(old[old_at..].iter().map(|(_, end)| *end));

    let last = new.len().saturating_sub(1);
    for (number, (line, end)) in new.iter().zip(ends).enumerate() {
        restored.push_str(line);
        // An old last line without an end may have got a successor, or the other way round.
        match (number == last && !text.ends_with('\n'), end.is_empty()) {
            (true, _) => {}
            (false, true) => restored.push_str(usual),
            (false, false) => restored.push_str(end),
        }
    }
    restored
}

/// A text whose original ends with a newline ends with one; a new or empty file ends with exactly one.
fn with_final_newline<'a>(original: &str, text: &'a str) -> Cow<'a, str> {
    if original.is_empty() {
        let text = text.trim_end_matches('\n');
        return if text.is_empty() { Cow::Borrowed("") } else { Cow::Owned(format!("{text}\n")) };
    }
    if original.ends_with(['\n', '\r']) && !text.ends_with('\n') && !text.is_empty() {
        return Cow::Owned(format!("{text}\n"));
    }
    Cow::Borrowed(text)
}

/// The most frequent line end, the first one of those that are equally frequent, LF if there is none.
fn usual_line_end<'a>(lines: &[(&'a str, &'a str)]) -> &'a str {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for (_, end) in lines.iter().filter(|(_, end)| !end.is_empty()) {
        match counts.iter_mut().find(|(seen, _)| seen == end) {
            Some((_, count)) => *count += 1,
            None => counts.push((end, 1)),
        }
    }
    // `max_by_key` returns the last of several maxima.
    counts.iter().rev().max_by_key(|(_, count)| count).map_or("\n", |(end, _)| end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_original_format_is_restored() {
        let cases = [
            ("", "x", "x\n", "a new file ends with one newline"),
            ("", "x\n\n\n", "x\n", "and with one only"),
            ("", "", "", "an empty file stays empty"),
            ("a\nb\n", "a\nc\n", "a\nc\n", "LF"),
            ("a\r\nb\r\n", "a\nb\nc\n", "a\r\nb\r\nc\r\n", "CRLF"),
            ("a\r\nb", "a\nb\nc", "a\r\nb\r\nc", "CRLF without a final newline"),
            ("a\r\nb", "a\nb\n", "a\r\nb\r\n", "a final newline that the text adds"),
            ("a\n", "a", "a\n", "the final newline was forgotten"),
            ("\u{feff}a\n", "b\n", "\u{feff}b\n", "the BOM stays"),
            ("\u{feff}a\n", "\u{feff}b\n", "\u{feff}b\n", "and isn't doubled"),
            (
                "a\r\nb\nc\r\n",
                "x\na\nb\nc\n",
                "x\r\na\r\nb\nc\r\n",
                "mixed: unchanged lines keep theirs, new ones get the usual one",
            ),
            ("a\rb\r", "a\nB\n", "a\rB\r", "lone CR"),
            ("a\r\n\r\n", "a\r\n\r\n", "a\r\n\r\n", "a new text with CRLF"),
        ];
        for (original, text, expected, why) in cases {
            assert_eq!(restore(original, text), expected, "{why}");
        }
    }

    proptest! {
        #[test]
        fn an_untouched_text_keeps_its_bytes(original in "\u{feff}?([ab]{0,2}(\n|\r\n|\r)){0,8}[ab]{0,2}") {
            prop_assert_eq!(restore(&original, &normalize(&original)), original);
        }

        #[test]
        fn a_restored_text_says_the_same(original in "([ab]{0,2}(\n|\r\n)){0,8}", text in "([abc]{0,2}\n){1,8}") {
            prop_assume!(!original.is_empty());
            let restored = restore(&original, &text);
            prop_assert_eq!(normalize(&restored), text);
        }
    }
}
