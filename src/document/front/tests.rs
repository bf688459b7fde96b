use expect_test::{Expect, expect};

use super::*;

fn front(text: &str) -> Option<Front> {
    Front::of(&Rope::from_str(text))
}

/// `|` is the cursor.
fn check(lines: &str, expected: Expect) {
    let text = format!("---\nstepwright: chat\n{lines}\n---\n");
    let at = text.find('|').unwrap();
    let text = text.replacen('|', "", 1);
    let line = text[..at].matches('\n').count();
    let byte = at - text[..at].rfind('\n').unwrap() - 1;
    let shown = match front(&text).unwrap().place(u32::try_from(line).unwrap(), byte) {
        None => "nothing".to_owned(),
        Some(Place::Key(word)) => format!("key `{}` {}..{}", word.text, word.start, word.end),
        Some(Place::Value { key, word, in_brackets }) => {
            let form = if in_brackets { " in brackets" } else { "" };
            format!("value `{}` {}..{} of {key}{form}", word.text, word.start, word.end)
        }
    };
    expected.assert_eq(&shown);
}

#[test]
fn places() {
    check("|", expect!["key `` 0..0"]);
    check("mo|", expect!["key `mo` 0..2"]);
    check("mod|el: main", expect!["key `model` 0..5"]);
    check("model:|", expect!["value `` 6..6 of model"]);
    check("model: |", expect!["value `` 7..7 of model"]);
    check("model: ma|in # why", expect!["value `main` 7..11 of model"]);
    check("model: main # w|hy", expect!["nothing"]);
    check("files: [|]", expect!["value `` 8..8 of files in brackets"]);
    check("files: [a.rs, |]", expect!["value `` 14..14 of files in brackets"]);
    check("files: [a.rs, sr|", expect!["value `sr` 14..16 of files in brackets"]);
    check("files: [a.rs, \"src/*|]", expect!["value `src/*` 14..20 of files in brackets"]);
    check("files: [a.rs, \"a, b|.rs\"]", expect!["value `a, b.rs` 14..23 of files in brackets"]);
    check("files: [a.rs] |", expect!["nothing"]);
    check("files:\n- |", expect!["value `` 2..2 of files"]);
    check("files:\n  - a.rs\n  - b|", expect!["value `b` 4..5 of files"]);
    check("files: [\n  a.rs,\n  |\n]", expect!["value `` 2..2 of files in brackets"]);
    check("# a comm|ent", expect!["nothing"]);
    check("title: it's # no|", expect!["nothing"]);
    check("é: |", expect!["value `` 4..4 of é"]);
}

#[test]
fn entries() {
    let text = "---\r\nstepwright: \"write-pages\"  # which\r\nfiles: [a.rs, 'it''s.rs', \"a \\\"b\\\".rs\",\r\n  c.rs] # more\r\nmessages:\r\n  - m1\r\n  - m2\r\n---\r\nfiles: [x]\r\n";
    let front = front(text).unwrap();
    let shown: Vec<_> = front
        .entries
        .iter()
        .map(|entry| {
            let values: Vec<_> = entry.values.iter().map(|word| word.text.as_str()).collect();
            format!("{} = {}", entry.key.text, values.join(" | "))
        })
        .collect();
    expect![[r#"
        stepwright = write-pages
        files = a.rs | it's.rs | a "b".rs | c.rs
        messages = m1 | m2"#]]
    .assert_eq(&shown.join("\n"));
    assert_eq!(front.end_line(), 7);
}

#[test]
fn values_are_added_where_the_list_is() {
    for (before, after) in [
        ("", "files: [b.rs]\n"),
        ("files: []\n", "files: [b.rs]\n"),
        ("files:\n", "files: [b.rs]\n"),
        ("files: [a.rs]\n", "files: [a.rs, b.rs]\n"),
        ("files: [\n  a.rs\n]\n", "files: [\n  a.rs, b.rs\n]\n"),
        ("files:\n  - a.rs\nmodel: main\n", "files:\n  - a.rs\n  - b.rs\nmodel: main\n"),
        ("files: a.rs\n", "files: [a.rs, b.rs]\n"),
    ] {
        let text = format!("---\nstepwright: chat\n{before}---\n");
        let front = front(&text).unwrap();
        let (line, byte, added) = front.add("files", "b.rs");
        let start = text.split_inclusive('\n').take(line as usize).map(str::len).sum::<usize>() + byte;
        let mut changed = text.clone();
        changed.replace_range(start..start + front.replaced_by_add("files"), &added);
        assert_eq!(changed, format!("---\nstepwright: chat\n{after}---\n"), "{before}");
    }
}

#[test]
fn quotes_only_where_needed() {
    for (text, in_brackets, expected) in [
        ("src/lib.rs", true, "src/lib.rs"),
        ("src/*.rs", true, "\"src/*.rs\""),
        ("a b.md", true, "\"a b.md\""),
        ("a b.md", false, "a b.md"),
        ("a, b.md", false, "\"a, b.md\""),
        ("[id].tsx", true, "\"[id].tsx\""),
        ("-a", false, "\"-a\""),
        ("", true, "\"\""),
    ] {
        assert_eq!(quoted(text, in_brackets), expected, "{text}");
    }
}

proptest::proptest! {
    #[test]
    fn any_text_is_survived(text in "---\nstepwright: c\n([a-z:\\[\\]{}\"'#,\\- é\\\\\n]{0,60})\n---\n", line in 0u32..8, byte in 0usize..70) {
        if let Some(front) = front(&text) {
            front.place(line, byte);
            let (line, byte, added) = front.add("files", "x.rs");
            let at = front.line(line).unwrap_or_default();
            proptest::prop_assert!(at.is_char_boundary(byte.min(at.len())) && added.contains("x.rs"));
        }
    }

    /// Whatever an editor's buffer holds.
    #[test]
    fn any_document_is_survived(text in ".{0,80}", other in "(.|\n|\r){0,60}", line in 0u32..6, byte in 0usize..90) {
        for text in [text.clone(), format!("---\nstepwright: {text}\n{other}\n---\n"), format!("---\r\nstepwright: c\r\n{other}\r\n---")] {
            if let Some(front) = front(&text) {
                front.place(line, byte);
                for edit in front.with("files", &["a.rs".to_owned(), other.clone()], Encoding::Utf16) {
                    proptest::prop_assert!(edit.range.start.line <= front.end_line());
                }
            }
            super::super::prompt::parse(&text).map(Result::ok);
        }
    }
}
