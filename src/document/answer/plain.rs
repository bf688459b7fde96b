//! Answers as text: what every use of an answer takes off first.

use std::sync::LazyLock;

use regex::Regex;

use super::fence;
use crate::document::format::normalize;

/// A leading block of thinking, closed or not.
static THINKING: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?is)\A\s*<(think|thinking|thought|reasoning)>.*?(?:</(?:think|thinking|thought|reasoning)>|\z)")
        .expect("a literal pattern")
});

/// Where the answer proper begins, in the form of models that have channels for thinking, if the server leaves it in.
const FINAL_CHANNEL: &str = "<|channel|>final<|message|>";
/// Tokens that end an answer, if the server leaves them in.
static END_TOKENS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?:\s*<\|[a-z_]{2,20}\|>)+\s*\z").expect("a literal pattern"));

/// What wraps a short answer: quotes, code marks, emphasis.
const WRAPPERS: [char; 8] = ['`', '"', '\'', '*', '“', '”', '‘', '’'];

/// The text of an answer: without a BOM and a leading block of thinking, with LF line ends.
///
/// Thinking without an end is all there is, so nothing remains of such an answer.
pub fn plain_text(answer: &str) -> String {
    let text = normalize(answer);
    let mut rest = &*text;
    while let Some(thinking) = THINKING.find(rest) {
        rest = &rest[thinking.end()..];
    }
    rest = after_orphan_end(rest).unwrap_or(rest);
    if rest.trim_start().starts_with("<|channel|>") {
        rest = rest.find(FINAL_CHANNEL).map_or(rest, |at| &rest[at + FINAL_CHANNEL.len()..]);
    }
    rest = END_TOKENS.find(rest).map_or(rest, |tokens| &rest[..tokens.start()]);
    if rest.len() == text.len() { text.into_owned() } else { rest.trim_start_matches(['\n', ' ']).to_owned() }
}

/// The answer without the marks of a quotation, if all of it is one that begins with a fence.
pub(super) fn unquoted(answer: &str) -> Option<String> {
    let lines: Vec<_> = answer.lines().filter(|line| !line.trim().is_empty()).collect();
    let unquoted: Option<Vec<&str>> = lines.iter().map(|line| line.strip_prefix('>')).collect();
    let text: String = unquoted?.iter().flat_map(|line| [line.strip_prefix(' ').unwrap_or(line), "\n"]).collect();
    text.lines().next().is_some_and(fence::is_fence).then_some(text)
}

/// The one line that an answer consists of: a name, a path, a number. `None` when there is no text.
///
/// Small models wrap it in a sentence that ends with a colon, in a fence, or in quotes.
pub fn single_line(answer: &str) -> Option<String> {
    let text = plain_text(answer);
    let blocks = fence::blocks(&text, false);
    let within = blocks.first().map_or(text.as_str(), |block| block.content.as_str());
    let mut lines = within.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next()?;
    let line = if first.ends_with(':') { lines.next().unwrap_or(first) } else { first };
    let line = line.strip_prefix("- ").or_else(|| line.strip_prefix("* ")).unwrap_or(line);
    let bare = line.trim_matches(WRAPPERS).trim();
    (!bare.is_empty()).then(|| bare.to_owned())
}

/// What follows a `</think>` whose beginning was part of the prompt, as some chat templates have it.
///
/// Inside an open fence or tag the same line is content.
fn after_orphan_end(text: &str) -> Option<&str> {
    const END: &str = "</think>";
    let at = text.find(END)?;
    let (before, after) = (&text[..at], &text[at + END.len()..]);
    let alone = before.rsplit('\n').next().is_some_and(|line| line.trim().is_empty())
        && after.split('\n').next().is_some_and(|line| line.trim().is_empty());
    let is_inside = |opening: &str, closing: &str| {
        before.matches(opening).count() > before.matches(closing).count() && !after.contains(opening)
    };
    let open_tags = is_inside("<file-", "</file-") || is_inside("<edit-", "</edit-");
    let open_fence = fence::blocks(before, false).last().is_some_and(|block| !block.closed);
    (alone && !open_tags && !open_fence && !before.contains("<think>")).then_some(after)
}
