//! Takes edits back: what a file becomes without them, whatever was typed since. Pure; who reads and writes the file is decided elsewhere.

use super::{format, merge::merge};

/// Both sides of an edit, exactly as the file was and became.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sides<'a> {
    /// `None`: the edit created the file.
    pub before: Option<&'a str>,
    pub after: &'a str,
}

/// What a file becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reverted {
    /// The file is what it was before, or gone.
    Already,
    Text(String),
    Delete,
    /// Lines that the edits changed were changed again: numbers in the file as it is, from 1 and inclusive.
    Conflict {
        first_line: usize,
        last_line: usize,
    },
    /// A file that the edits created isn't what they made of it any more.
    CreatedAndChanged,
}

/// Takes `edits` of one file, which were made in this order, out of its text `now`.
///
/// What nobody touched since becomes byte by byte what it was. Otherwise the lines are merged: text that came in between stays, and where it
/// overlaps with an edit nothing is taken back at all.
pub fn revert(edits: &[Sides<'_>], now: Option<&str>) -> Reverted {
    let Some(now) = now else { return Reverted::Already };
    let mut text = now.to_owned();
    for edit in edits.iter().rev() {
        match edit.before {
            Some(before) if same(&text, edit.after) => text = exactly(&text, edit.after, before),
            Some(before) if same(&text, before) => {}
            Some(before) => match without(edit.after, before, &text) {
                Ok(merged) => text = merged,
                Err(conflict) => return conflict,
            },
            None if same(&text, edit.after) || text.is_empty() => return Reverted::Delete,
            None => return Reverted::CreatedAndChanged,
        }
    }
    if text == now { Reverted::Already } else { Reverted::Text(text) }
}

/// Whether two texts are the same to a person: editors that keep lines end a file as they like, and some drop the BOM.
fn same(a: &str, b: &str) -> bool {
    a == b || format::normalize(a).trim_end_matches('\n') == format::normalize(b).trim_end_matches('\n')
}

/// The text before, in the form that the editor keeps this file in.
fn exactly(now: &str, after: &str, before: &str) -> String {
    if now == after { before.to_owned() } else { format::restore(now, &format::normalize(before)) }
}

/// The merged text, or what stands in the way.
fn without(after: &str, before: &str, now: &str) -> Result<String, Reverted> {
    let (base, theirs) = (format::normalize(after), format::normalize(before));
    let merged = merge(&base, &format::normalize(now), &theirs);
    match merged.conflicts.into_iter().next() {
        None => Ok(format::restore(now, &merged.text)),
        Some(lines) => {
            Err(Reverted::Conflict { first_line: lines.start + 1, last_line: lines.end.max(lines.start + 1) })
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(text: &str) -> Reverted {
        Reverted::Text(text.to_owned())
    }

    #[test]
    fn edits_are_taken_back() {
        let change = |before, after| Sides { before: Some(before), after };
        let created = |after| Sides { before: None, after };
        for (edits, now, expected) in [
            (vec![change("a\n", "b\n")], Some("b\n"), text("a\n")),
            (vec![change("a\n", "b\n")], Some("a\n"), Reverted::Already),
            (vec![change("a\n", "b\n")], None, Reverted::Already),
            (vec![change("\u{feff}a\r\nx\n", "\u{feff}b\r\nx\n")], Some("\u{feff}b\r\nx\n"), text("\u{feff}a\r\nx\n")),
            // An editor that shows the file without its BOM, and one that adds a line end.
            (vec![change("\u{feff}a\r\n", "\u{feff}b\r\n")], Some("b\r\n"), text("a\r\n")),
            (vec![change("a", "b")], Some("b\n"), text("a\n")),
            // Typed since, elsewhere and in the same place.
            (vec![change("a\nb\nc\n", "a\nB\nc\n")], Some("a\nB\nc\nmine\n"), text("a\nb\nc\nmine\n")),
            (
                vec![change("a\nb\nc\n", "a\nB\nc\n")],
                Some("a\nB!\nc\n"),
                Reverted::Conflict { first_line: 2, last_line: 2 },
            ),
            (vec![change("a\n", "a\nb\n"), change("a\nb\n", "a\nb\nc\n")], Some("a\nb\nc\n"), text("a\n")),
            (vec![change("a\n", "a\nb\n"), change("x\na\nb\n", "x\na\nb\nc\n")], Some("x\na\nb\nc\n"), text("x\na\n")),
            (vec![created("a\n")], Some("a\n"), Reverted::Delete),
            (vec![created("a\n")], Some(""), Reverted::Delete),
            (vec![created("a\n"), change("a\n", "a\nb\n")], Some("a\nb\n"), Reverted::Delete),
            (vec![created("a\n")], Some("a\nmine\n"), Reverted::CreatedAndChanged),
        ] {
            assert_eq!(revert(&edits, now), expected, "{edits:?} {now:?}");
        }
    }

    proptest! {
        #[test]
        fn taking_back_is_the_inverse(texts in prop::collection::vec("\u{feff}?([ab]{0,2}(\n|\r\n)){0,6}[ab]{0,2}", 2..6)) {
            let edits: Vec<_> = texts.windows(2).map(|pair| Sides { before: Some(&pair[0]), after: &pair[1] }).collect();
            let last = texts.last().expect("there are two at least");
            let expected = if *last == texts[0] { Reverted::Already } else { text(&texts[0]) };
            // Texts that are the same to a person are left as they are.
            prop_assume!(texts.windows(2).all(|pair| pair[0] == pair[1] || !same(&pair[0], &pair[1])));
            prop_assert_eq!(revert(&edits, Some(last)), expected);
        }

        #[test]
        fn no_line_of_the_user_is_lost(before in "([ab]\n){0,6}", after in "([abc]\n){0,6}", at in 0_usize..7) {
            let mut lines: Vec<&str> = after.split_inclusive('\n').collect();
            lines.insert(at.min(lines.len()), "mine\n");
            let now = lines.concat();
            if let Reverted::Text(text) = revert(&[Sides { before: Some(&before), after: &after }], Some(&now)) {
                prop_assert!(text.contains("mine\n"));
            }
        }
    }
}
