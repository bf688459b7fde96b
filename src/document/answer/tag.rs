//! Content between `<file-NONCE>` tags, the form that models are asked for.

use std::sync::LazyLock;

use regex::Regex;

use super::{Found, Rejected, Target, fence, fence::Block, pick};
use crate::document::language::{self, Kind};

/// An answer that is nothing but one tagged file, under a wrong nonce.
static ONLY_A_TAG: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?s)\A\s*<file-[\w-]*(?:\s[^>\n]*)?>\n(.*)\n</file-[\w-]*>\s*\z").expect("a literal pattern")
});

/// Finds the tagged content; `None` when there are no tags.
///
/// The last closing tag counts, because content may mention the tag but nothing sensible follows it. Several tagged
/// files that differ are rejected.
pub(super) fn tagged(answer: &str, target: &Target) -> Result<Option<Found>, Rejected> {
    let openings = openings(answer, target.nonce);
    if openings.is_empty() {
        return Ok(ONLY_A_TAG.captures(answer).map(|found| content(&found[1], true, target)));
    }
    let mut sections: Vec<(&str, bool)> = Vec::new();
    for (number, (_, start)) in openings.iter().enumerate() {
        let next = openings.get(number + 1).map(|(start, _)| *start);
        let section = &answer[*start..next.unwrap_or(answer.len())];
        match (closing(section, target.nonce), next) {
            (Some(end), _) => sections.push((&section[..end], true)),
            // An opening tag that another one follows was only talked about.
            (None, Some(_)) => {}
            (None, None) => sections.push((section, false)),
        }
    }
    sections.dedup_by(|one, other| one.0.trim() == other.0.trim());
    match sections[..] {
        [(section, closed)] => Ok(Some(content(section, closed, target))),
        _ => Err(Rejected::Ambiguous { count: sections.len() }),
    }
}

/// The answer up to a closing tag without an opening one, which some servers cut off with the prompt.
pub(super) fn before_orphan_closing<'a>(answer: &'a str, nonce: &str) -> &'a str {
    closing(answer, nonce).map_or(answer, |end| &answer[..end])
}

/// Where opening tags start and end. Tags within a line are mentions, unless there are no others.
fn openings(answer: &str, nonce: &str) -> Vec<(usize, usize)> {
    let name = format!("<file-{nonce}");
    let all: Vec<_> = answer
        .match_indices(&name)
        .filter_map(|(start, name)| {
            let rest = &answer[start + name.len()..];
            let end = rest.find(['>', '\n']).filter(|end| rest[*end..].starts_with('>'))?;
            let attributes = &rest[..end];
            (attributes.is_empty() || attributes.starts_with(' ')).then_some((start, start + name.len() + end + 1))
        })
        .collect();
    let starts_a_line = |start: usize| {
        let before = answer[..start].trim_end_matches([' ', '\t']);
        before.is_empty() || before.ends_with('\n')
    };
    let at_line_starts: Vec<_> = all.iter().copied().filter(|(start, _)| starts_a_line(*start)).collect();
    if at_line_starts.is_empty() { all.last().copied().into_iter().collect() } else { at_line_starts }
}

/// Where the last closing tag starts. Tags that end their line go before others, which are mentions.
fn closing(section: &str, nonce: &str) -> Option<usize> {
    let tag = format!("</file-{nonce}>");
    let ends_a_line = |at: usize| {
        let after = section[at + tag.len()..].trim_start_matches([' ', '\t']);
        after.is_empty() || after.starts_with('\n')
    };
    let last = section.match_indices(&tag).map(|(at, _)| at).filter(|at| ends_a_line(*at)).last();
    last.or_else(|| section.rfind(&tag))
}

/// The content without the line breaks that belong to the tags, and without a fence around all of it.
fn content(section: &str, closed: bool, target: &Target) -> Found {
    let section = match section.split_once('\n') {
        Some((first, rest)) if first.trim().is_empty() => rest,
        _ => section,
    };
    let section = section.trim_end_matches([' ', '\t']);
    match inner_fence(section, target) {
        Some(block) => Found { text: block.content, closed: closed && block.closed },
        None => Found { text: section.to_owned(), closed },
    }
}

/// The one fence that everything stands in. In a document such a fence may be content, unless it says that it is not.
fn inner_fence<'a>(section: &'a str, target: &Target) -> Option<Block<'a>> {
    let original_first = target.original.and_then(|original| original.lines().find(|line| !line.trim().is_empty()));
    if original_first.is_some_and(fence::is_fence) {
        return None;
    }
    let is_prose = language::kind(target.name) == Kind::Prose;
    let info_matches = |block: &Block| pick::is_for_language(block, target);
    let mut blocks = fence::blocks(section, false);
    if is_prose && blocks.first().is_some_and(info_matches) {
        blocks = fence::blocks(section, true);
    }
    let block = blocks.pop().filter(|_| blocks.is_empty())?;
    let lines: Vec<_> = section.lines().collect();
    let outside = lines[..block.lines.start].iter().chain(&lines[block.lines.end..]);
    let wraps_all = outside.into_iter().all(|line| line.trim().is_empty());
    (wraps_all && (!is_prose || block.info.is_empty() || info_matches(&block))).then_some(block)
}
