//! The one integration test binary: an area a file.

mod provider;
mod replay;
mod support;
mod tidy;
