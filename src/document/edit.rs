//! Minimal hunks: what turns one text into another, as edits that every editor applies alike.
//!
//! Works on texts with any line ends, which the edits carry; knows nothing of files, versions or who applies an edit.

mod unified;

use std::ops;

use imara_diff::{Algorithm, Diff, InternedInput, Token};
use memchr::memrchr_iter;

use super::{
    format::{count_lines, lines, split_line_end},
    position::{Encoding, Position, Range},
};

pub use unified::unified_diff;

#[cfg(test)]
mod tests;

/// Shorter texts are compared within a second, whatever they are like.
const MANY_LINES: usize = 32_000;
/// Equal lines at either end that are looked at all the same: a change may be moved among them to where it reads best.
const MARGIN: usize = 100;
/// A line that occurs so often says little about where its change is.
const OFTEN_OCCURRENCES: usize = 64;

/// Whole lines of an old text that give way to other text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hunk {
    /// The first line that is replaced; where only text is added, the line before which it goes.
    pub start_line: u32,
    /// The line after the last one that is replaced.
    pub end_line: u32,
    /// The new lines with their line ends.
    pub text: String,
}

/// Text that takes the place of a range of the old text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextEdit {
    pub range: Range,
    pub text: String,
}

/// Lines of two sequences that differ, by index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LineChange {
    pub before: ops::Range<usize>,
    pub after: ops::Range<usize>,
}

/// Computes the hunks that turn `old` into `new`: in order, apart from each other, none when the texts are equal.
pub fn hunks(old: &str, new: &str) -> Vec<Hunk> {
    let (old, new) = (lines(old), lines(new));
    changes(&old, &new)
        .into_iter()
        .map(|change| Hunk {
            start_line: change.before.start as u32,
            end_line: change.before.end as u32,
            text: new[change.after].concat(),
        })
        .collect()
}

/// Expresses the hunks of `old` as edits of it: in order, without overlaps, every position inside the text.
///
/// Where the last line is concerned, an edit ends at that line's content and leaves the final line end alone.
/// Neovim's buffer has no place after the final newline, so text that is put there leaves an empty line behind.
/// One case no edit can serve: a file that Neovim is told to create and to fill at once has a line already, so there
/// the caller has to leave out the final newline.
pub fn text_edits(old: &str, hunks: &[Hunk], encoding: Encoding) -> Vec<TextEdit> {
    let old = lines(old);
    hunks.iter().map(|hunk| text_edit(&old, hunk, encoding)).collect()
}

/// Computes the edits that turn `old` into `new`, see [`text_edits`].
pub fn edits(old: &str, new: &str, encoding: Encoding) -> Vec<TextEdit> {
    // What grows at its end, as a conversation does, isn't split into lines again and again.
    let (start, first_line) = common_start(old, new);
    let (old, new) = (&old[start..], &new[start..]);
    let mut edits = text_edits(old, &hunks(old, new), encoding);
    for TextEdit { range, .. } in &mut edits {
        range.start.line += first_line;
        range.end.line += first_line;
    }
    edits
}

/// The start of a line before which two texts are equal, in bytes, and its number; [`MARGIN`] lines before the first difference.
fn common_start(old: &str, new: &str) -> (usize, u32) {
    const BLOCK: usize = 4096;
    let blocks = old.as_bytes().chunks_exact(BLOCK).zip(new.as_bytes().chunks_exact(BLOCK));
    let equal = blocks.take_while(|(old, new)| old == new).count() * BLOCK;
    // Behind a LF is a line's start, whatever else ends lines.
    let start = memrchr_iter(b'\n', &old.as_bytes()[..equal]).nth(MARGIN).map_or(0, |at| at + 1);
    (start, count_lines(&old[..start]) as u32)
}

/// Computes which lines differ; the ranges are in order, and at least one line apart.
pub(super) fn changes(old: &[&str], new: &[&str]) -> Vec<LineChange> {
    let (start, end) = common_ends(old, new);
    let (start, end) = (start.saturating_sub(MARGIN), end.saturating_sub(MARGIN));
    let mut changes = changes_between(&old[start..old.len() - end], &new[start..new.len() - end]);
    for LineChange { before, after } in &mut changes {
        for place in [&mut before.start, &mut before.end, &mut after.start, &mut after.end] {
            *place += start;
        }
    }
    changes
}

