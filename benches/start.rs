//! What it takes to be there: time to the first answer, memory, size.

use std::{process::Stdio, time::Instant};

use super::{
    editor::Editor,
    home::{BINARY, Home},
    process,
    samples::{Samples, medians, millis},
    table::{Goal, Table, Value},
};

const STARTS: usize = 20;

pub fn measure(table: &mut Table) {
    let home = Home::new();
    let (mut answered, mut ended) = (Samples::default(), Samples::default());
    for _ in 0..STARTS {
        let start = Instant::now();
        let mut editor = Editor::start(&home);
        editor.initialize();
        answered.extend([millis(start.elapsed())]);
        drop(editor);

        let start = Instant::now();
        home.program().arg("--version").stdout(Stdio::null()).status().expect("it starts");
        ended.extend([millis(start.elapsed())]);
    }
    let goal = Goal::AtMost(Value::Millis(8.0));
    let (answered, ended) = (Value::Millis(answered.median()), Value::Millis(ended.median()));
    table.beside("spawn to initialize answer, p50", answered, "spawn of --version", ended, goal);

    let text = text(1_000_000);
    let memory = || {
        let mut editor = Editor::ready(&home);
        editor.code_actions("none.rs");
        let idle = process::resident(editor.pid())?;
        editor.open("large.rs", &text);
        editor.code_actions("large.rs");
        Some([idle, process::resident(editor.pid())?])
    };
    if memory().is_some() {
        let [idle, open] = medians(|| memory().unwrap_or_default());
        table.row("memory, idle", Value::Megabytes(idle), Goal::AtMost(Value::Megabytes(10.0)));
        table.row("memory, a 1 MB document open", Value::Megabytes(open), Goal::AtMost(Value::Megabytes(14.0)));
    }

    let bytes = std::fs::metadata(BINARY).map_or(0, |metadata| metadata.len());
    table.row("binary", Value::Megabytes(bytes as f64 / 1e6), Goal::AtMost(Value::Megabytes(12.0)));
}

/// A text of about so many bytes in lines of different length.
pub fn text(bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + 100);
    for number in 0.. {
        if text.len() >= bytes {
            break;
        }
        let indent = " ".repeat(number % 5 * 4);
        text.push_str(&format!("{indent}let value_{number} = compute(\"grün\", {});\n", number * 7919 % 100_003));
    }
    text
}
