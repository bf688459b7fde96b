//! May this path be written?
