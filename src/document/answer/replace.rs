//! Applies search/replace blocks to a file: all of them, or none.
//!
//! Blocks don't build on one another: each is looked for in the file as it was. Of a block only the lines that it changes count, so
//! that blocks may share lines that they merely repeat.

use super::{
    Extracted, Rejected, Target,
    block::{self, BadBlock, Block, Fault},
    fence, file_content, finished, judge,
    place::{File, Place, is_blank},
    plain_text,
};
use crate::document::{edit, format::normalize};

/// Finds the new content of a file in an answer of search/replace blocks. A complete file is accepted too.
pub fn edited_content(answer: &str, target: &Target) -> Result<Extracted, Rejected> {
    let answer = plain_text(answer);
    let original = normalize(target.original.unwrap_or_default());
    let blocks = block::blocks(&answer, target)?;
    if blocks.is_empty() {
        return whole_file(&answer, target, &original);
    }
    let text = apply(&original, &blocks)?;
    judge::content(&text, target)?;
    Ok(finished(&text, Some(&original), true))
}

/// Only what is beyond doubt: where blocks were asked for, a part of a file is likelier than a file.
fn whole_file(answer: &str, target: &Target, original: &str) -> Result<Extracted, Rejected> {
    if block::has_marks(answer) {
        return Err(Rejected::Cut);
    }
    let is_wrapped = answer.contains("<file-") || fence::blocks(answer, false).iter().any(|block| block.closed);
    match file_content(answer, target) {
        Err(Rejected::Diff) => Err(Rejected::DiffForBlocks),
        Err(Rejected::Prose | Rejected::Ambiguous { .. } | Rejected::OtherLanguage { .. }) => Err(Rejected::NoBlocks),
        Err(rejected) => Err(rejected),
        Ok(found) => {
            let is_whole = found.flags.is_empty() && found.text.lines().count() * 2 >= original.lines().count();
            if is_wrapped && is_whole { Ok(found) } else { Err(Rejected::NoBlocks) }
        }
    }
}

/// The text with all blocks applied.
fn apply(original: &str, blocks: &[Block]) -> Result<String, BadBlock> {
    if is_blank(&[original]) {
        return fill(blocks);
    }
    let file = File::new(original);
    let mut hunks: Vec<Hunk> = Vec::new();
    for block in blocks.iter().filter(|block| block.search != block.replace) {
        let written = hunks_of(block, &file);
        let inner = unfenced(block).filter(|_| matches!(written, Err(Fault::NotFound(_))));
        let found = match inner.map(|inner| hunks_of(&inner, &file)) {
            Some(Ok(found)) => Ok(found),
            _ => written,
        };
        hunks.extend(found.map_err(|fault| BadBlock { number: block.number, fault })?);
    }
    hunks.sort_by_key(|hunk| (hunk.start, hunk.end));
    hunks.dedup_by(|next, hunk| next.block != hunk.block && next.does_the_same(hunk));
    for pair in hunks.windows(2) {
        let [hunk, next] = pair else { continue };
        let is_same_place = (hunk.start, hunk.end) == (next.start, next.end);
        if next.start < hunk.end || is_same_place {
            let (number, other) = (hunk.block.max(next.block), hunk.block.min(next.block));
            return Err(BadBlock { number, fault: Fault::Overlap(other) });
        }
    }
    Ok(with_hunks(&file, hunks))
}

/// An empty file has nothing to search for: a block with an empty search adds its lines.
fn fill(blocks: &[Block]) -> Result<String, BadBlock> {
    let mut text = String::new();
    for block in blocks {
        if !is_blank(&block.search) {
            return Err(BadBlock { number: block.number, fault: Fault::NotFound(None) });
        }
        block.replace.iter().for_each(|line| text.extend([line, "\n"]));
    }
    Ok(text)
}

/// Lines of the file that give way to others, or, if there are none, a place for these.
#[derive(Debug)]
struct Hunk {
    block: usize,
    start: usize,
    end: usize,
    lines: Vec<String>,
}

impl Hunk {
    fn does_the_same(&self, other: &Hunk) -> bool {
        (self.start, self.end, &self.lines) == (other.start, other.end, &other.lines)
    }
}

/// What a block changes. Lines that it repeats stay as the file has them, even if the block has them without their trailing blanks.
fn hunks_of(block: &Block, file: &File) -> Result<Vec<Hunk>, Fault> {
    let place = file.place(&block.search)?;
    let Place { start, shift } = &place;
    let changes = edit::changes(&block.search, &block.replace).into_iter();
    let hunk = |change: edit::LineChange| {
        let lines = block.replace[change.after].iter().map(|line| shift.apply(line)).collect::<Option<_>>()?;
        Some(Hunk { block: block.number, start: start + change.before.start, end: start + change.before.end, lines })
    };
    let hunks: Option<_> = changes.map(hunk).collect();
    hunks.ok_or_else(|| Fault::NotFound(Some(file.around(*start, block.search.len()))))
}

/// The block without the fences that stand around both of its parts.
fn unfenced<'a>(block: &Block<'a>) -> Option<Block<'a>> {
    let inner = |lines: &[&'a str]| match lines {
        [] => Some(Vec::new()),
        [first, inner @ .., last] if fence::is_fence(first) && fence::is_bare(last) == Some(true) => {
            Some(inner.to_vec())
        }
        _ => None,
    };
    Some(Block { number: block.number, search: inner(&block.search)?, replace: inner(&block.replace)? })
}

fn with_hunks(file: &File, hunks: Vec<Hunk>) -> String {
    let mut lines: Vec<&str> = Vec::with_capacity(file.lines.len());
    let mut at = 0;
    for hunk in &hunks {
        lines.extend(&file.lines[at..hunk.start]);
        lines.extend(hunk.lines.iter().map(String::as_str));
        at = hunk.end;
    }
    lines.extend(&file.lines[at..]);
    let mut text = lines.join("\n");
    if file.ends_with_newline && !lines.is_empty() {
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests;
