//! The one integration test binary: an area a file.

mod cases;
mod check;
mod check_step;
mod cli;
mod docs;
mod editors;
mod formats;
mod fuzz;
mod provider;
mod replay;
mod support;
mod tidy;
