//! From a model's answer to file content.
//!
//! Takes an answer that is complete: whether it is, the finish signal tells, and that is judged where models are
//! called. Here an answer is only unwrapped, or rejected with the reason; nothing is repaired by guessing.

mod block;
mod fence;
mod judge;
mod pages;
mod pick;
mod place;
mod plain;
mod replace;
mod tag;
mod wrap;

use thiserror::Error;

use super::{
    format::normalize,
    language::{self, Kind},
};

pub use block::{BadBlock, Fault, Lines, mark_length, marks};
pub use pages::join_pages;
pub use plain::{plain_text, single_line};
pub use replace::edited_content;

#[cfg(test)]
mod tests;

/// A file is thought to have lost something when more than half of at least this many lines are gone.
const SHRUNK_FROM_LINES: usize = 20;

/// The file that an answer is for.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// Its name as the model knows it.
    pub name: &'a str,
    /// Its text before; `None` for a new file.
    pub original: Option<&'a str>,
    /// What the model was asked to name its tags with: `<file-NONCE>`.
    pub nonce: &'a str,
}

/// File content found in an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extracted {
    /// With LF line ends; ends as the original does, a new file with one newline.
    pub text: String,
    /// Reasons to show the text to somebody before it is used.
    pub flags: Vec<Flag>,
}

/// Why content is not beyond doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flag {
    /// A fence or tag was opened and not closed, so the end is a guess.
    Unclosed,
    /// More than half of the original's lines are gone.
    Shrunk,
}

/// Why an answer can't become file content, and what to do. Reads as the cause in "failed to write `file`: …".
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Rejected {
    #[error("the answer is empty; try again, or with another model")]
    Empty,
    #[error("the model declined: {text}")]
    Refused { text: String },
    #[error("the answer talks about the file instead of giving its content; try again, or with another model")]
    Prose,
    #[error("the answer is a diff, but the whole content was asked for; try again, or with another model")]
    Diff,
    #[error("the answer leaves parts out (`{line}`); try again, or ask for less at a time")]
    Elided { line: String },
    #[error("the answer has {count} blocks of which each could be the content; ask for one file at a time")]
    Ambiguous { count: usize },
    #[error("the answer has no block for this file, only one in {language}; try again, or with another model")]
    OtherLanguage { language: String },
    #[error("the answer is for `{name}`, another file; try again, or with another model")]
    OtherFile { name: String },
    #[error("the answer isn't the file as it is, but {how}; try again, or with another model")]
    Garbled { how: &'static str },
    #[error("the answer has no `#[cfg(test)]` module; try again, or with another model")]
    NoTestModule,
    #[error("the answer has no search/replace blocks, which were asked for; try again, or with another model")]
    NoBlocks,
    #[error("the answer is a diff, but search/replace blocks were asked for; try again, or with another model")]
    DiffForBlocks,
    #[error("the answer breaks off within its search/replace blocks; try again, or ask for less at a time")]
    Cut,
    #[error("the answer has more than {most} search/replace blocks; ask for less at a time")]
    TooManyBlocks { most: usize },
    #[error("{0}; try again, or with another model")]
    Block(#[from] BadBlock),
}

/// Finds the whole new content of a file in an answer.
pub fn file_content(answer: &str, target: &Target) -> Result<Extracted, Rejected> {
    let Found { text, closed } = unwrap(answer, target)?;
    let original = target.original.map(normalize);
    Ok(finished(&text, original.as_deref(), closed))
}

/// Finds text in an answer that is to be added to a file; it ends with one newline.
pub fn appended_text(answer: &str, target: &Target) -> Result<Extracted, Rejected> {
    let Found { text, closed } = unwrap(answer, target)?;
    let text = end_like("", text.trim_start_matches('\n'));
    Ok(Extracted { text, flags: if closed { Vec::new() } else { vec![Flag::Unclosed] } })
}

/// Whether so much of a text is gone that somebody should look at it.
pub fn is_shrunk(original: &str, text: &str) -> bool {
    let lines_before = original.lines().count();
    lines_before >= SHRUNK_FROM_LINES && text.lines().count() * 2 < lines_before
}

/// The last steps to a file's new content, however it was found.
fn finished(text: &str, original: Option<&str>, closed: bool) -> Extracted {
    let original = original.unwrap_or_default();
    let text = end_like(original, text);
    let flags = [(!closed, Flag::Unclosed), (is_shrunk(original, &text), Flag::Shrunk)];
    let flags = flags.into_iter().filter(|(applies, _)| *applies).map(|(_, flag)| flag).collect();
    Extracted { text, flags }
}

/// Content without what the answer wrapped it in.
struct Found {
    text: String,
    closed: bool,
}

/// Climbs down from the safest sign of where the content is to the weakest.
fn unwrap(answer: &str, target: &Target) -> Result<Found, Rejected> {
    let answer = plain_text(answer);
    let found = match tag::tagged(&answer, target)? {
        Some(found) => found,
        None => untagged(&answer, target)?,
    };
    let text = wrap::without(found.text, target);
    let text = without_name_line(&text, target);
    judge::content(text, target)?;
    Ok(Found { text: text.to_owned(), closed: found.closed })
}

fn untagged(answer: &str, target: &Target) -> Result<Found, Rejected> {
    let answer = tag::before_orphan_closing(answer, target.nonce);
    let is_prose = language::kind(target.name) == Kind::Prose;
    if !is_prose && let Some(unquoted) = plain::unquoted(answer) {
        return untagged(&unquoted, target);
    }
    if is_prose && judge::starts_like_a_document(answer, target) {
        return Ok(Found { text: trim_blank_lines(answer), closed: true });
    }
    let blocks = fence::blocks(answer, is_prose);
    if let Some(block) = pick::block(&blocks, target)? {
        return Ok(Found { text: block.content.clone(), closed: block.closed });
    }
    if let Some(text) = judge::refusal(answer) {
        return Err(Rejected::Refused { text });
    }
    if is_prose {
        let text = judge::without_lead_in(answer, target);
        return Ok(Found { text: trim_blank_lines(text), closed: true });
    }
    let answer = pick::without_language_line(answer, target);
    if judge::reads_like_prose(answer, target) {
        return Err(Rejected::Prose);
    }
    Ok(Found { text: trim_blank_lines(answer), closed: true })
}

/// Drops a first line that only says which file this is, unless the original begins with one too.
fn without_name_line<'a>(text: &'a str, target: &Target) -> &'a str {
    let first = text.lines().next().unwrap_or_default();
    let original_first = target.original.and_then(|original| original.lines().next());
    if !pick::only_names(first, target) || original_first.is_some_and(|line| pick::only_names(line, target)) {
        return text;
    }
    let rest = text.split_once('\n').map_or("", |(_, rest)| rest);
    rest.strip_prefix('\n').unwrap_or(rest)
}

/// Ends a text as the original ends: without a newline where it has none, else with at most as many as it has.
///
/// More than one appears where a blank line stands before a closing fence.
fn end_like(original: &str, text: &str) -> String {
    let content = text.trim_end_matches('\n');
    let most = if original.is_empty() { 1 } else { trailing_newlines(original) };
    let newlines = trailing_newlines(text).clamp(most.min(1), most);
    format!("{content}{}", "\n".repeat(newlines))
}

fn trailing_newlines(text: &str) -> usize {
    text.len() - text.trim_end_matches('\n').len()
}

/// Drops blank lines at both ends; the first line keeps its indent.
fn trim_blank_lines(text: &str) -> String {
    let text = text.trim_end();
    let start = text.len() - text.trim_start().len();
    let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
    format!("{}\n", &text[line_start..])
}