fn changes_between(old: &[&str], new: &[&str]) -> Vec<LineChange> {
    let mut input = InternedInput::default();
    // Otherwise each growth of its table hashes all lines again.
    input.reserve(old.len() as u32, new.len() as u32);
    input.update_before(old.iter().copied());
    input.update_after(new.iter().copied());
    let (same_before, same_after) = common_ends(&input.before, &input.after);
    let before = same_before..old.len() - same_after;
    let after = same_before..new.len() - same_after;
    if would_take_minutes(&input, before.clone(), after.clone()) {
        return vec![LineChange { before, after }];
    }
    // The histogram takes as long for each hunk as for the whole: 7 s for 50,000 lines of which every second one differs, Myers 0.02 s.
    let mut diff = Diff::compute(Algorithm::Myers, &input);
    diff.postprocess_lines(&input);
    let range = |range: ops::Range<u32>| range.start as usize..range.end as usize;
    diff.hunks().map(|hunk| LineChange { before: range(hunk.before), after: range(hunk.after) }).collect()
}

/// How many lines two sequences have in common at the start, and at the end.
fn common_ends<T: PartialEq>(old: &[T], new: &[T]) -> (usize, usize) {
    let start = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    let rest = old[start..].iter().rev().zip(new[start..].iter().rev());
    (start, rest.take_while(|(old, new)| old == new).count())
}

/// Whether nearly all lines occur so often on both sides that the diff has nothing to hold on to.
///
/// The algorithm then takes quadratic time: 17 s for two texts of 128,000 lines that alternate between two.
fn would_take_minutes(input: &InternedInput<&str>, before: ops::Range<usize>, after: ops::Range<usize>) -> bool {
    if before.len().min(after.len()) < MANY_LINES {
        return false;
    }
    let count = |lines: &[Token]| {
        let mut counts = vec![0_usize; input.interner.num_tokens() as usize];
        lines.iter().for_each(|line| counts[line.0 as usize] += 1);
        counts
    };
    let (old, new) = (count(&input.before[before.clone()]), count(&input.after[after]));
    let occurs_often = |at: usize| new[at] > 0 && old[at].max(new[at]) >= OFTEN_OCCURRENCES;
    let often: usize = (0..old.len()).filter(|at| occurs_often(*at)).map(|at| old[at]).sum();
    let rare: usize = (0..old.len()).filter(|at| new[*at] > 0 && !occurs_often(*at)).map(|at| old[at]).sum();
    often >= MANY_LINES && rare * OFTEN_OCCURRENCES < often
}

fn text_edit(old: &[&str], hunk: &Hunk, encoding: Encoding) -> TextEdit {
    let (start, end) = (hunk.start_line as usize, hunk.end_line as usize);
    let line_start = |line: usize| Position::new(line as u32, 0);
    let content_end = |line: usize| {
        let (content, _) = split_line_end(old[line]);
        Position::new(line as u32, encoding.length(content) as u32)
    };
    let edit = |start, end, text: &str| TextEdit { range: Range::new(start, end), text: text.to_owned() };
    if end < old.len() {
        return edit(line_start(start), line_start(end), &hunk.text);
    }
    let Some(last) = old.len().checked_sub(1) else {
        return edit(line_start(0), line_start(0), &hunk.text);
    };

    // The hunk reaches the end of the text. Its place and its text are first moved to begin at the end of a line's
    // content where that is possible, then to end at the last line's content.
    let (_, last_end) = split_line_end(old[last]);
    let text_end = if last_end.is_empty() { content_end(last) } else { line_start(old.len()) };
    let first_content = old.get(start).map_or("", |line| split_line_end(line).0);
    let (from, text) = if start > last {
        (content_end(last), format!("{last_end}{}", hunk.text))
    } else if hunk.text.is_empty() && start > 0 {
        let (_, end_before) = split_line_end(old[start - 1]);
        if end_before != last_end {
            return edit(line_start(start), text_end, "");
        }
        return edit(content_end(start - 1), content_end(last), "");
    } else if let Some(rest) = hunk.text.strip_prefix(first_content)
        && (rest.is_empty() || old[start] == first_content && rest.starts_with(['\n', '\r']))
    {
        (content_end(start), rest.to_owned())
    } else {
        (line_start(start), hunk.text.clone())
    };
    let (_, text_line_end) = split_line_end(&text);
    if !last_end.is_empty() && text_line_end == last_end {
        let kept = text.len() - last_end.len();
        return edit(from, content_end(last), &text[..kept]);
    }
    edit(from, text_end, &text)
}
