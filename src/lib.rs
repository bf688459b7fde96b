//! stepwright runs AI workflows for any editor.

pub mod cli;
pub mod config;
pub mod document;
pub mod engine;
pub mod lsp;
pub mod model;
pub mod workflow;
