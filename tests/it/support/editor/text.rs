//! Texts and positions as an editor sees them, written as naively as can be: the server's own code isn't asked.

use std::ops::Range;

use serde_json::{Value, json};

/// What a column counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    Utf8,
    Utf16,
    Utf32,
}

impl Encoding {
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "utf-8" => Some(Self::Utf8),
            "utf-16" => Some(Self::Utf16),
            "utf-32" => Some(Self::Utf32),
            _ => None,
        }
    }

    fn width(self, char: char) -> u32 {
        match self {
            Self::Utf8 => char.len_utf8() as u32,
            Self::Utf16 => char.len_utf16() as u32,
            Self::Utf32 => 1,
        }
    }
}

/// Line and column, both from 0.
pub type Position = (u32, u32);

/// One replacement, in the positions of the text it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    pub range: Range<Position>,
    pub text: String,
}

impl Edit {
    /// Reads a `TextEdit` of the protocol.
    pub fn parse(value: &Value) -> Option<Self> {
        let position = |value: &Value| {
            let number = |key: &str| value[key].as_u64().and_then(|number| u32::try_from(number).ok());
            Some((number("line")?, number("character")?))
        };
        let range = position(&value["range"]["start"])?..position(&value["range"]["end"])?;
        Some(Self { range, text: value["newText"].as_str()?.to_owned() })
    }
}

/// The contents of each line, without its end. A text that ends with a line end has an empty last line.
fn lines(text: &str) -> Vec<Range<usize>> {
    let mut lines = Vec::new();
    let mut start = 0;
    let mut chars = text.char_indices().peekable();
    while let Some((at, char)) = chars.next() {
        let end = match char {
            '\r' if chars.next_if(|(_, next)| *next == '\n').is_some() => at + 2,
            '\r' | '\n' => at + 1,
            _ => continue,
        };
        lines.push(start..at);
        start = end;
    }
    lines.push(start..text.len());
    lines
}

/// The byte offset of a position, or why there is none.
pub fn offset(text: &str, (line, column): Position, encoding: Encoding) -> Result<usize, String> {
    let lines = lines(text);
    let Some(range) = lines.get(line as usize) else {
        return Err(format!("line {line} is beyond the last line, {}", lines.len() - 1));
    };
    let mut seen = 0;
    for (at, char) in text[range.clone()].char_indices() {
        if seen == column {
            return Ok(range.start + at);
        }
        seen += encoding.width(char);
        if seen > column {
            return Err(format!("{line}:{column} is inside a character"));
        }
    }
    if seen == column { Ok(range.end) } else { Err(format!("{line}:{column} is beyond the end of its line, {seen}")) }
}

/// The byte offset of a position, moved to the nearest place before it when it is nowhere.
fn clamped_offset(text: &str, position: Position, encoding: Encoding) -> usize {
    let lines = lines(text);
    let Some(range) = lines.get(position.0 as usize) else { return text.len() };
    let mut seen = 0;
    for (at, char) in text[range.clone()].char_indices() {
        seen += encoding.width(char);
        if seen > position.1 {
            return range.start + at;
        }
    }
    range.end
}

/// The position of a byte offset, in the form of the protocol.
fn position(text: &str, offset: usize, encoding: Encoding) -> Value {
    let lines = lines(text);
    let line = lines.iter().rposition(|range| range.start <= offset).unwrap_or_default();
    let column: u32 = text[lines[line].start..offset].chars().map(|char| encoding.width(char)).sum();
    json!({ "line": line, "character": column })
}

/// Carries out `edits` in one step. Overlaps are an error; positions beyond an end are moved to it, as editors do.
pub fn apply(text: &str, edits: &[Edit], encoding: Encoding) -> Result<String, String> {
    let at = |position| clamped_offset(text, position, encoding);
    let mut edits: Vec<_> = edits.iter().map(|it| (at(it.range.start)..at(it.range.end), &it.text)).collect();
    edits.sort_by_key(|(range, _)| (range.start, range.end));
    let mut result = String::new();
    let mut done = 0;
    for (range, new) in edits {
        if range.start < done || range.end < range.start {
            return Err(format!("the edit of bytes {range:?} overlaps another"));
        }
        result.push_str(&text[done..range.start]);
        result.push_str(new);
        done = range.end;
    }
    result.push_str(&text[done..]);
    Ok(result)
}

