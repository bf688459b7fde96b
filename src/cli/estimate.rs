//! An estimate as a person reads it in a terminal.

use std::fmt::Write;

use crate::engine::{
    estimate::{Estimate, SentFile, SentTo},
    money::grouped,
};

/// What would be sent, to whom, for how much, and what else there is to know.
pub fn text(estimate: &Estimate) -> String {
    let files = estimate.files.iter().map(|(name, SentFile { tokens, requests })| {
        let times = if *requests == 1 { String::new() } else { format!(" in each of {requests} requests") };
        (name.clone(), format!("{} tokens{times}", grouped(*tokens)))
    });
    let models = estimate.models.iter().map(|(name, SentTo { requests, .. })| {
        (name.clone(), format!("{requests} request{}", if *requests == 1 { "" } else { "s" }))
    });
    let totals = [
        ("tokens in", grouped(estimate.input)),
        ("tokens out, expected", grouped(estimate.output)),
        ("cost, expected", estimate.money()),
    ];
    let totals = totals.map(|(name, value)| (name.to_owned(), value)).to_vec();
    let tables: [Vec<(String, String)>; 3] = [files.collect(), models.collect(), totals];
    let width = tables.iter().flatten().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
    let mut out = format!("{}:\n", estimate.volume());
    for table in tables.iter().filter(|table| !table.is_empty()) {
        out.push('\n');
        for (name, what) in table {
            let _ = writeln!(out, "  {name:width$}  {what}");
        }
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
