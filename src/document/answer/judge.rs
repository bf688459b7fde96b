//! What an answer reads like: a document, an introduction, a refusal, a diff, a text with parts left out.
//!
//! Every judgement spares what the original has already, and errs towards rejecting: asking again costs less than
//! a damaged file.

use std::sync::LazyLock;

use regex::Regex;

use super::{Rejected, Target, fence};
use crate::document::language::{self, Kind};

/// Longer texts that begin like a refusal are taken for content.
const REFUSAL_BYTES: usize = 800;
/// Longer lines that mention an ellipsis are taken for content.
const ELISION_BYTES: usize = 160;

fn pattern(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a literal pattern")
}

/// A pattern of English phrases: what parts their words is anything but ASCII. Unicode's classes, repeated as often as here, take ten times
/// as long to compile, and every program's first answer waits for that.
fn phrases(phrases: &str) -> Regex {
    pattern(&phrases.replace(r"\w+", "[a-z0-9_]+").replace(r"\W+", "[^a-z0-9_]+"))
}

static REFUSAL: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r"(?i)\A\W*(?:",
        r"(?:i['’]?m|i am|we['’]?re|we are)\s+(?:very |really |so |truly )?(?:sorry|afraid|unable|not able|not allowed)\b",
        r"|sorry\b|(?:i|we) apologi[sz]e|my apologies",
        r"|(?:i|we) (?:can['’]?t|cannot|can not|won['’]?t|will not|must decline|have to decline|do not feel|don['’]?t feel)\b",
        r"|unfortunately,? (?:i|we)\b|as an ai\b|as a (?:large )?language model\b)"
    ))
});

static LEAD_IN: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r"(?i)\A\W*(?:",
        r"(?:sure|certainly|of course|absolutely|okay|ok|great|understood|done|here|below|i['’]ve|i have|i['’]ll|the following)\b.*",
        r"|.*\b(?:file|document|readme|content|version|draft|chapter|page|text|markdown|result)\b[^:]{0,40}:\W*)\z"
    ))
});

/// In code, a comment that stands for what was left out.
static ELISION: LazyLock<Regex> = LazyLock::new(|| {
    let omission = format!(r"(?:{ELLIPSIS}\W*{OMITTED}|{STATEMENT})");
    phrases(&format!(r"(?i)^\s*{COMMENT}\s*{ELLIPSIS}\W*$|(?:^|\s){COMMENT}\s*{omission}"))
});
/// In a document, the same in brackets.
static DOCUMENT_ELISION: LazyLock<Regex> = LazyLock::new(|| {
    let omission = format!(r"(?:{ELLIPSIS}\W*{OMITTED}|{STATEMENT})");
    phrases(&format!(r"(?i)^\s*<!--\s*{ELLIPSIS}\W*$|^\s*[*_]*(?:<!--|\[|\(|\{{/\*)\W*{omission}"))
});
/// Anywhere, a line that begins with an ellipsis. One that touches a word spreads a value in JavaScript.
static BARE_ELISION: LazyLock<Regex> =
    LazyLock::new(|| phrases(&format!(r"(?i)^\s*[\[(*_]*\s*{ELLIPSIS}\s\W*{OMITTED}")));

/// Operators of programs, escaped as for HTML.
static ESCAPED: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\s&[lg]t;=?\s|&amp;&amp;|[-=]&gt;|\binclude &lt;|&amp;(?:str|mut|self)\b"));
static NUMBERED: LazyLock<Regex> = LazyLock::new(|| pattern(r"^\s*(\d+)\s?[:|](?:\s|$)"));
/// What an answer says to the user, where the program should have ended.
static CHATTER: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r"^(?:Note(?: that|:)|Let me know\b|I(?:['’]ve| have| kept| left| added| changed| removed) |Please (?:note|let)\b|Feel free\b",
        r"|I hope\b|Hope this\b|This (?:version|code|file|change|implementation|should) ).*[.!?:]$"
    ))
});

const COMMENT: &str = r"(?://+|#+|--|<!--|;+|\{?/\*+|%+|\(\*|REM\b|\*)";
const ELLIPSIS: &str = r"(?:\.{3}|…)";

/// What an ellipsis stands for.
const OMITTED: &str = concat!(
    r"(?:\w+\W+){0,6}?(?:existing|rest|remaining|remainder|other|previous|unchanged|omitted|same|original|unmodified|",
    r"as before|keep|continue[sd]?|truncated|snip(?:ped)?|your code|code here|more code|implementation)\b"
);

