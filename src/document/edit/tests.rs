use expect_test::{Expect, expect};
use proptest::{collection::vec, prelude::*};

use super::*;
use crate::document::{Change, Document};

/// Applies edits as the protocol says: all of them refer to the text before the first.
fn apply(old: &str, edits: &[TextEdit], encoding: Encoding) -> String {
    let mut document = Document::new(old, 0, String::new());
    for edit in edits.iter().rev() {
        document.apply(&Change { range: Some(edit.range), text: edit.text.clone() }, 0, encoding);
    }
    document.text()
}

/// Applies edits as Neovim 0.11 does (`vim.lsp.util.apply_text_edits`): to lines, with the final newline kept apart
/// as a property of the buffer, and one line end for all of it. Columns are bytes here.
fn neovim_apply(old: &str, edits: &[TextEdit], line_end: &str) -> String {
    let has_eol = old.ends_with('\n');
    let body = old.strip_suffix(line_end).unwrap_or(old);
    let mut buffer: Vec<String> = body.split(line_end).map(str::to_owned).collect();
    let mut reached_beyond_end = false;
    for edit in edits.iter().rev() {
        let inserted: Vec<String> = edit.text.replace("\r\n", "\n").split('\n').map(str::to_owned).collect();
        let (start, mut end) = (edit.range.start, edit.range.end);
        if start.line as usize >= buffer.len() {
            buffer.extend(inserted);
            continue;
        }
        if end.line as usize >= buffer.len() {
            end = Position::new(buffer.len() as u32 - 1, buffer[buffer.len() - 1].len() as u32);
            reached_beyond_end = true;
        }
        let head = buffer[start.line as usize][..start.character as usize].to_owned();
        let tail = buffer[end.line as usize][end.character as usize..].to_owned();
        let replaced: Vec<String> =
            format!("{head}{}{tail}", inserted.join("\n")).split('\n').map(str::to_owned).collect();
        buffer.splice(start.line as usize..=end.line as usize, replaced);
    }
    if reached_beyond_end && has_eol && buffer.len() > 1 && buffer.last().is_some_and(String::is_empty) {
        buffer.pop();
    }
    buffer.join(line_end) + if has_eol { line_end } else { "" }
}

fn check_edits(old: &str, new: &str, expected: Expect) {
    let edits = edits(old, new, Encoding::Utf16);
    assert_eq!(apply(old, &edits, Encoding::Utf16), new);
    let shown: Vec<_> = edits
        .iter()
        .map(|TextEdit { range: Range { start, end }, text }| {
            format!("{}:{}-{}:{} {text:?}", start.line, start.character, end.line, end.character)
        })
        .collect();
    expected.assert_eq(&shown.join(" | "));
}

