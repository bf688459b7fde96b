//! Front matter as somebody types it: which key and which value stand where, and what a cursor is at.
//!
//! Lexical on purpose. A YAML parser says nothing of a text that isn't finished; [`super::prompt`] has one for texts that are.

use ropey::Rope;

use super::{
    edit::{self, TextEdit},
    position::Encoding,
    prompt::{FENCE, KEY},
};

/// Longer front matter is no front matter.
const MAX_LINES: usize = 1000;

/// The front matter of a document, with what stands in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Front {
    /// Between the two fences, without line ends; the first is the document's line 1.
    pub lines: Vec<String>,
    pub entries: Vec<Entry>,
    /// By line: the key whose list in brackets goes on there.
    open_lists: Vec<Option<String>>,
}

/// A key at the top level, and its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub key: Word,
    /// One, those of a list, or none.
    pub values: Vec<Word>,
    pub form: Form,
}

/// How an entry's values are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Scalar,
    /// `[a, b]`
    Brackets,
    /// A line each, behind `- `.
    Dashes,
}

/// A piece of a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Word {
    /// Without quotes.
    pub text: String,
    /// Of the document, 0-based.
    pub line: u32,
    /// Bytes in the line; quotes are inside.
    pub start: usize,
    pub end: usize,
}

/// What a cursor is at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A key; empty where one could begin.
    Key(Word),
    /// A value; empty where one could begin.
    Value { key: String, word: Word, in_brackets: bool },
}

impl Front {
    /// The front matter of a prompt document; `None` for other documents. Looks at nothing but the front matter.
    pub fn of(rope: &Rope) -> Option<Self> {
        let front = Self::read(lines(rope)?);
        front.entry(KEY).is_some().then_some(front)
    }

