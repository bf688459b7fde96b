//! Search/replace blocks in an answer: where they are, and whether they are well-formed.
//!
//! ```text
//! <<<<<<< SEARCH
//! lines of the file
//! =======
//! the lines that take their place
//! >>>>>>> REPLACE
//! ```
//!
//! All marks of a block are equally long, so that text with marks of another length can stand in it, as with code fences. Knows
//! nothing of the file that is edited.

use std::sync::LazyLock;

use regex::Regex;
use thiserror::Error;

use super::{Rejected, Target, fence, pick};

/// The usual length of a mark; models know it from conflicts of version control.
const MARK_LENGTH: usize = 7;
/// Answers with more blocks than this are broken: nobody asks for so much at a time.
const MAX_BLOCKS: usize = 1000;

static OPENING: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i)^([ \t]*)(<{5,}) ?(?:SEARCH|ORIGINAL)\b[:>]?[ \t]*(.*)$"));
static CLOSING: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)^[ \t]*(>{5,})[ \t]*((?:REPLACE|UPDATED)\b.*)?$"));
static DIVIDER: LazyLock<Regex> = LazyLock::new(|| pattern(r"^[ \t]*(={5,})[ \t]*$"));
/// A line that is a mark, or begins like one.
static MARK: LazyLock<Regex> = LazyLock::new(|| pattern(r"^[ \t]*(<{5,}|={5,}|>{5,})"));
static TAG: LazyLock<Regex> = LazyLock::new(|| pattern(r"^[ \t]*<(/?)(?:edit|file)-[\w-]+(?:\s[^>]*)?>[ \t]*$"));

fn pattern(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a literal pattern")
}

/// Lines to look for, and lines to put in their place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Block<'a> {
    /// From 1, in the order of the answer.
    pub number: usize,
    pub search: Vec<&'a str>,
    pub replace: Vec<&'a str>,
}

/// A block that can't be applied, and so none of its answer is.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("block {number} of the answer can't be applied: {fault}")]
pub struct BadBlock {
    /// From 1, in the order of the answer.
    pub number: usize,
    pub fault: Fault,
}

/// What is wrong with a block.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Fault {
    #[error("it has no closing line of `>` with `REPLACE`")]
    Unclosed,
    #[error("it is closed, but never opened by a line of `<` with `SEARCH`")]
    Unopened,
    #[error("it has no dividing line of `=` as long as its opening one")]
    Undivided,
    #[error("it has {0} dividing lines of `=`, so that its parts can't be told apart")]
    Divided(usize),
    #[error("it is for `{0}`")]
    OtherFile(String),
    #[error("its search part is empty, which fits an empty file only")]
    EmptySearch,
    #[error("the file has no such lines{}", .0.as_ref().map(|lines| format!("; the nearest begin at line {}", lines.number)).unwrap_or_default())]
    NotFound(Option<Lines>),
    #[error("the file has such lines {0} times")]
    Repeated(usize),
    #[error("it changes the same lines as block {0}")]
    Overlap(usize),
}

impl Fault {
    /// What a model does better, as the end of a sentence to it.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Unclosed | Self::Unopened | Self::Undivided => {
                "every block has its three marks, each alone in a line"
            }
            Self::Divided(_) => "make all three marks of a block longer than any line of that kind in it",
            Self::OtherFile(_) => "give blocks for the one file that was asked for",
            Self::EmptySearch => "repeat the line beside the new ones in both parts",
            Self::NotFound(_) => "copy the lines from the file, character for character",
            Self::Repeated(_) => "take in lines around them, until they are there only once",
            Self::Overlap(_) => "give one block for both",
        }
    }
}

/// Lines of the file as they really are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lines {
    /// Of the first line, from 1.
    pub number: usize,
    pub text: String,
}

/// How long marks have to be, so that no line of a text looks like one.
pub fn mark_length(text: &str) -> usize {
    let used: Vec<_> = text.lines().filter_map(|line| Some(MARK.captures(line)?[1].len())).collect();
    (MARK_LENGTH..).find(|length| !used.contains(length)).unwrap_or(MARK_LENGTH)
}

/// The three marks of that length, in order.
pub fn marks(length: usize) -> [String; 3] {
    [format!("{} SEARCH", "<".repeat(length)), "=".repeat(length), format!("{} REPLACE", ">".repeat(length))]
}

