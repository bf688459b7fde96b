//! Prints the difference of two texts for people and for `git apply`.
//!
//! Our own printer: that of imara-diff 0.2 counts the context before the first hunk wrongly and can't say that a
//! final newline is missing.

use std::ops::Range;

use super::{LineChange, changes};

/// Unchanged lines shown around each change.
const CONTEXT_LINES: usize = 3;

/// Prints the difference as a unified diff; empty when the texts are equal. `old` is `None` for a file that is new.
pub fn unified_diff(name: &str, old: Option<&str>, new: &str) -> String {
    // Patches know LF only; a `\r` before it belongs to the line.
    let before: Vec<_> = old.unwrap_or_default().split_inclusive('\n').collect();
    let after: Vec<_> = new.split_inclusive('\n').collect();
    let changes = changes(&before, &after);
    if changes.is_empty() && old.is_some() {
        return String::new();
    }
    let mut diff = match old {
        Some(_) => format!("--- a/{name}\n+++ b/{name}\n"),
        None => format!("--- /dev/null\n+++ b/{name}\n"),
    };
    for group in changes.chunk_by(|one, next| next.before.start - one.before.end <= 2 * CONTEXT_LINES) {
        print_group(&mut diff, &before, &after, group);
    }
    diff
}

/// Prints changes that share their context, under one header.
fn print_group(diff: &mut String, before: &[&str], after: &[&str], group: &[LineChange]) {
    let (Some(first), Some(last)) = (group.first(), group.last()) else { return };
    let leading = first.before.start.min(CONTEXT_LINES);
    let trailing = (before.len() - last.before.end).min(CONTEXT_LINES);
    let old_lines = first.before.start - leading..last.before.end + trailing;
    let new_lines = first.after.start - leading..last.after.end + trailing;
    diff.push_str(&format!("@@ -{} +{} @@\n", span(&old_lines), span(&new_lines)));
    let mut at = old_lines.start;
    for change in group {
        print_lines(diff, ' ', &before[at..change.before.start]);
        print_lines(diff, '-', &before[change.before.clone()]);
        print_lines(diff, '+', &after[change.after.clone()]);
        at = change.before.end;
    }
    print_lines(diff, ' ', &before[at..old_lines.end]);
}

/// Names lines as diffs do: counted from 1, the length only when it isn't 1, the line before an empty span.
fn span(lines: &Range<usize>) -> String {
    match lines.len() {
        0 => format!("{},0", lines.start),
        1 => format!("{}", lines.start + 1),
        length => format!("{},{length}", lines.start + 1),
    }
}

fn print_lines(diff: &mut String, mark: char, lines: &[&str]) {
    for line in lines {
        diff.push(mark);
        diff.push_str(line);
        if !line.ends_with('\n') {
            diff.push_str("\n\\ No newline at end of file\n");
        }
    }
}
