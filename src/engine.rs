//! Runs a workflow.

pub mod event;
pub mod ports;
