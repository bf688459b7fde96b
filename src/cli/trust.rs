//! `stepwright trust`: allow a workspace's check command and workflow files, as they are now.

use std::path::PathBuf;

use super::Usage;
use crate::setup;

/// Grants or revokes trust in a folder, the current one by default; returns what to tell the user.
pub fn set(folder: Option<PathBuf>, revoke: bool) -> Result<String, Usage> {
    let folder = folder.unwrap_or_else(|| PathBuf::from("."));
    let failed =
        |error: std::io::Error| Usage(format!("failed to change the trust in `{}`: {error}", folder.display()));
    let root = std::fs::canonicalize(&folder).map_err(failed)?;
    if revoke {
        setup::revoke(&root).map_err(failed)?;
        return Ok(format!("{} is not trusted any more.\n", root.display()));
    }
    let approved = setup::trust(&root).map_err(failed)?;
    let mut text = format!("{} is trusted, as long as these stay as they are:\n", root.display());
    if approved.is_empty() {
        text = format!("{} is trusted; it has neither a check command nor workflows yet.\n", root.display());
    }
    for thing in approved {
        text.push_str(&format!("  {thing}\n"));
    }
    Ok(text)
}
