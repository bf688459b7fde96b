//! Comment markers: `// AI: …` in code, `AI: …` in text, with the instruction that they hold. Reads lines; changes nothing.

use std::{collections::HashMap, sync::LazyLock};

use super::language::{Kind, kind, language};

mod region;

/// An instruction in a comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker {
    /// 0-based.
    pub first_line: u32,
    /// 0-based, inclusive.
    pub last_line: u32,
    /// The workflow that it names.
    pub workflow: Option<String>,
    pub instruction: String,
}

/// The lines of a text, by 0-based number.
pub type LineAt<'a> = &'a dyn Fn(u32) -> Option<String>;

/// How a language writes a comment; the second part closes it, and is empty where the line's end does.
type Sign = (&'static str, &'static str);

/// A line each: the sign, then languages under the names that editors and GitHub's list use, in lower case.
const TABLE: &str = include_str!("marker/signs.txt");

static SIGNS: LazyLock<HashMap<&'static str, Vec<Sign>>> = LazyLock::new(|| {
    let mut signs: HashMap<_, Vec<Sign>> = HashMap::new();
    for (sign, names) in TABLE.lines().filter_map(|line| line.split_once(" = ")) {
        let sign = sign.split_once(' ').unwrap_or((sign, ""));
        for name in names.split(", ") {
            signs.entry(name).or_default().push(sign);
        }
    }
    signs
});

/// How far above a line its marker may begin.
const MOST_LINES: u32 = 30;

/// The marker that a line belongs to, or stands beside.
///
/// `id` is the editor's language id, which may be empty; `word` begins a marker.
pub fn near(line_at: LineAt, line: u32, id: &str, name: &str, word: &str) -> Option<Marker> {
    let reader = Reader { line_at, id, name, word };
    let above = (line.saturating_sub(MOST_LINES)..=line).rev();
    let found = above.chain([line.saturating_add(1)]).filter_map(|first| reader.marker(first));
    found
        .into_iter()
        .find(|marker| line.saturating_add(1) >= marker.first_line && line <= marker.last_line.saturating_add(1))
}

/// Whether a line is a comment and nothing else.
pub fn is_comment(line: &str, id: &str, name: &str) -> bool {
    signs(id, name).into_iter().any(|sign| !sign.0.is_empty() && comment(line, sign).is_some())
}

/// The text without the first place where these lines stand together.
pub fn without(text: &str, lines: &[String]) -> String {
    let all: Vec<&str> = text.split_inclusive('\n').collect();
    let same = |window: &[&str]| window.iter().zip(lines).all(|(line, marked)| line.trim_end() == marked.trim_end());
    match all.windows(lines.len().max(1)).position(same) {
        Some(at) if !lines.is_empty() => [&all[..at], &all[at + lines.len()..]].concat().concat(),
        _ => text.to_owned(),
    }
}

struct Reader<'a> {
    line_at: LineAt<'a>,
    id: &'a str,
    name: &'a str,
    word: &'a str,
}

