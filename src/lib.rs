//! stepwright runs AI workflows for any editor. This is the map; read the modules in this order.
//!
//! 1. [`workflow`]: what a workflow is. Data in the user's own format; the five built-in ones are the lowest layer of the same.
//! 2. [`document`]: text, edits, paths: what a buffer holds, what a model's answer means, what may be written where.
//! 3. [`engine`]: runs a workflow over four ports (model, workspace, observer, journal). The only place with effects in order.
//! 4. [`config`], [`files`], [`history`], [`check`], [`model`]: the outside, behind the engine's ports.
//! 5. [`setup`]: puts these together for a workspace.
//! 6. [`lsp`] and [`cli`]: the front ends: who asks, and who is told.
//!
//! Invariants, which `tests/it/tidy.rs` guards where a machine can:
//! - `workflow` and `document` are pure, but for the few files that read the disk and say so. The engine acts only through
//!   `Run::effect`, the one place for progress, cancelling and the journal.
//! - Only `lsp` knows the protocol, only `model` knows HTTP, only `history` knows SQL. Front ends contain no workflow names, so that a user's own workflow is
//!   no less than a built-in one.
//! - No handler awaits a run. State changes before the first await of a handler; one standard mutex; no guard crosses an await.
//! - Finished means durable: the journal returns before the observer is told.
//! - Nothing is written from an answer that isn't complete, and nothing is overwritten that isn't what the answer was made from.
//! - The user's files never fail the server: a mistake in them is a problem with a line number. A workspace's files can't set an
//!   endpoint or a key, nor reach outside the workspace.

pub mod check;
pub mod cli;
pub mod config;
pub mod document;
pub mod engine;
pub mod files;
pub mod history;
pub mod lsp;
pub mod model;
pub mod setup;
pub mod workflow;
