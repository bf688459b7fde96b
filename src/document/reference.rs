//! References to files.
