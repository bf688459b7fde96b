use proptest::{collection::vec, prelude::*};

use super::*;

/// What real texts are made of where positions go wrong.
const PIECES: [&str; 12] = ["a", "bc", " ", "\n", "\r\n", "\r", "é", "𐐀", "日", "\u{2028}", "👩‍👩‍👧", "\u{feff}"];

fn text() -> impl Strategy<Value = String> {
    vec(prop::sample::select(&PIECES[..]), 0..30).prop_map(|pieces| pieces.concat())
}

fn position() -> impl Strategy<Value = Position> {
    let number = prop_oneof![9 => 0..14u32, 1 => Just(u32::MAX)];
    (number.clone(), number).prop_map(|(line, character)| Position::new(line, character))
}

fn change() -> impl Strategy<Value = Change> {
    let range = prop_oneof![1 => Just(None), 9 => (position(), position()).prop_map(|(a, b)| Some(Range::new(a, b)))];
    (range, text()).prop_map(|(range, text)| Change { range, text })
}

fn encoding() -> impl Strategy<Value = Encoding> {
    prop::sample::select(&Encoding::ALL[..])
}

/// Finds a position by walking over the text: the plain model.
fn byte_in_model(text: &str, position: Position, encoding: Encoding) -> usize {
    let mut at = 0;
    for _ in 0..position.line {
        let Some(end) = text[at..].find(['\n', '\r']) else { return text.len() };
        at += end + if text[at + end..].starts_with("\r\n") { 2 } else { 1 };
    }
    let mut units = 0;
    for char in text[at..].chars().take_while(|char| !['\n', '\r'].contains(char)) {
        units += encoding.length(char.encode_utf8(&mut [0; 4]));
        if units > position.character as usize {
            break;
        }
        at += char.len_utf8();
    }
    at
}

fn apply_to_model(text: &mut String, change: &Change, encoding: Encoding) {
    let Some(range) = change.range else {
        *text = change.text.clone();
        return;
    };
    let start = byte_in_model(text, range.start, encoding);
    let end = byte_in_model(text, range.end, encoding).max(start);
    text.replace_range(start..end, &change.text);
}

proptest! {
    #[test]
    fn a_sequence_of_changes_gives_the_text_of_the_model(start in text(), changes in vec(change(), 1..20), encoding in encoding()) {
        let mut model = start.clone();
        let mut document = Document::new(&start, 0, "plaintext".to_owned());
        for (number, change) in changes.iter().enumerate() {
            apply_to_model(&mut model, change, encoding);
            document.apply(change, number as i32 + 1, encoding);
            prop_assert_eq!(document.text(), model.as_str());
            prop_assert_eq!(document.len_bytes(), model.len());
            prop_assert_eq!(document.version(), number as i32 + 1);
        }
    }

    #[test]
    fn positions_agree_with_the_model(text in text(), position in position(), encoding in encoding()) {
        let document = Document::new(&text, 0, String::new());
        prop_assert_eq!(document.byte_at(position, encoding), byte_in_model(&text, position, encoding));
    }

    #[test]
    fn positions_survive_the_round_trip(text in text(), byte in 0..200usize, encoding in encoding()) {
        let document = Document::new(&text, 0, String::new());
        let position = document.position_at(byte, encoding);
        prop_assert_eq!(document.position_at(document.byte_at(position, encoding), encoding), position);
    }

    #[test]
    fn lines_are_the_same_everywhere(text in text()) {
        let lines = format::lines(&text);
        prop_assert_eq!(lines.concat(), text.as_str());
        let rope = Rope::from_str(&text);
        let in_rope: Vec<_> = rope.lines().map(|line| line.to_string()).filter(|line| !line.is_empty()).collect();
        prop_assert_eq!(in_rope, lines);
    }
}

#[test]
fn line_ends_are_those_of_the_protocol() {
    // Fails when another crate turns ropey's default features back on.
    assert_eq!(Document::new("a\u{b}\u{c}\u{85}\u{2028}\u{2029}b\rc\nd\r\ne", 0, String::new()).line_count(), 4);
}

#[test]
fn odd_positions_are_clamped() {
    use Encoding::{Utf8, Utf16, Utf32};
    let text = "a𐐀é👩‍👩‍👧\r\nb";
    let cases = [
        (Utf16, (0, 2), 1, "inside a surrogate pair: the start of the character"),
        (Utf8, (0, 3), 1, "inside a character's bytes: its start"),
        (Utf16, (0, 3), 5, "after the pair"),
        (Utf32, (0, 2), 5, "characters"),
        (Utf8, (0, 99), 25, "beyond the line: before its line end"),
        (Utf16, (7, 0), 28, "beyond the text: its end"),
        (Utf32, (1, 99), 28, "beyond the last line"),
    ];
    for (encoding, (line, character), byte, why) in cases {
        let document = Document::new(text, 0, String::new());
        assert_eq!(document.byte_at(Position::new(line, character), encoding), byte, "{why}");
    }
}

#[test]
fn a_reversed_range_inserts_at_its_start() {
    let mut document = Document::new("one two", 3, String::new());
    let range = Range::new(Position::new(0, 4), Position::new(0, 1));
    document.apply(&Change { range: Some(range), text: "x".to_owned() }, 4, Encoding::Utf16);
    assert_eq!(document.text(), "one xtwo");
    assert_eq!(document.version(), 4);
}
