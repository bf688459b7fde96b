//! An estimate as a person reads it in a terminal.

use std::fmt::Write;

use crate::engine::{
    estimate::{Estimate, SentFile, SentTo},
    money::grouped,
};

/// The headline, a table of what would be sent and to whom, and what else there is to know.
pub fn text(estimate: &Estimate) -> String {
    let mut rows: Vec<(String, String)> = Vec::new();
    for (name, SentFile { tokens, requests }) in &estimate.files {
        let times = if *requests == 1 { String::new() } else { format!(" × {requests}") };
        rows.push((name.clone(), format!("{} tokens{times}", grouped(*tokens))));
    }
    if estimate.models.len() > 1 {
        for (name, SentTo { requests, .. }) in &estimate.models {
            let what = if *requests == 1 { "request" } else { "requests" };
            rows.push((name.clone(), format!("{requests} {what}")));
        }
    }
    rows.push(("tokens in".to_owned(), grouped(estimate.input)));
    rows.push(("tokens out, expected".to_owned(), grouped(estimate.output)));
    rows.push(("cost, expected".to_owned(), estimate.money()));
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
    let mut out = format!("{}\n\n", estimate.headline());
    for (name, what) in rows {
        let _ = writeln!(out, "  {name:width$}  {what}");
    }
    out.push('\n');
    for note in estimate.notes() {
        let _ = writeln!(out, "  {note}");
    }
    for warning in &estimate.warnings {
        let _ = writeln!(out, "  ! {warning}");
    }
    out.push_str("  Nothing was sent.\n");
    out
}