/// What says without an ellipsis that something was left out.
const STATEMENT: &str = concat!(
    r"(?:(?:the |your |\(|\[)?(?:rest|remainder|remaining)\b\W+(?:of\W+)?(?:(?:the|your|this|existing|original|previous)\W+){0,2}",
    r"(?:file|code|class|function|method|module|component|document|content|implementation|text|section|script|test|",
    r"import|style|rule|config\w*|handler|logic|line|chapter|page|it)s?\b\W*",
    r"(?:(?:\w+\W+){0,4}(?:unchanged|same|here|before|omitted|as is|untouched|stays?|remains?|continues?|follows?)\b.*)?\W*$",
    r"|(?:the |your |all )?(?:existing|previous|original|unchanged|other)\W+(?:\w+\W+){0,2}",
    r"(?:code|content|method|function|import|implementation|logic|test|line|section|field|route|style)s?\b\W*",
    r"(?:(?:\w+\W+){0,2}(?:unchanged|here|as before|omitted|remains?|stays?|unmodified|the same)\b.*|(?:\.{3}|…).*|goes here.*)",
    r"|.*\b(?:omitted|truncated|abbreviated|shortened|left out)\b\W+for (?:brevity|clarity)",
    r"|\(?(?:code |content )?unchanged\W*$)"
);

/// Whether a text begins as documents do, rather than as answers do.
pub(super) fn starts_like_a_document(answer: &str, target: &Target) -> bool {
    let mut lines = answer.lines().filter(|line| !line.trim().is_empty());
    let Some(first) = lines.next() else { return false };
    let original_first = target.original.and_then(|original| original.lines().find(|line| !line.trim().is_empty()));
    if original_first == Some(first) && !fence::is_fence(first) {
        return true;
    }
    let is_heading = first.starts_with('#') && first.trim_start_matches('#').starts_with(' ');
    let is_caption =
        first.to_lowercase().contains(&target.name.to_lowercase()) && lines.next().is_some_and(fence::is_fence);
    let begins = ["---", "+++", "<h1", "<p ", "<div", "<!--", "[![", "![", "\\documentclass", "= "];
    !is_caption && (is_heading || begins.iter().any(|begin| first.starts_with(begin)))
}

/// The refusal that an answer is, shortened; `None` when it isn't one.
pub(super) fn refusal(text: &str) -> Option<String> {
    let text = text.trim();
    let is_refusal = text.len() <= REFUSAL_BYTES && REFUSAL.is_match(text);
    is_refusal.then(|| text.lines().next().unwrap_or_default().trim().to_owned())
}

/// Whether a line introduces what follows it.
pub(super) fn is_lead_in(line: &str) -> bool {
    LEAD_IN.is_match(line.trim())
}

/// The answer without a first line that introduces it, such as "Here is the chapter:".
pub(super) fn without_lead_in<'a>(answer: &'a str, target: &Target) -> &'a str {
    match answer.trim_start().split_once("\n\n") {
        Some((first, rest))
            if !first.contains('\n') && first.ends_with(':') && is_lead_in(first) && !is_in_original(first, target) =>
        {
            rest
        }
        _ => answer,
    }
}

/// Whether what should be code begins or ends with a sentence.
pub(super) fn reads_like_prose(text: &str, target: &Target) -> bool {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let ends = [lines.next(), lines.next_back()];
    ends.into_iter().flatten().any(|line| is_sentence(line) && !is_in_original(line, target))
}

/// Whether the first line with text is a sentence.
pub(super) fn begins_with_a_sentence(text: &str) -> bool {
    text.lines().find(|line| !line.trim().is_empty()).is_some_and(is_sentence)
}

/// Refuses content that no file should get.
pub(super) fn content(text: &str, target: &Target) -> Result<(), Rejected> {
    if text.trim().is_empty() {
        return Err(Rejected::Empty);
    }
    if let Some(text) = refusal(text).filter(|_| language::kind(target.name) != Kind::Prose) {
        return Err(Rejected::Refused { text });
    }
    if is_diff(text, target) {
        return Err(Rejected::Diff);
    }
    if let Some(how) = garbled(text, target) {
        return Err(Rejected::Garbled { how });
    }
    match elision(text, target) {
        Some(line) => Err(Rejected::Elided { line: line.trim().to_owned() }),
        None => Ok(()),
    }
}

