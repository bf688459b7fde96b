//! From a model answer to file content.
