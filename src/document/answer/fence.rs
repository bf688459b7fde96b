//! Code fences as CommonMark defines them (0.31, section 4.5), and as models nest them although it doesn't.
//!
//! Knows where blocks are, not which one is meant.

use std::ops::Range;

use super::judge;
use crate::document::language;

/// How much further than its opening a fence may be indented; beyond, it is content.
const INDENT_SPACES: usize = 3;
/// Among so many first blocks one is looked for that holds a document: each look reads the whole rest.
const DOCUMENT_BLOCKS: usize = 8;

/// A fenced block at the top level of an answer.
#[derive(Debug)]
pub(super) struct Block<'a> {
    /// What stands behind the opening fence.
    pub info: &'a str,
    pub content: String,
    /// The line above, if it stands close.
    pub above: Option<&'a str>,
    /// Whether a fence ends the block, beyond doubt.
    pub closed: bool,
    /// What follows looks as if the fence that ends the block were a part of it.
    pub goes_on: bool,
    /// The lines of the answer that the block takes, with its fences.
    pub lines: Range<usize>,
}

impl Block<'_> {
    /// The first word of the info string, without attributes: `js` in `js:src/a.js`, `{.js}` and `js title="a.js"`.
    pub fn word(&self) -> &str {
        let word = self.info.trim_start_matches(['{', '.']);
        word.split([' ', ':', ',', '{', '}', '\t']).next().unwrap_or_default()
    }

    /// Whether what stands behind the opening fence looks like a first line of the content, rather than like attributes.
    pub fn begins_in_info(&self) -> bool {
        let attributes = self.info.strip_prefix(self.word()).unwrap_or_default();
        let mut quoted = false;
        let bare: String = attributes
            .chars()
            .filter(|c| {
                quoted ^= *c == '"';
                !quoted
            })
            .collect();
        bare.contains(" = ") || bare.contains(['(', ';'])
    }
}

/// A line that opens or closes a block.
#[derive(Clone, Copy)]
struct Fence<'a> {
    indent: usize,
    mark: char,
    run: usize,
    info: &'a str,
}

/// Whether a line is a fence.
pub(super) fn is_fence(line: &str) -> bool {
    parse(line).is_some()
}

/// Whether a line begins with the mark of a fence, whatever comes then.
pub(super) fn begins(line: &str) -> bool {
    ["```", "~~~"].iter().any(|mark| line.trim_start().starts_with(mark))
}

/// Whether a fence has nothing behind it; `None` for a line that is no fence.
pub(super) fn is_bare(line: &str) -> Option<bool> {
    parse(line).map(|fence| fence.info.is_empty())
}

/// Finds the blocks of a text. For a document, a block in Markdown or without a language may hold blocks itself.
pub(super) fn blocks(text: &str, for_document: bool) -> Vec<Block<'_>> {
    let lines: Vec<_> = text.lines().collect();
    let mut blocks = Vec::new();
    let mut at = 0;
    let mut previous_end = 0;
    while at < lines.len() {
        let Some(fence) = parse(lines[at]) else {
            at += 1;
            continue;
        };
        let (end, closed) = end_of_block(&lines, at, fence, for_document && blocks.len() < DOCUMENT_BLOCKS);
        let after = if end < lines.len() { end + 1 } else { end };
        let indent = &lines[at][..fence.indent];
        let mut content: String =
            lines[at + 1..end].iter().flat_map(|line| [without_indent(line, indent), "\n"]).collect();
        let glued = if closed { None } else { without_glued_fence(&content, fence) };
        let closed = closed || glued.is_some();
        content = glued.unwrap_or(content);
        let above = lines[previous_end..at].iter().rev().take(2).find(|line| !line.trim().is_empty()).copied();
        blocks.push(Block { info: fence.info, content, above, closed, goes_on: false, lines: at..after });
        (at, previous_end) = (after, after);
    }
    for number in 1..blocks.len() {
        let gap = &lines[blocks[number - 1].lines.end..blocks[number].lines.start];
        blocks[number - 1].goes_on = blocks[number].info.is_empty() && is_no_prose(gap);
    }
    blocks
}

