//! What an answer costs between its arrival and the edit that goes to the editor.

use std::{hint::black_box, time::Instant};

use stepwright::document::{edit, position::Encoding};

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
}

fn time(lines: usize) -> f64 {
    let old: String = text(lines * 80).split_inclusive('\n').take(lines).collect();
    let new: String = old
        .split_inclusive('\n')
        .enumerate()
        .map(|(n, line)| if n % EDIT_EVERY == EDIT_EVERY / 2 { format!("// changed\n{line}") } else { line.to_owned() })
        .collect();
    let [time] = medians(|| {
        let times = (0..10).map(|_| {
            let start = Instant::now();
            let edits = edit::edits(black_box(&old), black_box(&new), Encoding::Utf16);
            assert_eq!(black_box(edits).len(), lines / EDIT_EVERY);
            millis(start.elapsed())
        });
        [times.collect::<Samples>().median()]
    });
    time
}
