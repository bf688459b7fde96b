//! Where tests for a file go.
