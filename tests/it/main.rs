//! The one integration test binary: an area a file.

mod check;
mod check_step;
mod provider;
mod replay;
mod support;
mod tidy;
