//! Which of an answer's blocks is the file: the one that is named so, else the one in its language.

use std::{collections::HashSet, sync::LazyLock};

use regex::Regex;

use super::{Rejected, Target, fence::Block, judge};
use crate::document::language::{self, Kind};

/// A line above a block that is longer than this isn't a caption.
const CAPTION_BYTES: usize = 120;
/// Languages in which answers show what to type, not what to save.
const COMMANDS: [&str; 4] = ["Shell", "ShellSession", "Batchfile", "PowerShell"];

const DIFF: &str = "Diff";
/// How many lines an introduction may take before the block that it introduces.
const LEAD_IN_LINES: usize = 4;

/// A line that is one comment, or plain, with the text in it.
static NAME_LINE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?i)^\s*(//+|#+|--|<!--|;+|/\*+|%+|\(\*|'|REM\s)?\s*(?:(?:file|filename|filepath|path)\s*:\s*)?",
        r"(.*?)\s*(?:-->|\*+/|\*\))?\s*$"
    ))
    .expect("a literal pattern")
});

/// How well a block fits, the better the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    OtherLanguage,
    Unknown,
    Language,
}

/// Picks the block that is the file's content; `None` when no block is meant to be, as in a document with examples.
pub(super) fn block<'a, 'b>(blocks: &'a [Block<'b>], target: &Target) -> Result<Option<&'a Block<'b>>, Rejected> {
    let scored =
        blocks.iter().filter(|block| !block.content.trim().is_empty()).map(|block| (score(block, target), block));
    let Some(best) = scored.clone().map(|(score, _)| score).max() else {
        return if blocks.is_empty() { Ok(None) } else { Err(Rejected::Empty) };
    };
    let mut best_blocks: Vec<_> = scored.filter(|(score, _)| *score == best).map(|(_, block)| block).collect();

    let (named, fit) = best;
    if !named && language::kind(target.name) == Kind::Prose {
        // Examples belong to the document. A block without a language is the document only behind an introduction.
        match fit {
            Fit::Language => {}
            Fit::Unknown if is_introduced(best_blocks[0], blocks) => best_blocks.truncate(1),
            _ => return Ok(None),
        }
    }
    if !named && fit == Fit::OtherLanguage {
        reject_other_language(best_blocks[0], blocks.len(), target)?;
    }

    if !named {
        let other = best_blocks.iter().find_map(|block| other_file(captions(block), target));
        best_blocks.retain(|block| other_file(captions(block), target).is_none());
        if let Some(name) = other.filter(|_| best_blocks.is_empty()) {
            return Err(Rejected::OtherFile { name });
        }
    }
    if best_blocks.iter().any(|block| block.begins_in_info()) {
        return Err(Rejected::Garbled { how: "begun in the line that opens its block" });
    }

    if language::kind(target.name) != Kind::Prose && best_blocks.iter().any(|block| block.goes_on) {
        return Err(Rejected::Garbled { how: "cut short by a code fence in it" });
    }

    let mut seen = HashSet::new();
    best_blocks.retain(|block| seen.insert(block.content.trim()));
    best_blocks.sort_by_key(|block| block.content.len());
    match best_blocks[..] {
        [.., second, largest] if second.content.len() * 2 >= largest.content.len() => {
            Err(Rejected::Ambiguous { count: best_blocks.len() })
        }
        _ => Ok(best_blocks.last().copied()),
    }
}

/// Whether a line says nothing but the target's name, as a comment or plain.
pub(super) fn only_names(line: &str, target: &Target) -> bool {
    if line.len() > target.name.len() + CAPTION_BYTES {
        return false;
    }
    // In a document, `#` makes a title of the name.
    if language::kind(target.name) == Kind::Prose && line.trim_start().starts_with('#') {
        return false;
    }
    let Some(found) = NAME_LINE.captures(line) else { return false };
    let is_plain = found.get(1).is_none();
    // Without a comment's mark, a name such as `LICENSE` may well be a title.
    is_name(&found[2], target) && (!is_plain || found[2].contains('.'))
}

/// The path of another file that one of these captions is, with nothing else in it but decoration.
pub(super) fn other_file<'a>(captions: impl IntoIterator<Item = &'a str>, target: &Target) -> Option<String> {
    let is_decoration = |c: char| c.is_whitespace() || "`*#\"':()[]".contains(c);
    let mut names = captions.into_iter().map(|caption| {
        let name = caption.trim_matches(is_decoration);
        name.strip_prefix("File:").unwrap_or(name).trim_matches(is_decoration)
    });
    let is_path = |name: &&str| {
        let base = name.rsplit('/').next().unwrap_or_default();
        base.contains('.') && !name.contains(char::is_whitespace) && language::language(name).is_some()
    };
    names.find(|name| is_path(name) && !is_name(name, target)).map(str::to_owned)
}

