//! What an answer costs between its arrival and the edit that goes to the editor.

use std::{hint::black_box, time::Instant};

use stepwright::document::{edit, merge::merge, position::Encoding};

use super::{
    samples::{Samples, medians, millis},
    start::text,
    table::{Goal, Table, Value},
};

/// Of the text that the goal is about.
const LINES: usize = 5_000;
/// One edit in so many lines.
const EDIT_EVERY: usize = 100;

pub fn measure(table: &mut Table) {
    let times: Vec<_> = [LINES / 10, LINES, LINES * 10].map(time).into();
    table.row("hunks, 50 edits in 5 000 lines", Value::Millis(times[1]), Goal::AtMost(Value::Millis(1.0)));
    let beside = Value::Millis(times[0]);
    table.beside("  growth: 50 edits in 5 000 lines", Value::Millis(times[1]), "5 in 500", beside, Goal::None);
    table.beside("  growth: 500 edits in 50 000 lines", Value::Millis(times[2]), "5 in 500", beside, Goal::None);
    let times: Vec<_> = [LINES / 10, LINES, LINES * 10].map(merge_time).into();
    table.row("merge, 50 hunks in 5 000 lines", Value::Millis(times[1]), Goal::AtMost(Value::Millis(2.0)));
    let beside = Value::Millis(times[0]);
    table.beside("  growth: 50 hunks in 5 000 lines", Value::Millis(times[1]), "5 in 500", beside, Goal::None);
    table.beside("  growth: 500 hunks in 50 000 lines", Value::Millis(times[2]), "5 in 500", beside, Goal::None);
}

fn time(lines: usize) -> f64 {
    let (old, new) = (sample(lines), changed(&sample(lines), "// changed", EDIT_EVERY / 2));
    median(|| {
        let edits = edit::edits(black_box(&old), black_box(&new), Encoding::Utf16);
        assert_eq!(black_box(edits).len(), lines / EDIT_EVERY);
    })
}

/// As many hunks on either side, in different places.
fn merge_time(lines: usize) -> f64 {
    let old = sample(lines);
    let (ours, theirs) = (changed(&old, "// typed", EDIT_EVERY / 4), changed(&old, "// made", EDIT_EVERY / 2));
    median(|| {
        let merged = merge(black_box(&old), black_box(&ours), black_box(&theirs));
        assert!(black_box(merged).conflicts.is_empty());
    })
}

fn sample(lines: usize) -> String {
    text(lines * 80).split_inclusive('\n').take(lines).collect()
}

/// With a line more at one place in each stretch.
fn changed(old: &str, added: &str, at: usize) -> String {
    let lines = old.split_inclusive('\n').enumerate();
    lines.map(|(n, line)| if n % EDIT_EVERY == at { format!("{added}\n{line}") } else { line.to_owned() }).collect()
}

fn median(work: impl Fn()) -> f64 {
    let [time] = medians(|| {
        let times = (0..10).map(|_| {
            let start = Instant::now();
            work();
            millis(start.elapsed())
        });
        [times.collect::<Samples>().median()]
    });
    time
}
