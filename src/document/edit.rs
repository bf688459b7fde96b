//! Minimal hunks.