/// Finds the blocks of an answer; none in an answer of another form. One that isn't well-formed spoils them all.
pub(super) fn blocks<'a>(answer: &'a str, target: &Target) -> Result<Vec<Block<'a>>, Rejected> {
    let lines: Vec<&str> = answer.lines().collect();
    let mut blocks: Vec<Block> = Vec::new();
    let mut ends = Ends::default();
    let (mut at, mut previous_end) = (0, 0);
    while at < lines.len() {
        let number = blocks.len() + 1;
        let Some(opening) = OPENING.captures(lines[at]) else {
            if CLOSING.captures(lines[at]).is_some_and(|closing| closing.get(2).is_some()) {
                return Err(BadBlock { number, fault: Fault::Unopened }.into());
            }
            ends.see(lines[at]);
            at += 1;
            continue;
        };
        let length = opening[2].len();
        let name = opening.get(3).map_or("", |name| name.as_str());
        if let Some(other) = other_file(name, &lines[previous_end..at], target) {
            return Err(BadBlock { number, fault: Fault::OtherFile(other) }.into());
        }
        let end = closing_line(&lines, at + 1, length)
            .ok_or_else(|| Rejected::from(BadBlock { number, fault: Fault::Unclosed }))?;
        let block = split(&lines[at + 1..end], length, &opening[1]).map_err(|fault| BadBlock { number, fault })?;
        blocks.push(Block { number, ..block });
        if blocks.len() > MAX_BLOCKS {
            return Err(Rejected::TooManyBlocks { most: MAX_BLOCKS });
        }
        at = end + 1;
        previous_end = at;
    }
    if !blocks.is_empty() && ends.is_open() {
        return Err(Rejected::Cut);
    }
    Ok(blocks)
}

/// Whether an answer tries to be one of blocks.
pub(super) fn has_marks(answer: &str) -> bool {
    answer.contains("<edit-") || answer.lines().any(|line| MARK.is_match(line) && !DIVIDER.is_match(line))
}

/// What stands around blocks and has to be closed, if the answer isn't cut off.
#[derive(Default)]
struct Ends {
    tag: Option<bool>,
    fence: bool,
}

impl Ends {
    fn see(&mut self, line: &str) {
        if let Some(tag) = TAG.captures(line) {
            self.tag = Some(tag[1].is_empty());
        } else if let Some(is_bare) = fence::is_bare(line) {
            self.fence = !(self.fence && is_bare);
        }
    }

    fn is_open(&self) -> bool {
        self.tag.unwrap_or(self.fence)
    }
}

/// The line that closes a block, unless another block begins before it.
fn closing_line(lines: &[&str], from: usize, length: usize) -> Option<usize> {
    let is_mark = |found: Option<regex::Captures>, group: usize| found.is_some_and(|mark| mark[group].len() == length);
    for (at, line) in lines.iter().enumerate().skip(from) {
        if is_mark(CLOSING.captures(line), 1) {
            return Some(at);
        }
        if is_mark(OPENING.captures(line), 2) {
            return None;
        }
    }
    None
}

fn split<'a>(lines: &[&'a str], length: usize, indent: &str) -> Result<Block<'a>, Fault> {
    let is_divider = |line: &str| DIVIDER.captures(line).is_some_and(|mark| mark[1].len() == length);
    let dividers: Vec<_> = (0..lines.len()).filter(|at| is_divider(lines[*at])).collect();
    let at = match dividers[..] {
        [] => return Err(Fault::Undivided),
        [at] => at,
        _ => return Err(Fault::Divided(dividers.len())),
    };
    // A block inside a list item is indented as a whole.
    let is_indented = lines.iter().all(|line| line.trim().is_empty() || line.starts_with(indent));
    let text = |line: &&'a str| if is_indented { line.strip_prefix(indent).unwrap_or("") } else { line };
    let search = lines[..at].iter().map(text).collect();
    Ok(Block { number: 0, search, replace: lines[at + 1..].iter().map(text).collect() })
}

/// The file that a block says it is for, in its opening line or in a line above, if that is another one.
fn other_file(name: &str, before: &[&str], target: &Target) -> Option<String> {
    let above = before.iter().rev().filter(|line| !line.trim().is_empty()).take(2).take_while({
        let mut was_fence = true;
        // The caption stands above the fence, which may have a name as well.
        move |line| std::mem::replace(&mut was_fence, fence::is_fence(line))
    });
    let words = above.flat_map(|line| match fence::is_fence(line) {
        true => line.split([' ', ':', '=', '"', '`', '~']).collect(),
        false => vec![*line],
    });
    pick::other_file(std::iter::once(name).chain(words), target)
}
