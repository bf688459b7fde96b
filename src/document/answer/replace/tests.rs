use proptest::prelude::*;

use super::*;
use crate::document::{
    answer::{mark_length, marks, tests::cases},
    edit::hunks,
    format::lines,
};

const NONCE: &str = "k7";

fn target<'a>(name: &'a str, original: Option<&'a str>) -> Target<'a> {
    Target { name, original, nonce: NONCE }
}

#[test]
fn answers_edit_files_or_are_rejected() {
    let text = include_str!("../blocks.txt");
    assert!(text.matches("\n=== ").count() >= 50);
    let shown = cases::play(text, edited_content);
    expect_test::expect_file!["../blocks.txt"].assert_eq(&shown);
}

#[test]
fn marks_are_longer_than_what_looks_like_them() {
    for (text, length) in [
        ("a = 1\n", 7),
        ("Title\n=======\n", 8),
        ("<<<<<<< HEAD\na\n========\nb\n>>>>>>> main\n", 9),
        ("======== \n", 7),
        ("a <<<<<<< b\n", 7),
    ] {
        assert_eq!(mark_length(text), length, "{text}");
    }
}

#[test]
fn thousands_of_equal_lines_take_no_time() {
    let begin = std::time::Instant::now();
    let file = "a\n".repeat(200_000);
    let block = |search: &str| format!("<<<<<<< SEARCH\n{search}=======\nx\n>>>>>>> REPLACE\n");
    let many = edited_content(&block(&"a\n".repeat(100_000)), &target("a.txt", Some(&file)));
    assert!(matches!(many, Err(Rejected::Block(BadBlock { fault: Fault::Repeated(1001), .. }))), "{many:?}");
    let none = edited_content(&block(&format!("{}b\n", "a\n".repeat(100_000))), &target("a.txt", Some(&file)));
    assert!(matches!(none, Err(Rejected::Block(BadBlock { fault: Fault::NotFound(_), .. }))), "{none:?}");
    // Linear takes a second in a debug build, quadratic minutes.
    assert!(begin.elapsed().as_secs() < 60);
}

/// The blocks that a careful model gives for a change: each with as many lines around as make it unique.
fn derived(old: &str, new: &str) -> String {
    let old_lines = lines(old);
    let marks = marks(mark_length(&format!("{old}{new}")));
    let mut spans: Vec<(usize, usize)> = Vec::new();
    for hunk in hunks(old, new) {
        let (mut start, mut end) = (hunk.start_line as usize, hunk.end_line as usize);
        loop {
            while let Some(last) = spans.last().filter(|last| start <= last.1).copied() {
                (start, end) = (start.min(last.0), end.max(last.1));
                spans.pop();
            }
            let wanted = &old_lines[start..end];
            let count = old_lines.windows(wanted.len().max(1)).filter(|window| *window == wanted).count();
            if (count == 1 && !is_blank(wanted)) || (start == 0 && end == old_lines.len()) {
                break;
            }
            (start, end) = (start.saturating_sub(1), (end + 1).min(old_lines.len()));
        }
        spans.push((start, end));
    }
    let mut answer = format!("<edit-{NONCE}>\n");
    for (start, end) in spans {
        let mut replace = String::new();
        let mut at = start;
        for hunk in hunks(old, new) {
            let (from, to) = (hunk.start_line as usize, hunk.end_line as usize);
            if from >= start && to <= end {
                replace.extend(old_lines[at..from].iter().copied());
                replace.push_str(&hunk.text);
                at = to;
            }
        }
        replace.extend(old_lines[at..end].iter().copied());
        let search = old_lines[start..end].concat();
        answer += &format!("{}\n{search}{}\n{replace}{}\n", marks[0], marks[1], marks[2]);
    }
    answer + &format!("</edit-{NONCE}>\n")
}

fn some_lines() -> impl Strategy<Value = Vec<&'static str>> {
    let line = prop::sample::select(
        &["", "a", "b", "  a", "\ta", "}", "=======", "<<<<<<< SEARCH", "x y ", "日𐐀", "```", "</edit-k7>"][..],
    );
    prop::collection::vec(line, 1..16)
}