/// How a program was changed as a whole on its way into the answer. Undoing it would be guessing.
fn garbled(text: &str, target: &Target) -> Option<&'static str> {
    let kind = language::kind(target.name);
    let lines = || text.lines().filter(|line| !line.trim().is_empty());
    let first = lines().next()?;
    if kind != Kind::Prose && fence::begins(first) && !is_in_original(first, target) {
        return Some("wrapped in a code fence that can't be told from it");
    }
    let is_json = match language::language(target.name).as_deref() {
        Some("Jupyter Notebook") => first.trim_start().starts_with('{'),
        Some("JSON") => first.trim_start().starts_with(|c: char| "{[\"-/tfn".contains(c) || c.is_ascii_digit()),
        _ => true,
    };
    if !is_json && !is_in_original(first, target) {
        return Some("something that isn't JSON");
    }
    if kind != Kind::Code {
        return None;
    }
    let is_escaped = || {
        let has_original = target.original.is_some_and(|original| ESCAPED.is_match(original));
        language::is_program(target.name) && !text.contains(['<', '>']) && ESCAPED.is_match(text) && !has_original
    };
    let number = |line: &str| NUMBERED.captures(line)?[1].parse::<usize>().ok();
    if is_escaped() {
        Some("escaped as for HTML")
    } else if lines().nth(1).is_some() && lines().all(|line| line.starts_with('+')) {
        Some("marked line by line as in a diff")
    } else if lines().nth(1).is_some() && text.lines().map(number).zip(1..).all(|(number, at)| number == Some(at)) {
        Some("numbered line by line")
    } else {
        lines()
            .next_back()
            .filter(|line| CHATTER.is_match(line) && !is_in_original(line, target))
            .map(|_| "followed by a remark")
    }
}

/// The first line that stands for omitted text and isn't in the original.
fn elision<'a>(text: &'a str, target: &Target) -> Option<&'a str> {
    let kind = language::kind(target.name);
    let is_elision = |line: &str| match kind {
        Kind::Prose => DOCUMENT_ELISION.is_match(line) || BARE_ELISION.is_match(line),
        Kind::Code | Kind::Data => ELISION.is_match(line) || BARE_ELISION.is_match(line),
    };
    text.lines().find(|line| line.len() <= ELISION_BYTES && is_elision(line) && !is_in_original(line, target))
}

/// Whether the text is a diff or a patch in one of the forms that models use.
fn is_diff(text: &str, target: &Target) -> bool {
    if language::language(target.name).as_deref() == Some("Diff") {
        return false;
    }
    let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let has_header = lines.iter().zip(lines.iter().skip(1)).take(5).any(|(line, next)| {
        line.starts_with("--- ") && next.starts_with("+++ ")
            || line.starts_with("@@ -") && line.matches("@@").count() == 2
    });
    let begins = ["diff --git ", "*** Begin Patch", "@@ -"].iter().any(|begin| text.trim_start().starts_with(begin));
    let has_conflict = ["<<<<<<< ", ">>>>>>> "]
        .iter()
        .all(|mark| lines.iter().any(|line| line.starts_with(mark) && !is_in_original(line, target)));
    let is_unheaded = language::kind(target.name) == Kind::Code
        && ['+', '-'].iter().all(|mark| lines.iter().any(|line| line.starts_with(*mark)))
        && lines.iter().all(|line| line.starts_with(['+', '-', ' ']));
    has_header || begins || has_conflict || is_unheaded
}

/// Whether a line reads like a sentence in a natural language.
pub(super) fn is_sentence(line: &str) -> bool {
    let line = line.trim().trim_start_matches(['-', '*', '>', ' ']).trim_end_matches(['*', '_', ' ']);
    if line.ends_with(['。', '：', '！']) {
        return true;
    }
    let words: Vec<_> = line.split_whitespace().collect();
    let is_word = |word: &&&str| {
        word.trim_matches(|char: char| !char.is_alphanumeric())
            .chars()
            .all(|char| char.is_alphabetic() || "'’-".contains(char))
    };
    line.ends_with(['.', '!', '?', ':'])
        && line.starts_with(char::is_uppercase)
        && words.len() >= 3
        && words.iter().filter(is_word).count() * 10 >= words.len() * 7
        // COBOL's sentences are in capitals.
        && words.iter().skip(1).any(|word| word.contains(char::is_lowercase))
        && !line.contains(['{', '}', '=', ';', '<'])
}

fn is_in_original(line: &str, target: &Target) -> bool {
    target.original.is_some_and(|original| original.lines().any(|own| own.trim() == line.trim()))
}