impl Reader<'_> {
    /// The marker that begins at this line.
    fn marker(&self, first_line: u32) -> Option<Marker> {
        let line = (self.line_at)(first_line)?;
        // Most lines end here, before anything is looked up.
        if !line.contains(self.word) {
            return None;
        }
        let signs = self.signs_at(first_line);
        let (sign, rest) = signs.into_iter().find_map(|sign| Some((sign, comment(&line, sign)?)))?;
        let rest = rest.trim_start().strip_prefix(self.word)?;
        let (workflow, rest) = match rest.strip_prefix('(') {
            Some(rest) => {
                let (name, rest) = rest.split_once(')')?;
                (Some(name.trim().to_owned()), rest)
            }
            None => (None, rest),
        };
        let mut instruction = rest.strip_prefix(':')?.trim().to_owned();
        let is_open = !sign.1.is_empty() && !line.trim_end().ends_with(sign.1);
        let last_line = match is_open {
            true => self.rest_of_block(first_line, sign, &mut instruction)?,
            false => self.lines_below(first_line, sign, &mut instruction),
        };
        let instruction = instruction.trim().to_owned();
        (!instruction.is_empty()).then_some(Marker { first_line, last_line, workflow, instruction })
    }

    /// Comment lines directly below belong to it when they are indented behind the sign; others are ordinary comments.
    fn lines_below(&self, first_line: u32, sign: Sign, instruction: &mut String) -> u32 {
        let mut last_line = first_line;
        while let Some(more) = (self.line_at)(last_line.saturating_add(1)).and_then(|line| continuation(&line, sign)) {
            instruction.push(' ');
            instruction.push_str(&more);
            last_line += 1;
        }
        last_line
    }

    /// A comment that wasn't closed goes on until it is. What follows the end on its line is nothing that may be removed.
    fn rest_of_block(&self, first_line: u32, sign: Sign, instruction: &mut String) -> Option<u32> {
        for line in (first_line..).skip(1).take(MOST_LINES as usize) {
            let text = (self.line_at)(line)?;
            let text = text.trim();
            let said = match text.find(sign.1) {
                Some(end) if end + sign.1.len() < text.len() => return None,
                Some(end) => &text[..end],
                None => text,
            };
            instruction.push(' ');
            instruction.push_str(said.trim_start_matches(['*', ' ']).trim());
            if text.ends_with(sign.1) {
                return Some(line);
            }
        }
        None
    }

    /// The signs that count at a line: a part in another language has its own.
    fn signs_at(&self, line: u32) -> Vec<Sign> {
        match region::of(self.line_at, line, self.id, self.name) {
            region::Region::Whole => signs(self.id, self.name),
            region::Region::Part(language) => by_language(&language.to_lowercase()),
        }
    }
}

/// What a comment line says, behind its sign.
fn comment(line: &str, (open, close): Sign) -> Option<&str> {
    let line = line.trim();
    let rest = match open.chars().next() {
        // `rem` is a word, in any case.
        Some(first) if first.is_alphabetic() => {
            let is_same = line.get(..open.len()).is_some_and(|start| start.eq_ignore_ascii_case(open));
            line.get(open.len()..).filter(|rest| is_same && rest.starts_with(char::is_whitespace))?
        }
        // `;;` and `##` are as good as one.
        Some(sign) if open.len() == sign.len_utf8() => line.strip_prefix(sign)?.trim_start_matches(sign),
        _ => line.strip_prefix(open)?,
    };
    Some(rest.strip_suffix(close).unwrap_or(rest))
}

fn continuation(line: &str, sign: Sign) -> Option<String> {
    // In a text file there is no sign, and so nothing that could tell.
    if sign.0.is_empty() {
        return None;
    }
    let is_closed = sign.1.is_empty() || line.trim_end().ends_with(sign.1);
    let rest = comment(line, sign).filter(|_| is_closed)?;
    (rest.starts_with("  ") && !rest.trim().is_empty()).then(|| rest.trim().to_owned())
}

fn signs(id: &str, name: &str) -> Vec<Sign> {
    let by_editor = by_language(&id.to_lowercase());
    if !by_editor.is_empty() && !is_plain(id) {
        return by_editor;
    }
    let by_name = language(name).map(|language| by_language(&language.to_lowercase())).unwrap_or_default();
    match kind(name) {
        Kind::Prose if by_name.is_empty() || is_markdown(id, name) => vec![("<!--", "-->"), ("", "")],
        _ => by_name,
    }
}

fn by_language(name: &str) -> Vec<Sign> {
    SIGNS.get(name).cloned().unwrap_or_default()
}

/// Editors call everything so that they don't know.
fn is_plain(id: &str) -> bool {
    matches!(id, "" | "plaintext" | "text" | "plain" | "markdown")
}

fn is_markdown(id: &str, name: &str) -> bool {
    id == "markdown" || language(name).as_deref() == Some("Markdown")
}

#[cfg(test)]
mod tests;