    pub fn read(lines: Vec<String>) -> Self {
        let mut front = Self::default();
        let mut open: Option<String> = None;
        for (line, text) in (1..).zip(&lines) {
            front.open_lists.push(open.clone());
            if open.is_some() {
                if front.list(line, text, 0) {
                    open = None;
                }
                continue;
            }
            let trimmed = text.trim_start();
            let indent = text.len() - trimmed.len();
            if let Some(rest) = trimmed.strip_prefix("- ").or(trimmed.strip_prefix('-').filter(|rest| rest.is_empty()))
            {
                let start = text.len() - rest.trim_start().len();
                if let Some(word) = scalar(line, text, start)
                    && let Some(entry) = front.entries.last_mut()
                {
                    entry.form = Form::Dashes;
                    entry.values.push(word);
                }
                continue;
            }
            if indent > 0 || trimmed.is_empty() || trimmed.starts_with('#') {
                continue;
            }
            let Some(colon) = colon(text) else { continue };
            let Some(key) = scalar(line, &text[..colon], 0) else { continue };
            let name = key.text.clone();
            front.entries.push(Entry { key, values: Vec::new(), form: Form::Scalar });
            let rest = &text[colon + 1..];
            let start = text.len() - rest.trim_start().len();
            if text[start..].starts_with('[') {
                if let Some(entry) = front.entries.last_mut() {
                    entry.form = Form::Brackets;
                }
                if !front.list(line, text, start + 1) {
                    open = Some(name);
                }
            } else if let (Some(word), Some(entry)) = (scalar(line, text, start), front.entries.last_mut()) {
                entry.values.push(word);
            }
        }
        front.lines = lines;
        front
    }

    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key.text == key)
    }

    /// The only value of a key.
    pub fn value(&self, key: &str) -> Option<&Word> {
        self.entry(key)?.values.first()
    }

    /// A line of the document.
    pub fn line(&self, line: u32) -> Option<&str> {
        self.lines.get((line as usize).checked_sub(1)?).map(String::as_str)
    }

    /// The line of the closing fence.
    pub fn end_line(&self) -> u32 {
        u32::try_from(self.lines.len()).unwrap_or(u32::MAX).saturating_add(1)
    }

    /// What stands at a byte of a line; `None` outside the front matter, and where nothing of ours can stand.
    pub fn place(&self, line: u32, byte: usize) -> Option<Place> {
        let text = self.line(line)?;
        let byte = floor(text, byte);
        let holds = |word: &&Word| word.line == line && (word.start..=word.end).contains(&byte);
        for entry in &self.entries {
            if let Some(word) = Some(&entry.key).filter(holds) {
                return Some(Place::Key(word.clone()));
            }
            if let Some(word) = entry.values.iter().find(holds) {
                let in_brackets = entry.form == Form::Brackets;
                return Some(Place::Value { key: entry.key.text.clone(), word: word.clone(), in_brackets });
            }
        }
        let empty = Word { text: String::new(), line, start: byte, end: byte };
        let value =
            |key: &str, in_brackets| Some(Place::Value { key: key.to_owned(), word: empty.clone(), in_brackets });
        let before = &text[..byte];
        if comment_start(before, 0).is_some() {
            return None;
        }
        if let Some(key) = self.open_lists.get(line as usize - 1)?.as_deref() {
            return if before.contains(']') { None } else { value(key, true) };
        }
        let of_line = self.entries.iter().find(|entry| entry.key.line == line);
        match of_line {
            Some(entry) if entry.form == Form::Brackets && before.contains(']') => None,
            Some(entry) if byte > entry.key.end => value(&entry.key.text, entry.form == Form::Brackets),
            Some(_) => None,
            None if before.trim_start().starts_with('-') => {
                let above = self.entries.iter().rev().find(|entry| entry.key.line < line)?;
                value(&above.key.text, false)
            }
            None if before.starts_with(char::is_whitespace) || before.trim_start().starts_with('#') => None,
            None => Some(Place::Key(Word {
                text: text.trim_end().to_owned(),
                line,
                start: 0,
                end: text.trim_end().len().max(byte),
            })),
        }
    }

    /// The edit that puts a value at the end of a list, as the place and the text to insert there: `(line, byte, text)`.
    pub fn add(&self, key: &str, value: &str) -> (u32, usize, String) {
        let Some(entry) = self.entry(key) else {
            return (self.end_line(), 0, format!("{key}: [{}]\n", quoted(value, true)));
        };
        let last = entry.values.last();
        match (entry.form, last) {
            (Form::Brackets, Some(last)) => (last.line, last.end, format!(", {}", quoted(value, true))),
            (Form::Brackets, None) => {
                let bracket = self.line(entry.key.line).and_then(|line| line.find('[')).unwrap_or(entry.key.end);
                (entry.key.line, bracket + 1, quoted(value, true))
            }
            (Form::Dashes, Some(last)) => {
                let line = self.line(last.line).unwrap_or_default();
                let indent = &line[..line.len() - line.trim_start().len()];
                (last.line, line.len(), format!("\n{indent}- {}", quoted(value, false)))
            }
            // A single value isn't in a list yet: it goes on as one.
            (_, Some(last)) => {
                let line = self.line(last.line).unwrap_or_default();
                let old = line.get(last.start..last.end).unwrap_or_default();
                (last.line, last.start, format!("[{}, {}]", old, quoted(value, true)))
            }
            (_, None) => (entry.key.line, entry.key.end + 1, format!(" [{}]", quoted(value, true))),
        }
    }

    /// The edits that put values at the end of a list.
    pub fn with(&self, key: &str, values: &[String], encoding: Encoding) -> Vec<TextEdit> {
        let mut front = self.clone();
        for value in values {
            let (line, byte, added) = front.add(key, value);
            let mut text = front.text();
            let start = text.split_inclusive('\n').take(line as usize).map(str::len).sum::<usize>() + byte;
            text.replace_range(start..start + front.replaced_by_add(key), &added);
            front = Self::read(lines(&Rope::from_str(&text)).unwrap_or_default());
        }
        edit::edits(&self.text(), &front.text(), encoding)
    }

    /// As it is at the beginning of its document, with LF line ends.
    fn text(&self) -> String {
        let lines: String = self.lines.iter().map(|line| format!("{line}\n")).collect();
        format!("{FENCE}\n{lines}{FENCE}\n")
    }

    /// How many bytes [`Self::add`]'s text takes the place of.
    pub fn replaced_by_add(&self, key: &str) -> usize {
        match self.entry(key) {
            Some(Entry { form: Form::Scalar, values, .. }) => values.last().map_or(0, |last| last.end - last.start),
            _ => 0,
        }
    }

    /// Reads items of a list in brackets from `start` on; whether its end is there.
    fn list(&mut self, line: u32, text: &str, start: usize) -> bool {
        let mut at = start;
        while let Some(c) = text[at..].chars().next() {
            match c {
                ']' => return true,
                '#' if at == 0 || text[..at].ends_with(char::is_whitespace) => return false,
                ',' => at += 1,
                c if c.is_whitespace() => at += c.len_utf8(),
                _ => {
                    let word = item(line, text, at);
                    at = word.end;
                    if let Some(entry) = self.entries.last_mut() {
                        entry.values.push(word);
                    }
                }
            }
        }
        false
    }
}

