use proptest::prelude::*;

use super::*;
use crate::document::format;

pub mod cases;

const NONCE: &str = "k7";

fn target<'a>(name: &'a str, original: Option<&'a str>) -> Target<'a> {
    Target { name, original, nonce: NONCE }
}

/// What a case expects: the content, or the name of the rejection.
fn outcome(result: &Result<Extracted, Rejected>) -> String {
    match result {
        Ok(Extracted { text, flags }) => {
            let flags: String = flags.iter().map(|flag| format!(" {flag:?}")).collect();
            format!("file{flags}\n{text}")
        }
        Err(rejected) => {
            let name = format!("{rejected:?}");
            format!("rejected {}\n", name.split([' ', '{']).next().unwrap_or_default())
        }
    }
}

/// The text of a section: up to the blank line that parts it from the next case.
fn section<'a>(case: &'a str, name: &str) -> Option<&'a str> {
    let mut sections = case.split("\n@@ ").skip(1);
    let found = sections
        .find(|section| section.starts_with(name) && !section[name.len()..].starts_with(char::is_alphanumeric))?;
    found.split_once('\n').map(|(_, text)| text).or(Some(""))
}

#[test]
fn answers_become_files_or_are_rejected() {
    let cases: Vec<_> = include_str!("vectors.txt").split("\n=== ").skip(1).collect();
    assert!(cases.len() >= 40);
    let mut failures = Vec::new();
    for case in cases {
        let title = case.lines().next().unwrap_or_default();
        let name = case.split("\n@@ for ").nth(1).and_then(|rest| rest.lines().next()).expect("a file name");
        let original = section(case, "original").map(|text| format!("{text}\n"));
        let answer = section(case, "answer").expect("an answer");
        let expected = case.rsplit("\n@@ ").next().expect("an outcome").trim_end_matches('\n');
        let result = file_content(answer, &target(name, original.as_deref()));
        let found = outcome(&result);
        if found.trim_end_matches('\n') != expected {
            failures.push(format!("--- {title}\nexpected:\n{expected}\nfound:\n{found}"));
        }
        if let Ok(Extracted { text, .. }) = result {
            assert!(text.ends_with('\n') && !text.ends_with("\n\n"), "{title}: one final newline");
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn answers_in_the_shapes_that_models_give() {
    let text = include_str!("shapes.txt");
    assert!(text.matches("\n=== ").count() >= 40);
    expect_test::expect_file!["shapes.txt"].assert_eq(&cases::play(text, file_content));
}

#[test]
fn line_ends_and_the_missing_final_newline_are_kept() {
    let original = "a = 1\r\nb = 2\r\nc = 3";
    let answer = "```python\r\na = 1\r\nb = 3\r\nc = 3\r\n```\r\n";
    let found = file_content(answer, &target("a.py", Some(&format::normalize(original)))).unwrap();
    assert_eq!(found.text, "a = 1\nb = 3\nc = 3");
    assert_eq!(format::restore(original, &found.text), "a = 1\r\nb = 3\r\nc = 3");
}

#[test]
fn blank_lines_at_the_end_are_as_many_as_there_were() {
    let answer = "<file-k7>\na\n\n\n\n</file-k7>";
    for (original, expected) in
        [("b", "a"), ("b\n", "a\n"), ("b\n\n", "a\n\n"), ("b\n\n\n\n\n\n", "a\n\n\n\n"), ("", "a\n")]
    {
        assert_eq!(file_content(answer, &target("a.txt", Some(original))).unwrap().text, expected, "{original:?}");
    }
}

#[test]
fn a_rejection_says_what_to_do() {
    let rejected = file_content("I'm sorry, no.", &target("a.py", None)).unwrap_err();
    assert_eq!(rejected.to_string(), "the model declined: I'm sorry, no.");
    let rejected = file_content("```py\n# ... rest of the code ...\n```", &target("a.py", None)).unwrap_err();
    assert_eq!(
        rejected.to_string(),
        "the answer leaves parts out (`# ... rest of the code ...`); try again, or ask for less at a time"
    );
}

#[test]
fn appended_text_is_only_the_new_text() {
    let original = "line\n".repeat(30);
    let target = target("book.md", Some(&original));
    let found = appended_text("<file-k7>\n\n## Two\n\nText.\n\n</file-k7>", &target).unwrap();
    assert_eq!(found, Extracted { text: "## Two\n\nText.\n".to_owned(), flags: vec![] });
    assert_eq!(appended_text("  \n", &target), Err(Rejected::Empty));
}

#[test]
fn pages_are_joined_without_their_overlap() {
    let cases = [
        ("", "One.\n", "One.\n", "nothing there yet"),
        ("One.", "\n\nTwo.\n\n", "One.\n\nTwo.\n", "one blank line between"),
        ("One.\n\n\n", "", "One.\n", "nothing new"),
        ("One.\n\nThe last line.\n", "The last line.\n\nTwo.\n", "One.\n\nThe last line.\n\nTwo.\n", "a repeated line"),
        (
            "One. It was late at night.",
            "It was late at night. She left.",
            "One. It was late at night.\n\nShe left.\n",
            "a repeated sentence",
        ),
        ("a {\n}\n", "}\nb\n", "a {\n}\n\n}\nb\n", "too short to be a repetition"),
        ("to be or not\n", "note well\n", "to be or not\n\nnote well\n", "half a word is none"),
        (
            "Übergrößenträger sind da\n",
            "Übergrößenträger sind da\n",
            "Übergrößenträger sind da\n",
            "everything repeated",
        ),
    ];
    for (existing, new, expected, why) in cases {
        assert_eq!(join_pages(existing, new), expected, "{why}");
    }
}

#[test]
fn plain_text_has_no_thinking() {
    let cases = [
        ("\u{feff}a\r\nb", "a\nb"),
        ("<think>x</think>\n\nanswer", "answer"),
        ("<THINKING>\nx\n</THINKING>answer", "answer"),
        ("<think>a</think><think>b</think>c", "c"),
        ("<think>never ends", ""),
        ("thoughts\n</think>\nanswer", "answer"),
        ("a tag like </think> in a sentence", "a tag like </think> in a sentence"),
    ];
    for (answer, expected) in cases {
        assert_eq!(plain_text(answer), expected, "{answer}");
    }
}

#[test]
fn a_single_line_is_found() {
    let cases = [
        ("tests/test_a.py", Some("tests/test_a.py")),
        ("`tests/test_a.py`\n", Some("tests/test_a.py")),
        ("**\"a.py\"**", Some("a.py")),
        ("The file should be:\n\ntests/test_a.py\n", Some("tests/test_a.py")),
        ("```\ntests/test_a.py\n```", Some("tests/test_a.py")),
        ("- a.py", Some("a.py")),
        ("<think>hm</think>\na.py", Some("a.py")),
        ("\n \n", None),
        ("``", None),
    ];
    for (answer, expected) in cases {
        assert_eq!(single_line(answer).as_deref(), expected, "{answer}");
    }
}

/// Pieces that the ladder reacts to.
const PIECES: [&str; 16] = [
    "```",
    "````",
    "~~~",
    "```python\n",
    "\n",
    "<file-k7>",
    "</file-k7>",
    "<think>",
    "</think>",
    "a = 1",
    "Sorry",
    "é𐐀",
    "  ",
    "app.py",
    "\r\n",
    "# ... existing code",
];

proptest! {
    #[test]
    fn no_answer_makes_it_panic(pieces in prop::collection::vec(prop::sample::select(&PIECES[..]), 0..20), noise in "\\PC{0,8}",
                                name in prop::sample::select(&["app.py", "a.md", "x", ""][..])) {
        let answer = pieces.concat() + &noise;
        for original in [None, Some(""), Some(answer.as_str())] {
            let _ = file_content(&answer, &target(name, original));
            let _ = appended_text(&answer, &target(name, original));
        }
        let _ = single_line(&answer);
        let _ = join_pages(&answer, &noise);
    }

    #[test]
    fn arbitrary_bytes_dont_make_it_panic(bytes: Vec<u8>) {
        let _ = file_content(&String::from_utf8_lossy(&bytes), &target("app.py", None));
    }

    #[test]
    fn a_wrapped_file_is_found_as_it_is(lines in prop::collection::vec("[a-z]{1,5} = [0-9]{1,3}|    return [a-z]{1,3}|", 1..20), form in 0..4usize) {
        let text = lines.join("\n").trim_matches('\n').to_owned() + "\n";
        prop_assume!(!text.trim().is_empty());
        let answer = match form {
            0 => format!("Sure, here it is:\n\n```python\n{text}```\n\nIt does what you asked for."),
            1 => format!("<file-{NONCE}>\n{text}</file-{NONCE}>"),
            2 => format!("<file-{NONCE}>\n```\n{text}```\n</file-{NONCE}>\n"),
            _ => format!("<think>```\nno\n```</think>\n~~~~py\n{text}~~~~"),
        };
        let found = file_content(&answer, &target("app.py", Some(&text)));
        prop_assert_eq!(found, Ok(Extracted { text, flags: vec![] }));
    }

    #[test]
    fn joined_pages_keep_both_texts(existing in "[a-c ]{0,9}", new in "[x-z]{1,9}") {
        let joined = join_pages(&existing, &new);
        prop_assert!(joined.starts_with(existing.trim_end()) && joined.trim_end().ends_with(&new));
    }
}
