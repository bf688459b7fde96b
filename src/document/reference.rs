//! References to files.

mod roots;

pub use roots::{Roots, file_ref, innermost, normalize};
