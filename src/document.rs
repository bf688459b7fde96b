//! A text document: its buffer, positions in it, and what a file on disk adds (BOM, line ends).

use std::path::PathBuf;

pub mod answer;
pub mod disk;
pub mod edit;
pub mod path;
pub mod reference;
pub mod tests_for;

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