/// Drops a first line that is the language's name, as pages show it above a block.
pub(super) fn without_language_line<'a>(answer: &'a str, target: &Target) -> &'a str {
    let Some((first, rest)) = answer.trim_start().split_once('\n') else { return answer };
    let is_word = first.trim().chars().all(|c| c.is_ascii_alphabetic());
    let named = Some(first.trim()).filter(|word| is_word && !word.is_empty()).and_then(language::fence_language);
    let is_its =
        named.is_some_and(|language| !COMMANDS.contains(&language) && language::is_in_language(target.name, language));
    let is_in_original = target.original.is_some_and(|original| original.lines().any(|line| line == first));
    if is_its && language::is_program(target.name) && !is_in_original { rest } else { answer }
}

/// Where a block may say which file it is.
fn captions<'a>(block: &Block<'a>) -> Vec<&'a str> {
    let words = block.info.split([' ', ':', '=', '"', '{', '}']);
    block.above.into_iter().chain(words).collect()
}

/// Whether a block says that it is in the target's language, or for a document in that of another document.
pub(super) fn is_for_language(block: &Block, target: &Target) -> bool {
    language_of(block).is_some() && fit(block, target) != Fit::OtherLanguage
}

/// Named for the target or not, then by language. Diffs and commands name a file that they aren't.
fn score(block: &Block, target: &Target) -> (bool, Fit) {
    let fit = fit(block, target);
    let is_about_a_file = fit == Fit::OtherLanguage
        && language_of(block).is_some_and(|language| language == DIFF || COMMANDS.contains(&language));
    (!is_about_a_file && is_named(block, target), fit)
}

fn fit(block: &Block, target: &Target) -> Fit {
    match language_of(block) {
        None => Fit::Unknown,
        Some(language) if language::is_in_language(target.name, language) => Fit::Language,
        // Models write Markdown into any document, and say so.
        Some(language) if language::kind(target.name) == Kind::Prose && language::is_prose(language) => Fit::Unknown,
        Some(_) => Fit::OtherLanguage,
    }
}

fn is_named(block: &Block, target: &Target) -> bool {
    let caption = block.above.filter(|line| line.len() <= CAPTION_BYTES);
    let first_line = block.content.lines().next().unwrap_or_default();
    caption.is_some_and(|line| mentions(line, target)) || mentions(block.info, target) || only_names(first_line, target)
}

fn mentions(line: &str, target: &Target) -> bool {
    line.split([' ', '\t', '=', ':', ',', '`', '"', '\'', '*', '(', ')', '[', ']', '{', '}'])
        .any(|word| is_name(word.trim_end_matches(['.', '!', '?']), target))
}

/// Whether a word is the target's path, its end, or the path below a root that the model knows.
pub(super) fn is_name(word: &str, target: &Target) -> bool {
    let word = word.trim_matches(['`', '*', '"', '\'']).trim_start_matches("./");
    let ends_with =
        |path: &str, end: &str| path.strip_suffix(end).is_some_and(|rest| rest.is_empty() || rest.ends_with('/'));
    !word.is_empty() && (ends_with(target.name, word) || ends_with(word, target.name))
}

/// The language that a block names; none for a word that nobody knows.
fn language_of(block: &Block) -> Option<&'static str> {
    language::fence_language(block.word())
}

/// Whether a block opens the answer, or follows a line that introduces it.
fn is_introduced(block: &Block, blocks: &[Block]) -> bool {
    let opens = blocks.first().is_some_and(|first| first.lines == block.lines) && block.lines.start <= LEAD_IN_LINES;
    opens && block.above.is_none_or(judge::is_lead_in)
}

/// A lone block in another language may still be the file, unless it is a diff or something to type.
fn reject_other_language(block: &Block, blocks: usize, target: &Target) -> Result<(), Rejected> {
    let language = language_of(block).unwrap_or_default();
    let is_known = language::language(target.name).is_some();
    match language {
        DIFF => Err(Rejected::Diff),
        _ if blocks == 1 && !(is_known && COMMANDS.contains(&language)) => Ok(()),
        _ => Err(Rejected::OtherLanguage { language: language.to_owned() }),
    }
}
