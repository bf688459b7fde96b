//! What the tests act with: fake programs at both ends of the server, and a folder to be in.

pub mod editor;
pub mod provider;
pub mod sandbox;
pub mod schema;
pub mod tls;
pub mod wire;
