//! Documents in several languages: which one a line is in. Reads lines upwards or downwards, only when somebody asks.

use super::{LineAt, is_markdown};
use crate::document::language::{fence_language, language};

/// Markup with scripts and styles inside.
const PAGES: &[&str] =
    &["html", "vue", "svelte", "astro", "php", "html+php", "blade", "marko", "riot", "htmldjango", "django-html"];
/// Further away, nothing is looked for.
const MAX_LINES: u32 = 50_000;

/// What a line is part of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Region {
    /// The document's own language.
    Whole,
    /// A part in another language; an unknown one is empty.
    Part(String),
}

pub fn of(line_at: LineAt, line: u32, id: &str, name: &str) -> Region {
    let known = language(name).unwrap_or_default().to_lowercase();
    if PAGES.contains(&id) || PAGES.contains(&known.as_str()) {
        return page(line_at, line);
    }
    if is_markdown(id, name) {
        return fence(line_at, line);
    }
    Region::Whole
}

/// By the last `<script>` or `<style>` above.
fn page(line_at: LineAt, line: u32) -> Region {
    for above in (line.saturating_sub(MAX_LINES)..line).rev() {
        let Some(text) = line_at(above) else { continue };
        let text = text.to_ascii_lowercase();
        let last = |tag: &str| text.rfind(tag);
        let opening = last("<script").max(last("<style"));
        let closing = last("</script").max(last("</style"));
        match (opening, closing) {
            (None, None) => continue,
            (opening, closing) if closing > opening => return Region::Whole,
            (Some(at), _) => return Region::Part(tag_language(&text[at..])),
            (None, Some(_)) => return Region::Whole,
        }
    }
    Region::Whole
}

/// `<script lang="ts">` → `typescript`
fn tag_language(tag: &str) -> String {
    let tag = tag.split('>').next().unwrap_or(tag);
    let named = tag.split_once("lang=").map(|(_, rest)| rest.trim_start_matches(['"', '\'']));
    let named = named.map(|rest| rest.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default());
    match named.and_then(fence_language) {
        Some(language) => language.to_lowercase(),
        None if tag.starts_with("<style") => "css".to_owned(),
        None => "javascript".to_owned(),
    }
}

/// By the fences above, of which each second one closes.
fn fence(line_at: LineAt, line: u32) -> Region {
    let mut open: Option<(char, usize, String)> = None;
    for above in line.saturating_sub(MAX_LINES)..line {
        let Some(text) = line_at(above) else { break };
        let text = text.trim();
        let Some(sign) = text.chars().next().filter(|c| matches!(c, '`' | '~')) else { continue };
        let length = text.chars().take_while(|c| *c == sign).count();
        let rest = text[length..].trim();
        match &open {
            Some((of, least, _)) if *of == sign && length >= *least && rest.is_empty() => open = None,
            Some(_) => {}
            None if length >= 3 && !rest.contains('`') => {
                let word = rest.trim_start_matches('{').split([' ', ',', '{', '}']).next().unwrap_or_default();
                open = Some((sign, length, word.to_owned()));
            }
            None => {}
        }
    }
    match open {
        Some((.., word)) => Region::Part(fence_language(&word).map(str::to_lowercase).unwrap_or_default()),
        None => Region::Whole,
    }
}
