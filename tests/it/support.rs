//! What the tests act with: fake programs at both ends of the server.

pub mod editor;
pub mod provider;
