//! Frames between standard input and output, and the service.
