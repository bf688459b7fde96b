//! Content between `<file-NONCE>` tags, the form that models are asked for.

use std::sync::LazyLock;

use regex::Regex;

use super::{Found, Rejected, Target, fence, fence::Block, judge, pick};
use crate::document::language::{self, Kind};

/// A file between tags of another run, or without a nonce, or of the document that was sent.
static OTHER_TAG: LazyLock<Regex> = LazyLock::new(|| {
    let names = r"file(?:-[\w-]+)?|document-[\w-]+";
    Regex::new(&format!(r"(?ims)^[ \t]*<({names})(?:\s[^>\n]*)?>[ \t]*\n(.*)\n[ \t]*</({names})>[ \t]*$"))
        .expect("a literal pattern")
});
/// A closing tag with a slip, or cut off.
static OTHER_CLOSING: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?i)\n[ \t]*</(?:f|fi|fil|file|file-[\w-]*)?(>?)\s*\z").expect("a literal pattern"));
/// Which file an opening tag says it is.
static NAME: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(?i)\b(?:path|name|file|filename|file_name)\s*=\s*["']?([^"'>]+)"#).expect("a literal pattern")
});

/// Finds the tagged content; `None` when there are no tags.
///
/// The last closing tag counts, because content may mention the tag but nothing sensible follows it. Several tagged
/// files that differ are rejected.
pub(super) fn tagged(answer: &str, target: &Target) -> Result<Option<Found>, Rejected> {
    let openings = openings(answer, target.nonce);
    if openings.is_empty() {
        return Ok(other_tag(answer, target).map(|text| content(text, true, target)));
    }
    let mut sections: Vec<(&str, bool)> = Vec::new();
    let mut other = None;
    for (number, (opening, start)) in openings.iter().enumerate() {
        let next = openings.get(number + 1).map(|(start, _)| *start);
        let section = &answer[*start..next.unwrap_or(answer.len())];
        let name = NAME.captures(&answer[*opening..*start]).map(|found| found[1].trim().to_owned());
        let is_others = name.as_ref().is_some_and(|name| !pick::is_name(name, target));
        match (closing(section, target.nonce), next) {
            (Some(_), _) if is_others => other = name,
            (Some(end), _) => sections.push((&section[..end], true)),
            // An opening tag that another one follows was only talked about.
            (None, Some(_)) => {}
            (None, None) => sections.push(before_other_closing(section)),
        }
    }
    if let Some(name) = other.filter(|_| sections.is_empty()) {
        return Err(Rejected::OtherFile { name });
    }
    sections.dedup_by(|one, other| one.0.trim() == other.0.trim());
    match sections[..] {
        [(section, closed)] => Ok(Some(content(section, closed, target))),
        _ => Err(Rejected::Ambiguous { count: sections.len() }),
    }
}

/// What stands between tags that weren't asked for. In markup and data such tags may be content.
fn other_tag<'a>(answer: &'a str, target: &Target) -> Option<&'a str> {
    let found = OTHER_TAG.captures(answer)?;
    let (name, text) = (&found[1], found.get(2)?.as_str());
    let is_document = name.to_lowercase().starts_with("document-");
    let (start, end) = found.get(0).map(|all| (all.start(), all.end()))?;
    let is_wrapped = answer[..start].trim().is_empty() && answer[end..].trim().is_empty();
    // After code, tags are content.
    let mut before = answer[..start].lines().filter(|line| !line.trim().is_empty());
    let is_introduced = before.all(|line| judge::is_lead_in(line) || judge::is_sentence(line));
    let is_meant = match language::kind(target.name) {
        _ if is_document => name.ends_with(target.nonce) && (is_wrapped || is_introduced),
        Kind::Prose => is_wrapped,
        Kind::Code if language::is_program(target.name) => is_introduced,
        Kind::Code | Kind::Data => is_wrapped && name.contains('-'),
    };
    let is_in_original = target.original.is_some_and(|original| original.contains(&format!("<{name}")));
    (is_meant && !is_in_original && name.eq_ignore_ascii_case(&found[3])).then_some(text)
}

/// A section without the right closing tag: up to a closing tag with a slip, which may be cut off.
fn before_other_closing(section: &str) -> (&str, bool) {
    match OTHER_CLOSING.captures(section) {
        Some(found) => (&section[..section.len() - found[0].len() + 1], !found[1].is_empty()),
        None => (section, false),
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