/// A text, and the same with some of its lines changed, taken away and added.
fn texts() -> impl Strategy<Value = (String, String)> {
    let change = prop::option::of((0..3usize, prop::sample::select(&["new", "a", "", "  }", "========"][..])));
    (some_lines(), prop::collection::vec(change, 16)).prop_map(|(old, changes)| {
        let text = |lines: &[&str]| lines.concat();
        let with_end = |line: &str| format!("{line}\n");
        let old: Vec<String> = old.into_iter().map(with_end).collect();
        let mut new = Vec::new();
        for (line, change) in old.iter().zip(changes) {
            match change {
                None => new.push(line.clone()),
                Some((0, _)) => {}
                Some((1, text)) => new.push(with_end(text)),
                Some((_, text)) => new.extend([with_end(text), line.clone()]),
            }
        }
        let borrowed = |lines: &[String]| text(&lines.iter().map(String::as_str).collect::<Vec<_>>());
        (borrowed(&old), borrowed(&new))
    })
}

proptest! {
    #[test]
    fn the_blocks_of_a_change_give_the_new_text((old, new) in texts(), ends in prop::bool::ANY) {
        // Blank lines at the end are a matter of their own.
        let tidy = |text: &str| text.trim_end_matches('\n').to_owned() + if ends { "\n" } else { "" };
        let (old, new) = (tidy(&old), tidy(&new));
        prop_assume!(!is_blank(&[&old]) && !is_blank(&[&new]) && old != new);
        let answer = derived(&(old.clone() + "\n"), &(new.clone() + "\n"));
        let answer = if ends { derived(&old, &new) } else { answer };
        let found = edited_content(&answer, &target("a.txt", Some(&old)));
        prop_assert_eq!(found.map(|found| found.text), Ok(new), "{}", answer);
    }

    #[test]
    fn a_cut_answer_changes_nothing((old, new) in texts(), cut in any::<prop::sample::Index>()) {
        prop_assume!(!is_blank(&[&old]));
        let answer = derived(&old, &new);
        let answer = answer.trim_end();
        let cut = cut.index(answer.len());
        let cut = (0..=cut).rev().find(|at| answer.is_char_boundary(*at)).unwrap_or(0);
        for name in ["a.rs", "a.md", "a.txt"] {
            prop_assert!(edited_content(&answer[..cut], &target(name, Some(&old))).is_err(), "{}", &answer[..cut]);
        }
    }

    #[test]
    fn no_answer_makes_it_panic(
        pieces in prop::collection::vec(prop::sample::select(&PIECES[..]), 0..24),
        original in prop::collection::vec(prop::sample::select(&PIECES[..]), 0..12),
        noise in "\\PC{0,8}",
    ) {
        let (answer, original) = (pieces.concat() + &noise, original.concat());
        for original in [None, Some(original.as_str()), Some(answer.as_str())] {
            for name in ["a.py", "a.md", ""] {
                let _ = edited_content(&answer, &target(name, original));
            }
        }
    }

    #[test]
    fn arbitrary_bytes_dont_make_it_panic(answer: Vec<u8>, original: Vec<u8>) {
        let (answer, original) = (String::from_utf8_lossy(&answer), String::from_utf8_lossy(&original));
        let _ = edited_content(&answer, &target("a.py", Some(&original)));
    }
}

/// Pieces that the parser reacts to.
const PIECES: [&str; 20] = [
    "<<<<<<< SEARCH\n",
    "=======\n",
    ">>>>>>> REPLACE\n",
    "<<<<<<<< SEARCH\n",
    "========\n",
    ">>>>>>>> REPLACE\n",
    ">>>>>>>",
    "  ",
    "\t",
    "a\n",
    "b\n",
    "\n",
    "```\n",
    "```py\n",
    "<edit-k7>\n",
    "</edit-k7>\n",
    "<file-k7>\n",
    "src/a.py\n",
    "é𐐀\n",
    "\r\n",
];