/// Whether lines between two blocks are tied to both, and say nothing about either.
fn is_no_prose(gap: &[&str]) -> bool {
    let (Some(first), Some(last)) = (gap.first(), gap.last()) else { return false };
    let is_blank = |line: &str| line.trim().is_empty();
    !is_blank(first)
        && !is_blank(last)
        && !last.trim_end().ends_with(':')
        && !judge::is_sentence(first)
        && !judge::is_lead_in(first)
}

/// Finds the line that ends a block, or the end of the text, and whether that is certain.
fn end_of_block(lines: &[&str], opening: usize, fence: Fence, for_document: bool) -> (usize, bool) {
    let inner = || {
        let fences = lines.iter().enumerate().skip(opening + 1).filter_map(|(at, line)| Some((at, parse(line)?)));
        fences.filter(|(_, inner)| {
            inner.mark == fence.mark && inner.run >= fence.run && inner.indent <= fence.indent + INDENT_SPACES
        })
    };
    // Fences with an info string open, bare ones close: how models nest blocks of equal runs.
    let mut open_runs = vec![fence.run];
    let balanced = inner().find_map(|(at, inner)| {
        if !inner.info.is_empty() {
            open_runs.push(inner.run);
        } else if open_runs.last().is_some_and(|run| inner.run >= *run) {
            open_runs.pop();
        }
        open_runs.is_empty().then_some(at)
    });
    let holds_a_document = for_document && fence.mark == '`' && fence.run == 3 && is_document_info(fence.info);
    if let Some(at) = balanced
        && (!holds_a_document || only_blocks_of_their_own(inner().filter(|(line, _)| *line > at)))
    {
        return (at, true);
    }
    let Some(last_bare) = inner().filter(|(_, inner)| inner.info.is_empty()).map(|(at, _)| at).next_back() else {
        return (lines.len(), false);
    };
    match balanced {
        Some(_) => (last_bare, true),
        // Either the block isn't closed, or one inside isn't: what follows the last bare fence decides.
        None => {
            let rest = lines[last_bare + 1..].join("\n");
            let ends_there =
                if rest.trim().is_empty() { !holds_a_document } else { judge::begins_with_a_sentence(&rest) };
            if ends_there { (last_bare, false) } else { (lines.len(), false) }
        }
    }
}

/// Whether fences are pairs of one with an info string and a bare one: complete blocks, after the one in question.
fn only_blocks_of_their_own<'a>(fences: impl Iterator<Item = (usize, Fence<'a>)>) -> bool {
    let bare: Vec<_> = fences.map(|(_, fence)| fence.info.is_empty()).collect();
    bare.len().is_multiple_of(2) && bare.iter().enumerate().all(|(at, bare)| *bare == (at % 2 == 1))
}

fn is_document_info(info: &str) -> bool {
    let word = info.split_whitespace().next().unwrap_or_default();
    word.is_empty()
        || language::fence_language(word).is_some_and(|language| language == "Markdown" || language == "MDX")
}

fn parse(line: &str) -> Option<Fence<'_>> {
    let fence = line.trim_start_matches([' ', '\t']);
    let mark = fence.chars().next().filter(|mark| ['`', '~'].contains(mark))?;
    let info = fence.trim_start_matches(mark);
    let run = fence.len() - info.len();
    let is_inline_code = mark == '`' && info.contains('`');
    (run >= 3 && !is_inline_code).then(|| Fence { indent: line.len() - fence.len(), mark, run, info: info.trim() })
}

/// The line without as much of the fence's own indent as it has.
fn without_indent<'a>(line: &'a str, indent: &str) -> &'a str {
    let same = line.bytes().zip(indent.bytes()).take_while(|(one, other)| one == other).count();
    &line[same..]
}

/// The content of a block whose last line has the closing fence at its end, or is the opening fence once more.
fn without_glued_fence(content: &str, fence: Fence) -> Option<String> {
    let content = content.trim_end();
    let (start, last) = content.rfind('\n').map_or((0, content), |at| (at + 1, &content[at + 1..]));
    if parse(last).is_some_and(|last| last.run == fence.run && last.info == fence.info && !fence.info.is_empty()) {
        return Some(content[..start].to_owned());
    }
    let mark = fence.mark.to_string().repeat(fence.run);
    let rest = last.strip_suffix(&mark).filter(|rest| !rest.trim().is_empty() && !rest.contains(fence.mark))?;
    Some(format!("{}{rest}\n", &content[..start]))
}
