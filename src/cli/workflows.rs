//! `stepwright workflows`: what can be run, and what is wrong in workflow files.

use std::{fmt::Write, path::Path};

use serde_json::json;

use super::Usage;
use crate::setup;

/// The catalogue as text, or as JSON.
pub fn list(config: Option<&Path>, as_json: bool) -> Result<String, Usage> {
    let root = std::env::current_dir().map_err(|error| Usage(format!("failed to find the current folder: {error}")))?;
    let setup = setup::read(config, None, &[root]);
    let entries = setup.catalog.entries();
    if as_json {
        let entries = entries.iter().map(|entry| {
            let problems = entry.problems.iter().map(|p| json!({ "message": p.message, "line": p.line }));
            let title = entry.workflow.as_ref().map_or_else(|| entry.name(), |workflow| workflow.title.0.clone());
            json!({ "id": entry.id, "title": title, "source": entry.source, "problems": problems.collect::<Vec<_>>() })
        });
        return Ok(format!("{}\n", serde_json::Value::from_iter(entries)));
    }
    let width = entries.iter().map(|entry| entry.id.len()).max().unwrap_or_default();
    let mut out = String::new();
    for entry in entries {
        let title = entry.workflow.as_ref().map_or_else(|| entry.name(), |workflow| workflow.title.0.clone());
        let title = title.replace("{{file}}", "…");
        let _ = writeln!(out, "{:width$}  {title}  ({})", entry.id, entry.source);
        for problem in &entry.problems {
            let _ = writeln!(out, "{:width$}  ! {problem}", "");
        }
    }
    Ok(out)
}