/// The lines between the fences, without line ends.
fn lines(rope: &Rope) -> Option<Vec<String>> {
    // Most documents say no here, before a line is copied, which may be long.
    let head: String = rope.chars().take(FENCE.len() + 2).collect();
    if !head.trim_start_matches('\u{feff}').starts_with(FENCE) {
        return None;
    }
    let mut all = rope.lines().map(|line| line.to_string().trim_end_matches(['\n', '\r']).to_owned());
    if all.next()?.trim_start_matches('\u{feff}') != FENCE {
        return None;
    }
    let mut lines = Vec::new();
    for line in all.take(MAX_LINES) {
        if line.trim_end() == FENCE {
            return Some(lines);
        }
        lines.push(line);
    }
    None
}

/// A value as YAML, in quotes where it needs them.
pub fn quoted(text: &str, in_brackets: bool) -> String {
    let plain = |c: char| c.is_alphanumeric() || "_./+-@~*".contains(c) || (c == ' ' && !in_brackets);
    let begins = text.starts_with(|c: char| c.is_alphanumeric() || "_./".contains(c));
    let is_plain = begins && text.chars().all(plain) && !text.ends_with(' ') && !text.contains('*');
    if is_plain { text.to_owned() } else { serde_json::Value::String(text.to_owned()).to_string() }
}

/// The colon behind a key.
fn colon(text: &str) -> Option<usize> {
    text.match_indices(':').map(|(at, _)| at).find(|at| text[at + 1..].chars().next().is_none_or(char::is_whitespace))
}

/// The value that fills the rest of the line.
fn scalar(line: u32, text: &str, start: usize) -> Option<Word> {
    let rest = text.get(start..)?;
    let rest = match comment_start(text, start) {
        Some(at) => &text[start..at],
        None => rest,
    };
    let rest = rest.trim_end();
    if rest.is_empty() {
        return None;
    }
    Some(Word { text: unquoted(rest), line, start, end: start + rest.len() })
}

/// One item of a list in brackets.
fn item(line: u32, text: &str, start: usize) -> Word {
    let rest = &text[start..];
    let closed = closing_quote(rest);
    let end = match closed {
        Some(end) => end,
        None => {
            let end = rest.find([',', ']']).unwrap_or(rest.len());
            let end = comment_start(rest, 0).map_or(end, |comment| comment.min(end));
            rest[..end].trim_end().len()
        }
    };
    // Something that stands where nothing should is still a piece, or this would go on for ever.
    let end = end.max(rest.chars().next().map_or(1, char::len_utf8));
    Word { text: unquoted(&rest[..end]), line, start, end: start + end }
}

/// Where a comment begins, behind `from`: a `#` after a blank and outside quotes.
fn comment_start(text: &str, from: usize) -> Option<usize> {
    let mut quote = None;
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') if at >= from && !before.is_alphanumeric() => quote = Some(c),
            (None, '#') if at >= from && before.is_whitespace() => return Some(at),
            _ => {}
        }
        before = c;
    }
    None
}

/// The end of a text in quotes that `text` begins with.
fn closing_quote(text: &str) -> Option<usize> {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' if quote == '"' => drop(chars.next()),
            // Within single quotes, two stand for one.
            '\'' if quote == '\'' && chars.peek().is_some_and(|(_, next)| *next == '\'') => drop(chars.next()),
            c if c == quote => return Some(at + 1),
            _ => {}
        }
    }
    None
}

fn unquoted(text: &str) -> String {
    match text.chars().next() {
        Some('"') => {
            let whole = closing_quote(text).and_then(|end| serde_json::from_str(&text[..end]).ok());
            whole.unwrap_or_else(|| text.trim_matches('"').to_owned())
        }
        Some('\'') => text.trim_matches('\'').replace("''", "'"),
        _ => text.to_owned(),
    }
}

/// The last boundary between characters at or before a byte.
fn floor(text: &str, byte: usize) -> usize {
    let mut byte = byte.min(text.len());
    while !text.is_char_boundary(byte) {
        byte -= 1;
    }
    byte
}

#[cfg(test)]
mod tests;
