//! What stands in for the world in tests.

pub mod provider;
