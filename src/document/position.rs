//! Positions in a text, counted in bytes, UTF-16 units or characters.
//!
//! Lines end with `\n`, `\r\n` or `\r` and with nothing else, as the protocol has it (LSP 3.17, "Text Documents").
//! Knows neither versions nor edits.

use ropey::{Rope, RopeSlice};

/// What `Position::character` counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    Utf8,
    Utf16,
    Utf32,
}

/// A place between two characters. Lines and characters start at 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    pub line: u32,
    pub character: u32,
}

/// From `start` up to, not including, `end`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Range {
    pub start: Position,
    pub end: Position,
}

impl Encoding {
    pub const ALL: [Encoding; 3] = [Encoding::Utf8, Encoding::Utf16, Encoding::Utf32];

    /// The length of `text` in units of this encoding.
    pub fn length(self, text: &str) -> usize {
        match self {
            Encoding::Utf8 => text.len(),
            Encoding::Utf16 => text.encode_utf16().count(),
            Encoding::Utf32 => text.chars().count(),
        }
    }

    fn units(self, line: RopeSlice, chars: usize) -> usize {
        match self {
            Encoding::Utf8 => line.char_to_byte(chars),
            Encoding::Utf16 => line.char_to_utf16_cu(chars),
            Encoding::Utf32 => chars,
        }
    }

    fn chars(self, line: RopeSlice, units: usize) -> usize {
        match self {
            Encoding::Utf8 => line.byte_to_char(units),
            Encoding::Utf16 => line.utf16_cu_to_char(units),
            Encoding::Utf32 => units,
        }
    }
}

impl Position {
    pub fn new(line: u32, character: u32) -> Self {
        Self { line, character }
    }
}

impl Range {
    pub fn new(start: Position, end: Position) -> Self {
        Self { start, end }
    }
}

/// Finds the character index of a position.
///
/// Never fails: beyond a line's end means the line's end (before its `\r\n`), beyond the last line the text's end,
/// and inside a character its start.
pub fn to_char(rope: &Rope, position: Position, encoding: Encoding) -> usize {
    let number = position.line as usize;
    if number >= rope.len_lines() {
        return rope.len_chars();
    }
    let line = rope.line(number);
    let width = encoding.units(line, content_chars(line));
    rope.line_to_char(number) + encoding.chars(line, (position.character as usize).min(width))
}

/// Finds the position of a character index; beyond the end is the end, and between `\r` and `\n` is before both.
pub fn from_char(rope: &Rope, char: usize, encoding: Encoding) -> Position {
    let char = char.min(rope.len_chars());
    let number = rope.char_to_line(char);
    let line = rope.line(number);
    let column = (char - rope.line_to_char(number)).min(content_chars(line));
    Position::new(number as u32, encoding.units(line, column) as u32)
}

/// The length of a line in characters, without what ends it.
fn content_chars(line: RopeSlice) -> usize {
    let mut length = line.len_chars();
    if length > 0 && line.char(length - 1) == '\n' {
        length -= 1;
    }
    if length > 0 && line.char(length - 1) == '\r' {
        length -= 1;
    }
    length
}
