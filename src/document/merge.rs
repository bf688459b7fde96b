//! Three-way merge by lines: what a run made and what the user typed meanwhile, both made from the same text.
//! Changes of different lines are joined; where both changed the same lines, both are kept and marked. Nothing is ever dropped.

use std::ops::Range;

use super::{
    edit::{LineChange, changes},
    format::lines,
};

/// The line that ends a place where both sides are kept.
pub const CONFLICT_END: &str = ">>>>>>> stepwright";

/// Two texts made one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merged {
    pub text: String,
    /// Where both sides are in the text, between markers: the lines of `ours` that are concerned, from 0.
    pub conflicts: Vec<Range<usize>>,
}

/// The changes of one side, and how far its lines have moved against the base.
struct Side<'a> {
    lines: Vec<&'a str>,
    changes: Vec<LineChange>,
    next: usize,
    moved: isize,
}

/// Merges `theirs` into `ours`; both come from `base`. All have the same line ends.
pub fn merge(base: &str, ours: &str, theirs: &str) -> Merged {
    let base = lines(base);
    let (mut ours, mut theirs) = (Side::new(&base, ours), Side::new(&base, theirs));
    let mut merged = Merged { text: String::new(), conflicts: Vec::new() };
    let mut at = 0;
    while let Some(first) =
        [ours.peek(), theirs.peek()].into_iter().flatten().min_by_key(|change| (change.start, change.end))
    {
        let (from, mut to) = (first.start, first.end);
        merged.text.push_str(&base[at..from].concat());
        let (moved_ours, moved_theirs) = (ours.moved, theirs.moved);
        let (mut by_ours, mut by_theirs) = (false, false);
        loop {
            let mine = ours.take(from, &mut to, !by_ours && !by_theirs);
            by_ours |= mine;
            let other = theirs.take(from, &mut to, !by_ours && !by_theirs);
            by_theirs |= other;
            if !mine && !other {
                break;
            }
        }
        let (mine, other) = (ours.part(from, to, moved_ours), theirs.part(from, to, moved_theirs));
        match (by_ours, by_theirs) {
            (true, true) if mine != other => {
                let start = from.saturating_add_signed(moved_ours);
                merged.conflicts.push(start..to.saturating_add_signed(ours.moved));
                merged.text.push_str(&both(&mine, &other));
            }
            (true, _) => merged.text.push_str(&mine),
            _ => merged.text.push_str(&other),
        }
        at = to;
    }
    merged.text.push_str(&base[at..].concat());
    merged
}

impl<'a> Side<'a> {
    fn new(base: &[&str], text: &'a str) -> Self {
        let lines = lines(text);
        let changes = changes(base, &lines);
        Self { lines, changes, next: 0, moved: 0 }
    }

    /// The base's lines that the next change is about.
    fn peek(&self) -> Option<Range<usize>> {
        self.changes.get(self.next).map(|change| change.before.clone())
    }

    /// Takes the next change if it belongs to the group of base lines, which it then widens. The first of a group belongs to it.
    fn take(&mut self, from: usize, to: &mut usize, is_first: bool) -> bool {
        let Some(change) = self.changes.get(self.next) else { return false };
        let before = &change.before;
        let same_place = from == *to && before.is_empty() && before.start == from;
        let starts_it = is_first && before.start == from && before.end == *to;
        if !(starts_it || same_place || before.start < *to && from < before.end) {
            return false;
        }
        *to = before.end.max(*to);
        self.moved += change.after.len() as isize - before.len() as isize;
        self.next += 1;
        true
    }

    /// This side's lines for a range of the base, at whose start it had moved by `moved`.
    fn part(&self, from: usize, to: usize, moved: isize) -> String {
        self.lines[from.saturating_add_signed(moved)..to.saturating_add_signed(self.moved)].concat()
    }
}

