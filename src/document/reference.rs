//! References to files.

mod roots;
mod secret;

pub use roots::{Roots, file_ref, innermost, normalize};
pub use secret::is_secret;
