//! The one integration test binary: an area a file.

mod support;
