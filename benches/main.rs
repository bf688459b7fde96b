//! The figures that users feel, each beside something measured in the same run and beside its goal. One table, no thresholds that fail a
//! build: times vary between machines, ratios less so.
//!
//! Knows which groups there are; how a figure comes about is each group's matter. Words on the command line pick groups.

mod answers;
mod buffer;
mod editor;
mod history;
mod home;
mod hunks;
mod process;
mod prompts;
mod provider;
mod runs;
mod samples;
mod start;
mod table;

use std::{process::exit, thread, time::Duration};

use table::Table;

/// How often a figure is measured; the table has the median.
pub const ROUNDS: usize = 5;

/// A server that hangs must not hang this.
const LONGEST: Duration = Duration::from_secs(240);

type Group = (&'static str, fn(&mut Table));

const GROUPS: &[Group] = &[
    ("start", start::measure),
    ("buffer", buffer::measure),
    ("prompts", prompts::measure),
    ("hunks", hunks::measure),
    ("answers", answers::measure),
    ("history", history::measure),
    ("runs", runs::measure),
];

fn main() {
    // Cargo adds `--bench`.
    let wanted: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    if let Some(unknown) = wanted.iter().find(|word| GROUPS.iter().all(|(name, _)| name != word)) {
        let names: Vec<_> = GROUPS.iter().map(|(name, _)| *name).collect();
        eprintln!("there is no group `{unknown}`; there are {}", names.join(", "));
        exit(2);
    }
    thread::spawn(|| {
        thread::sleep(LONGEST);
        eprintln!("given up after {} s: something hangs, or the machine is too busy", LONGEST.as_secs());
        exit(1);
    });
    let mut table = Table::begin();
    for (_, measure) in GROUPS.iter().filter(|(name, _)| wanted.is_empty() || wanted.iter().any(|word| word == name)) {
        measure(&mut table);
    }
    table.end();
}
