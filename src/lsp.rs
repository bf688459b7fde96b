//! The editor front end.

pub mod transport;
