//! What is fuzzed, and what has to hold for every input. Inputs are text, so that a corpus can be read: parts between lines of `@@`.
//!
//! The programs in `fuzz_targets` feed these functions at random; `tests/it/fuzz.rs` feeds them the corpus in every test run.

use std::path::{Component, PathBuf};

use stepwright::document::{
    Change, Document,
    answer::{self, Extracted, Target},
    edit,
    path::{self, Decision, Facts},
    position::{Encoding, Position, Range},
    reference::Roots,
};

/// Takes an input, and panics where something doesn't hold.
pub type Fuzzed = fn(&[u8]);

/// A function for each folder of the corpus.
#[allow(dead_code, reason = "each fuzzing program uses one of the functions alone")]
pub const ALL: [(&str, Fuzzed); 4] = [("answer", answer), ("replace", replace), ("path", path), ("change", change)];

const NONCE: &str = "k7";
const ROOT: &str = "/w";

fn parts(data: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(data).split("\n@@\n").map(str::to_owned).collect()
}

/// `name @@ original @@ answer`, or without the original: the file that an answer becomes.
pub fn answer(data: &[u8]) {
    let parts = parts(data);
    let (name, original, answer) = match parts.as_slice() {
        [name, answer] => (name, None, answer),
        [name, original, answer] => (name, Some(original.as_str()), answer),
        _ => return,
    };
    let target = Target { name, original, nonce: NONCE };
    for found in [answer::file_content(answer, &target), answer::edited_content(answer, &target)] {
        found.into_iter().for_each(|found| is_content(&found, original));
    }
    if let Ok(Extracted { text, .. }) = answer::appended_text(answer, &target) {
        assert!(text.ends_with('\n') && !text.ends_with("\n\n"), "{text:?} ends with one line end");
        let joined = answer::join_pages(original.unwrap_or_default(), &text);
        assert!(joined.starts_with(original.unwrap_or_default().trim_end()), "{joined:?} keeps what was there");
    }
    let _ = answer::single_line(answer);
}

fn is_content(Extracted { text, .. }: &Extracted, original: Option<&str>) {
    assert!(!text.trim().is_empty(), "nothing is no content");
    assert!(!text.contains('\r'), "{text:?} has other line ends");
    let ends_bare = original.is_some_and(|original| !original.is_empty() && !original.ends_with(['\n', '\r']));
    assert_eq!(text.ends_with('\n'), !ends_bare, "{text:?} ends as the original does");
}

/// `original @@ answer`: what search/replace blocks make of a file.
pub fn replace(data: &[u8]) {
    let parts = parts(data);
    let [original, answer] = parts.as_slice() else { return };
    // The policy on what reads like prose or omission depends on the kind of file.
    for name in ["a.txt", "a.py", "a.json"] {
        let target = Target { name, original: Some(original), nonce: NONCE };
        let Ok(found) = answer::edited_content(answer, &target) else { continue };
        is_content(&found, Some(original));
        let known = format!("{original}\n{answer}").replace('\r', "\n");
        let known: std::collections::HashSet<&str> = known.lines().map(str::trim).collect();
        // An answer in JSON has its lines escaped.
        if answer.contains("<<<<<") {
            let invented = found.text.lines().find(|line| !known.contains(line.trim()));
            assert_eq!(invented, None, "a line that neither the file nor the answer has");
        }
    }
    let marks = answer::marks(answer::mark_length(original));
    assert!(original.lines().all(|line| marks.iter().all(|mark| line.trim() != mark)), "a mark that the file has");
}

/// A path a line: none that may be written leaves the workspace, or reaches into what is never written.
pub fn path(data: &[u8]) {
    let roots = Roots::new([PathBuf::from(ROOT)]);
    for line in String::from_utf8_lossy(data).split('\n') {
        let mut facts = Facts { roots: vec![ROOT.into()], ancestor: ROOT.into(), ..Facts::default() };
        for twin in [None, Some("a".to_owned())] {
            facts.twin = twin;
            let (Decision::Allow(place) | Decision::Confirm(place, _)) = path::decide(&roots, line, &facts) else {
                continue;
            };
            assert_eq!(facts.twin, None, "{line:?} has a twin");
            let inside =
                place.strip_prefix(ROOT).unwrap_or_else(|_| panic!("{line:?} leaves the workspace: {place:?}"));
            assert!(inside.components().count() > 0, "{line:?} is the workspace itself");
            for part in inside.components() {
                let Component::Normal(part) = part else { panic!("{line:?} has {part:?} in it") };
                let part = part.to_string_lossy();
                assert!(!part.eq_ignore_ascii_case(".git"), "{line:?} is in .git");
                assert!(!part.contains([':', '\\']) && !part.contains(char::is_control), "{line:?} has {part:?} in it");
                assert!(!part.ends_with(['.', ' ']), "{line:?} ends a part with a dot or a space");
            }
        }
    }
}

/// `text @@ l c l c` with new text below, any number of times: a buffer that changes, in each encoding.
pub fn change(data: &[u8]) {
    let parts = parts(data);
    let Some((text, changes)) = parts.split_first() else { return };
    for encoding in Encoding::ALL {
        let mut document = Document::new(text, 0, String::new());
        for (change, version) in changes.iter().zip(1..) {
            let (head, text) = change.split_once('\n').unwrap_or((change, ""));
            let numbers: Vec<u32> = head.split(' ').filter_map(|number| number.parse().ok()).collect();
            let range = match numbers[..] {
                [line, character, end_line, end_character] => {
                    Some(Range::new(Position::new(line, character), Position::new(end_line, end_character)))
                }
                _ => None,
            };
            let before = document.text();
            let (start, end) = range.map_or((0, before.len()), |range| {
                let start = document.byte_at(range.start, encoding);
                (start, document.byte_at(range.end, encoding).max(start))
            });
            let expected = format!("{}{text}{}", &before[..start], &before[end..]);
            document.apply(&Change { range, text: text.to_owned() }, version, encoding);
            assert_eq!(document.text(), expected);
            assert_eq!(document.version(), version);
            // Edits that are sent for the same change mean the same.
            let mut mirror = Document::new(&before, 0, String::new());
            for edit in edit::edits(&before, &expected, encoding).into_iter().rev() {
                mirror.apply(&Change { range: Some(edit.range), text: edit.text }, 1, encoding);
            }
            assert_eq!(mirror.text(), expected);
        }
    }
}