/// Carries out `edits` on lines whose last line end belongs to the file and not to the text, as Neovim does.
pub fn apply_to_lines(text: &str, edits: &[Edit], encoding: Encoding) -> String {
    let ending = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let has_final_ending = text.ends_with(ending);
    let content = text.strip_suffix(ending).unwrap_or(text);
    let mut lines: Vec<String> = content.split(ending).map(str::to_owned).collect();
    let mut edits = edits.to_vec();
    edits.sort_by_key(|edit| edit.range.start);
    let mut reaches_end = false;
    for edit in edits.iter().rev() {
        let new = edit.text.replace("\r\n", "\n");
        let last = lines.len() - 1;
        let (start, end) = (edit.range.start, edit.range.end);
        if start.0 as usize > last {
            lines.extend(new.split('\n').map(str::to_owned));
            continue;
        }
        let end_line = last.min(end.0 as usize);
        let end_column = if end.0 as usize > last {
            reaches_end = true;
            lines[last].len()
        } else {
            clamped_offset(&lines[end_line], (0, end.1), encoding)
        };
        let start_column = clamped_offset(&lines[start.0 as usize], (0, start.1), encoding);
        let replaced = format!("{}{new}{}", &lines[start.0 as usize][..start_column], &lines[end_line][end_column..]);
        lines.splice(start.0 as usize..=end_line, replaced.split('\n').map(str::to_owned));
    }
    if reaches_end && has_final_ending && lines.len() > 1 && lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines.join(ending) + if has_final_ending { ending } else { "" }
}

/// The one content change that makes `new` out of `old`, in the form of the protocol.
pub fn difference(old: &str, new: &str, encoding: Encoding) -> Value {
    let common = |pairs: &mut dyn Iterator<Item = (char, char)>| -> usize {
        pairs.take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum()
    };
    let mut prefix = common(&mut old.chars().zip(new.chars()));
    // No position lies between the two characters of a line end.
    if old[..prefix].ends_with('\r') {
        prefix -= 1;
    }
    let mut suffix = common(&mut old[prefix..].chars().rev().zip(new[prefix..].chars().rev()));
    if old[old.len() - suffix..].starts_with('\n') {
        suffix -= 1;
    }
    let (start, end) = (position(old, prefix, encoding), position(old, old.len() - suffix, encoding));
    json!({ "range": { "start": start, "end": end }, "text": new[prefix..new.len() - suffix] })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(start: Position, end: Position, text: &str) -> Edit {
        Edit { range: start..end, text: text.into() }
    }

    #[test]
    fn columns_count_what_the_encoding_says() {
        const TEXT: &str = "a\u{10400}é\r\nb";
        let cases = [
            (Encoding::Utf8, (0, 5), Ok(5)),
            (Encoding::Utf16, (0, 3), Ok(5)),
            (Encoding::Utf32, (0, 2), Ok(5)),
            (Encoding::Utf16, (0, 2), Err("0:2 is inside a character")),
            (Encoding::Utf32, (0, 4), Err("0:4 is beyond the end of its line, 3")),
            (Encoding::Utf8, (1, 1), Ok(10)),
            (Encoding::Utf8, (2, 0), Err("line 2 is beyond the last line, 1")),
        ];
        for (encoding, position, expected) in cases {
            assert_eq!(offset(TEXT, position, encoding), expected.map_err(str::to_owned), "{encoding:?} {position:?}");
        }
        assert_eq!(position(TEXT, 5, Encoding::Utf16), json!({ "line": 0, "character": 3 }));
    }

    #[test]
    fn edits_are_carried_out_together() {
        let edits = [edit((0, 0), (0, 1), "A"), edit((1, 0), (9, 9), "B"), edit((0, 0), (0, 0), "<")];
        assert_eq!(apply("a\nb\n", &edits, Encoding::Utf16), Ok("<A\nB".into()));
        let overlap = [edit((0, 0), (0, 2), "x"), edit((0, 1), (0, 3), "y")];
        assert!(apply("abc", &overlap, Encoding::Utf16).is_err());
    }

    #[test]
    fn lines_have_their_own_end() {
        let cases = [
            // After the last line end there is no line, so the text's own line end adds one.
            ("a\nb\n", edit((2, 0), (2, 0), "c\n"), "a\nb\nc\n\n"),
            ("a\nb\n", edit((2, 0), (2, 0), "c"), "a\nb\nc\n"),
            ("a\nb\n", edit((1, 1), (1, 1), "\nc"), "a\nb\nc\n"),
            ("a\nb\n", edit((0, 0), (2, 0), "c\n"), "c\n"),
            ("\n", edit((0, 0), (0, 0), "c\n"), "c\n\n"),
            ("a\r\nb\r\n", edit((0, 1), (1, 1), "\r\nc"), "a\r\nc\r\n"),
            ("a\u{10400}b", edit((0, 1), (0, 3), ""), "ab"),
        ];
        for (text, edit, expected) in cases {
            assert_eq!(
                apply_to_lines(text, std::slice::from_ref(&edit), Encoding::Utf16),
                expected,
                "{text:?} {edit:?}"
            );
        }
    }

    #[test]
    fn a_difference_leads_from_one_text_to_the_other() {
        let texts = ["", "a", "a\r\nb", "a\n\nb", "a\rb", "a\r\n\r\nb", "aé\u{10400}", "é\u{10400}a", "a\r\nb\r\n"];
        for (old, new) in texts.iter().flat_map(|old| texts.map(|new| (old, new))) {
            let mut change = difference(old, new, Encoding::Utf16);
            change["newText"] = change["text"].take();
            let edit = Edit::parse(&change).unwrap();
            assert_eq!(apply(old, &[edit], Encoding::Utf16).as_deref(), Ok(new), "{old:?}");
        }
    }
}