/// Both sides, marked as editors and version control mark them.
fn both(ours: &str, theirs: &str) -> String {
    let end = |text: &str| if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    format!("<<<<<<< yours\n{ours}{}=======\n{theirs}{}{CONFLICT_END}\n", end(ours), end(theirs))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn changes_of_different_lines_are_joined() {
        for (base, ours, theirs, expected) in [
            ("", "", "", ""),
            ("a\nb\nc\n", "a\nb\nc\n", "a\nB\nc\n", "a\nB\nc\n"),
            ("a\nb\nc\n", "A\nb\nc\n", "a\nb\nC\n", "A\nb\nC\n"),
            ("a\nb\nc\n", "a\nb\nc\nmine\n", "a\n\"doc\"\nb\nc\n", "a\n\"doc\"\nb\nc\nmine\n"),
            ("a\nb\nc\n", "A\nb\nc\n", "A\nb\nc\n", "A\nb\nc\n"),
            ("a\nb\nc\n", "b\nc\n", "a\nb\n", "b\n"),
            // Beside each other, in the order of the lines.
            ("a\nb\n", "A\nb\n", "a\nB\n", "A\nB\n"),
            ("a\nb\n", "a\nmine\nb\n", "A\nb\n", "A\nmine\nb\n"),
            ("a\nb\n", "a\nmine\nb\n", "a\nB\n", "a\nmine\nB\n"),
        ] {
            assert_eq!(
                merge(base, ours, theirs),
                Merged { text: expected.to_owned(), conflicts: Vec::new() },
                "{base:?} {ours:?} {theirs:?}"
            );
        }
    }

    #[test]
    fn changes_of_the_same_lines_are_both_kept() {
        for (base, ours, theirs, lines, expected) in [
            ("a\nb\n", "x\nb\n", "y\nb\n", 0..1, "<<<<<<< yours\nx\n=======\ny\n>>>>>>> stepwright\nb\n"),
            ("a\n", "a\nx\n", "a\ny\n", 1..2, "a\n<<<<<<< yours\nx\n=======\ny\n>>>>>>> stepwright\n"),
            ("a\nb\nc\n", "x\nc\n", "a\ny\n", 0..2, "<<<<<<< yours\nx\nc\n=======\na\ny\n>>>>>>> stepwright\n"),
            ("a", "x", "y", 0..1, "<<<<<<< yours\nx\n=======\ny\n>>>>>>> stepwright\n"),
        ] {
            assert_eq!(
                merge(base, ours, theirs),
                Merged { text: expected.to_owned(), conflicts: vec![lines] },
                "{base:?} {ours:?} {theirs:?}"
            );
        }
    }

    /// An edit: which lines go, and before which a marked one is put.
    fn edit() -> impl Strategy<Value = Vec<(bool, u8)>> {
        prop::collection::vec((any::<bool>(), 0..6_u8), 12)
    }

    fn apply(base: &[String], edit: &[(bool, u8)], mark: &str) -> String {
        let mut out = String::new();
        for (i, line) in base.iter().enumerate() {
            let (dropped, inserted) = edit[i % edit.len()];
            if inserted == 0 {
                out.push_str(&format!("{mark} {i}\n"));
            }
            if !(dropped && inserted == 1) {
                out.push_str(line);
            }
        }
        out
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]
        #[test]
        fn no_line_of_the_user_is_lost(words in prop::collection::vec(0..4_u8, 0..12), mine in edit(), other in edit()) {
            let base: Vec<String> = words.iter().map(|word| format!("line {word}\n")).collect();
            let (ours, theirs) = (apply(&base, &mine, "mine"), apply(&base, &other, "other"));
            let merged = merge(&base.concat(), &ours, &theirs);
            let canaries = |text: &str, mark: &str| text.lines().filter(|line| line.starts_with(mark)).map(str::to_owned).collect::<Vec<_>>();
            prop_assert_eq!(canaries(&merged.text, "mine"), canaries(&ours, "mine"));
            prop_assert_eq!(canaries(&merged.text, "other"), canaries(&theirs, "other"));
            prop_assert_eq!(merge(&base.concat(), &base.concat(), &theirs).text, theirs.clone());
            prop_assert_eq!(merge(&base.concat(), &ours, &base.concat()).text, ours.clone());
            prop_assert_eq!(merge(&base.concat(), &ours, &ours).text, ours);
        }
    }
}
