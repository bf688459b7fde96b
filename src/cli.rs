//! The terminal front end.

pub mod editor;
pub mod schema;
