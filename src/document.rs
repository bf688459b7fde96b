//! A text document: its buffer, positions in it, and what a file on disk adds (BOM, line ends).
//!
//! Knows no protocol, no disk and no workflow: who opens, saves or transports text is decided elsewhere.

use std::path::PathBuf;

use ropey::Rope;

pub mod answer;
pub mod disk;
pub mod edit;
pub mod encoding;
pub mod format;
pub mod front;
pub mod inline_tests;
pub mod language;
pub mod marker;
pub mod merge;
pub mod path;
pub mod position;
pub mod prompt;
pub mod reference;
pub mod revert;
pub mod tests_for;
pub mod toml_place;

use position::{Encoding, Position, Range};

#[cfg(test)]
mod tests;

/// A file that a run works with, under the name by which the user and the model know it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileRef {
    /// Relative to its workspace root with `/` between the parts; absolute outside any root; the URI of an unsaved buffer.
    pub name: String,
    pub place: Place,
}

/// Where a file is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    Disk(PathBuf),
    /// A buffer that was never saved, by its URI.
    Buffer(String),
}

/// The mirror of a buffer that is open in an editor, with the line ends that the editor uses.
#[derive(Clone, Debug)]
pub struct Document {
    rope: Rope,
    version: i32,
    language: String,
}

/// One change of a buffer: `text` takes the place of `range`, or of everything when there is no range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub range: Option<Range>,
    pub text: String,
}

impl Document {
    /// Mirrors a buffer; `language` is the editor's language id, and 0 is a real version.
    pub fn new(text: &str, version: i32, language: String) -> Self {
        Self { rope: Rope::from_str(text), version, language }
    }

    /// Applies one change. Positions that the text doesn't have are clamped, see [`position::to_char`];
    /// a range that ends before it starts is empty at its start.
    pub fn apply(&mut self, change: &Change, version: i32, encoding: Encoding) {
        self.version = version;
        let Some(range) = change.range else {
            self.rope = Rope::from_str(&change.text);
            return;
        };
        let start = position::to_char(&self.rope, range.start, encoding);
        let end = position::to_char(&self.rope, range.end, encoding).max(start);
        self.rope.remove(start..end);
        self.rope.insert(start, &change.text);
    }

    pub fn text(&self) -> String {
        self.rope.to_string()
    }

    /// The buffer itself; cloning it is cheap, so it serves as a snapshot.
    pub fn rope(&self) -> &Rope {
        &self.rope
    }

    pub fn version(&self) -> i32 {
        self.version
    }

    /// The editor's language id, such as `rust` or `typescriptreact`.
    pub fn language(&self) -> &str {
        &self.language
    }

    pub fn len_bytes(&self) -> usize {
        self.rope.len_bytes()
    }

    /// The number of lines as the protocol counts them: a text that ends with a line end has an empty last line.
    pub fn line_count(&self) -> usize {
        self.rope.len_lines()
    }

    /// The byte offset of a position, clamped into the text.
    pub fn byte_at(&self, position: Position, encoding: Encoding) -> usize {
        self.rope.char_to_byte(position::to_char(&self.rope, position, encoding))
    }

    /// The position of a byte offset; past the end is the end, and inside a character is its start.
    pub fn position_at(&self, byte: usize, encoding: Encoding) -> Position {
        let byte = byte.min(self.rope.len_bytes());
        position::from_char(&self.rope, self.rope.byte_to_char(byte), encoding)
    }

    /// The text between two positions, clamped into the buffer.
    pub fn slice(&self, range: Range, encoding: Encoding) -> String {
        let start = position::to_char(&self.rope, range.start, encoding);
        let end = position::to_char(&self.rope, range.end, encoding).max(start);
        self.rope.slice(start..end).to_string()
    }
}
