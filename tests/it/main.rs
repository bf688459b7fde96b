//! The one integration test binary: an area a file.

mod cases;
mod check;
mod check_step;
mod cli;
mod cost;
mod docs;
mod editors;
mod formats;
mod fuzz;
mod process;
mod provider;
mod replay;
mod resume;
mod support;
mod tidy;