#[test]
fn edits_keep_to_changed_lines_and_to_the_last_lines_content() {
    check_edits("a\n", "a\n", expect![[""]]);
    check_edits("a\nb\nc\n", "a\nX\nc\n", expect![[r#"1:0-2:0 "X\n""#]]);
    check_edits("a\nb\nc\n", "a\nc\n", expect![[r#"1:0-2:0 """#]]);
    // At the end of the text, with and without its final newline.
    check_edits("a\nb\n", "a\nb\nc\n", expect![[r#"1:1-1:1 "\nc""#]]);
    check_edits("a\nb", "a\nb\nc", expect![[r#"1:1-1:1 "\nc""#]]);
    check_edits("a\nb\n", "a\n", expect![[r#"0:1-1:1 """#]]);
    check_edits("a\nb\nc", "a\nb", expect![[r#"1:1-2:1 """#]]);
    check_edits("a\nb", "a\nb\n", expect![[r#"1:1-1:1 "\n""#]]);
    check_edits("a\nb\n", "a\nb", expect![[r#"1:1-2:0 """#]]);
    check_edits("a\nb\n", "a\nX\n", expect![[r#"1:0-1:1 "X""#]]);
    // Empty texts: an empty buffer of Neovim has the text "\n".
    check_edits("", "x\n", expect![[r#"0:0-0:0 "x\n""#]]);
    check_edits("\n", "x\ny\n", expect![[r#"0:0-0:0 "x\ny""#]]);
    check_edits("a\nb\n", "", expect![[r#"0:0-2:0 """#]]);
    // CRLF, and a final line end that differs from the new one.
    check_edits("a\r\nb\r\n", "a\r\nb\r\nc\r\n", expect![[r#"1:1-1:1 "\r\nc""#]]);
    check_edits("a\r\nb\n", "a\r\nb\nc\r\n", expect![[r#"1:1-2:0 "\nc\r\n""#]]);
    // Columns are those of the encoding.
    check_edits("𐐀é\n", "𐐀é\nz\n", expect![[r#"0:3-0:3 "\nz""#]]);
}

fn lines_of(ends: &'static [&'static str]) -> impl Strategy<Value = String> {
    let line = prop::sample::select(&["", "a", "b", "}", "日𐐀", "x y"][..]);
    (vec((line, prop::sample::select(ends)), 0..12), any::<bool>()).prop_map(|(lines, final_end)| {
        let text: String = lines.iter().flat_map(|(line, end)| [*line, *end]).collect();
        if final_end { text } else { text.trim_end_matches(['\n', '\r']).to_owned() }
    })
}

proptest! {
    #[test]
    fn what_long_texts_have_in_common_changes_no_edit(old in lines_of(&["\n", "\r\n", "\r"]), new in lines_of(&["\n", "\r\n", "\r"]),
                                                      end in prop::sample::select(&["\n", "\r\n"][..])) {
        let number = 2000;
        let common: String = (0..number).map(|number| format!("line {number} of é𐐀{end}")).collect();
        let (long_old, long_new) = (format!("{common}{old}"), format!("{common}{new}"));
        let (cut, first_line) = common_start(&long_old, &long_new);
        prop_assert!(cut > 0 && long_old.len() - cut > MARGIN);
        prop_assert_eq!(first_line as usize, lines(&long_old[..cut]).len());
        let whole = text_edits(&long_old, &hunks(&long_old, &long_new), Encoding::Utf16);
        let edits = edits(&long_old, &long_new, Encoding::Utf16);
        prop_assert_eq!(apply(&long_old, &edits, Encoding::Utf16), long_new.as_str());
        prop_assert_eq!(edits, whole);
    }

    #[test]
    fn edits_give_the_new_text(old in lines_of(&["\n", "\r\n", "\r"]), new in lines_of(&["\n", "\r\n", "\r"]),
                               encoding in prop::sample::select(&Encoding::ALL[..])) {
        let edits = edits(&old, &new, encoding);
        prop_assert_eq!(apply(&old, &edits, encoding), new.as_str());
        prop_assert_eq!(edits.is_empty(), old == new);
        let document = Document::new(&old, 0, String::new());
        let mut reached = Position::default();
        for TextEdit { range: Range { start, end }, .. } in edits {
            prop_assert!(reached <= start && start <= end);
            for position in [start, end] {
                prop_assert_eq!(document.position_at(document.byte_at(position, encoding), encoding), position);
            }
            reached = end;
        }
    }

    #[test]
    fn hunks_are_apart_and_give_the_new_text(old in lines_of(&["\n", "\r\n"]), new in lines_of(&["\n", "\r\n"])) {
        let lines = lines(&old);
        let (mut at, mut text) = (0, String::new());
        for (number, hunk) in hunks(&old, &new).iter().enumerate() {
            let (start, end) = (hunk.start_line as usize, hunk.end_line as usize);
            prop_assert!(number == 0 || start > at);
            text.extend(lines[at..start].iter().copied());
            text.push_str(&hunk.text);
            at = end;
        }
        text.extend(lines[at..].iter().copied());
        prop_assert_eq!(text, new);
    }

    #[test]
    fn neovim_gets_the_new_text_too(old in lines_of(&["\n"]), new in lines_of(&["\n"]), crlf: bool) {
        let line_end = if crlf { "\r\n" } else { "\n" };
        let (old, new) = (old.replace('\n', line_end), new.replace('\n', line_end));
        let result = neovim_apply(&old, &edits(&old, &new, Encoding::Utf8), line_end);
        // A buffer whose text ended with a newline always ends with one.
        let implied = if old.ends_with('\n') && !new.ends_with('\n') { line_end } else { "" };
        prop_assert_eq!(result, new + implied);
    }
}

#[test]
fn a_large_text_keeps_small_edits() {
    let old: String = (0..20_000).map(|number| format!("line {number}\n")).collect();
    let new = old.replace("line 777\n", "line 777 changed\n");
    assert_eq!(hunks(&old, &new), [Hunk { start_line: 777, end_line: 778, text: "line 777 changed\n".to_owned() }]);
}

#[test]
fn texts_without_anchors_end_in_one_hunk() {
    let (old, new) = ("a\nb\n".repeat(50_000), "b\na\n".repeat(50_000));
    let hunks = hunks(&format!("first\n{old}last\n"), &format!("first\n{new}last\n"));
    assert_eq!(hunks, [Hunk { start_line: 1, end_line: 100_001, text: new }]);
}

#[test]
fn a_unified_diff_reads_like_gits() {
    let old: String = (1..=20).map(|number| format!("{number}\n")).collect();
    let new = old.replace("\n5\n", "\nfive\n").replace("18\n", "").replace("20\n", "20");
    expect![[r#"
        --- a/src/a.txt
        +++ b/src/a.txt
        @@ -2,7 +2,7 @@
         2
         3
         4
        -5
        +five
         6
         7
         8
        @@ -15,6 +15,5 @@
         15
         16
         17
        -18
         19
        -20
        +20
        \ No newline at end of file
    "#]]
    .assert_eq(&unified_diff("src/a.txt", Some(&old), &new));
    expect![[r#"
        --- /dev/null
        +++ b/b.txt
        @@ -0,0 +1,2 @@
        +one
        +two
    "#]]
    .assert_eq(&unified_diff("b.txt", None, "one\ntwo\n"));
    expect![[r#"
        --- a/c.txt
        +++ b/c.txt
        @@ -1 +0,0 @@
        -one
    "#]]
    .assert_eq(&unified_diff("c.txt", Some("one\n"), ""));
    expect![[""]].assert_eq(&unified_diff("d.txt", Some("same"), "same"));
}
