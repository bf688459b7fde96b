//! Pages of one file that were written one after the other.

/// An overlap shorter than this is a coincidence, unless it is whole lines.
const OVERLAP_BYTES: usize = 20;
/// Whole lines shorter than this are a coincidence too: `}`, `---`, `Amen.`
const OVERLAP_LINE_BYTES: usize = 8;
/// No model repeats more of the previous page than this.
const OVERLAP_MOST_BYTES: usize = 4096;

/// Adds a page: one blank line between, one newline at the end, without what the page repeats of the existing text.
pub fn join_pages(existing: &str, new: &str) -> String {
    let existing = existing.trim_end();
    let new = new.trim_matches('\n').trim_end();
    let new = new[overlap(existing, new)..].trim_start_matches([' ', '\n']);
    match (existing.is_empty(), new.is_empty()) {
        (true, true) => String::new(),
        (true, false) => format!("{new}\n"),
        (false, true) => format!("{existing}\n"),
        (false, false) => format!("{existing}\n\n{new}\n"),
    }
}

/// The length of the longest beginning of `new` that `existing` ends with, if it is no coincidence.
fn overlap(existing: &str, new: &str) -> usize {
    let longest = existing.len().min(new.len()).min(OVERLAP_MOST_BYTES);
    let is_overlap = |length: &usize| {
        if !new.get(..*length).is_some_and(|repeated| existing.ends_with(repeated)) {
            return false;
        }
        let before = existing[..existing.len() - length].chars().next_back();
        let after = new[*length..].chars().next();
        let is_whole_lines = before.is_none_or(|char| char == '\n') && after.is_none_or(|char| char == '\n');
        let is_whole_words = !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric);
        let least = if is_whole_lines { OVERLAP_LINE_BYTES } else { OVERLAP_BYTES };
        *length >= least && is_whole_words
    };
    (1..=longest).rev().find(is_overlap).unwrap_or(0)
}
