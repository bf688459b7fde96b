//! What an answer may still wrap a file's content in, once the block is found: fences, tags, JSON.
//!
//! Only what can't be the content of such a file is taken off.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::{Target, fence, pick};
use crate::document::language::{self, Kind};

/// More wrappers than models put around one another.
const MOST: usize = 4;
/// Keys that models give content in, when they answer in JSON.
const CONTENT_KEYS: [&str; 5] = ["content", "file_content", "code", "text", "new_content"];

/// A tag alone in its line, as the first line, and in the last line its end.
static WRAPPER: LazyLock<Regex> = LazyLock::new(|| {
    let names = "answer|code|content|document(?:-[\\w-]+)?|file(?:-[\\w-]+)?|output|response|result|source";
    Regex::new(&format!(r"(?is)\A\s*<({names})(?:\s[^>\n]*)?>[ \t]*\n(.*)\n[ \t]*</({names})>\s*\z"))
        .expect("a literal pattern")
});
static CDATA: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?s)\A\s*<!\[CDATA\[(.*)\]\]>\s*\z").expect("a literal pattern"));

/// The text without what is still around all of it.
pub(super) fn without(text: String, target: &Target) -> String {
    let is_unknown = language::language(target.name).is_none();
    if language::kind(target.name) == Kind::Prose {
        // Scripts have no extension either.
        let inner = fenced(&text, target).filter(|_| is_unknown && target.original.is_none());
        return inner.unwrap_or_else(|| without_fenced_front_matter(text, target));
    }
    let mut text = text;
    for _ in 0..MOST {
        let inner = fenced(&text, target).or_else(|| tagged(&text, target)).or_else(|| in_json(&text, target));
        match inner {
            Some(inner) => text = inner,
            None => break,
        }
    }
    text
}

/// The content of a fence around everything but a line that names the file.
fn fenced(text: &str, target: &Target) -> Option<String> {
    let mut blocks = fence::blocks(text, false);
    let block = blocks.pop().filter(|block| blocks.is_empty() && block.closed)?;
    let lines: Vec<_> = text.lines().collect();
    let before = lines[..block.lines.start].iter().filter(|line| !line.trim().is_empty());
    let after = &lines[block.lines.end..];
    let wraps_all = before.into_iter().all(|line| pick::only_names(line, target))
        && after.iter().all(|line| line.trim().is_empty());
    wraps_all.then_some(block.content)
}

fn tagged(text: &str, target: &Target) -> Option<String> {
    if !language::is_program(target.name) {
        return None;
    }
    if let Some(found) = CDATA.captures(text) {
        return Some(found[1].trim_start_matches('\n').to_owned());
    }
    let found = WRAPPER.captures(text)?;
    found[1].eq_ignore_ascii_case(&found[3]).then(|| format!("{}\n", &found[2]))
}

/// The text in an object such as `{"file_name": …, "content": …}`.
fn in_json(text: &str, target: &Target) -> Option<String> {
    if !language::is_program(target.name) || !text.trim_start().starts_with('{') {
        return None;
    }
    let Value::Object(object) = serde_json::from_str(text).ok()? else { return None };
    let content = CONTENT_KEYS.iter().find_map(|key| object.get(*key)?.as_str())?;
    Some(content.replace("\r\n", "\n"))
}

/// Front matter that was put into a fence of its own, before the rest of the document.
fn without_fenced_front_matter(text: String, target: &Target) -> String {
    let begins_with_fence = |text: &str| text.lines().find(|line| !line.trim().is_empty()).is_some_and(fence::is_fence);
    if !begins_with_fence(&text) || target.original.is_some_and(begins_with_fence) {
        return text;
    }
    let blocks = fence::blocks(&text, false);
    let Some(first) = blocks.first().filter(|block| block.closed) else { return text };
    let matter = first.content.trim();
    let is_matter = ["yaml", "yml", "toml"].contains(&first.word())
        && ["---", "+++"].iter().any(|mark| {
            let inner = matter.strip_prefix(mark).and_then(|rest| rest.strip_suffix(mark));
            inner.is_some_and(|inner| inner.starts_with('\n') && inner.ends_with('\n'))
        });
    if !is_matter {
        return text;
    }
    let rest: String = text.lines().skip(first.lines.end).flat_map(|line| [line, "\n"]).collect();
    format!("{matter}\n{rest}")
}
