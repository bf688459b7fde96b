//! What an editor asks for all the time: edits taken in, and code actions answered, also while much else is going on.

use std::{
    io::{Read, Write},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value as Json, json};

use super::{
    editor::{Editor, frame},
    home::Home,
    provider::{Pace, Provider},
    samples::{Samples, medians, millis},
    start::text,
    table::{Goal, Table, Value},
};

const EDITS: usize = 10_000;
const REQUESTS: usize = 500;
const DOCUMENTS: usize = 200;
const RUNS: usize = 50;
const LARGE: usize = 1_000_000;
/// About what a menu takes.
const MENU_BYTES: usize = 2_000;

pub fn measure(table: &mut Table) {
    edits(table);
    code_actions(table);
    while_streaming(table);
}

fn edits(table: &mut Table) {
    let mut rates = Vec::new();
    for size in [LARGE / 10, LARGE, LARGE * 10] {
        let text = text(size);
        let changes = changes(&text);
        let [rate] = medians(|| [edit_rate(&text, &changes)]);
        rates.push(rate);
    }
    let goal = Goal::AtLeast(Value::PerSecond(20_000.0));
    table.row("incremental edits, 1 MB", Value::PerSecond(rates[1]), goal);
    let beside = Value::PerSecond(rates[0]);
    for (name, rate) in [("incremental edits, 1 MB", rates[1]), ("incremental edits, 10 MB", rates[2])] {
        table.beside(&format!("  growth: {name}"), Value::PerSecond(rate), "0.1 MB", beside, Goal::None);
    }
}

/// The last one turns the document into a prompt document, so that the menu proves that all were taken in.
fn changes(text: &str) -> Vec<Vec<u8>> {
    let lines = text.lines().count();
    let mut changes: Vec<_> = (0..EDITS - 1)
        .map(|n| {
            // A large odd step spreads the places over the document.
            let line = n * 7919 % lines;
            let (start, end, text) = match n % 3 {
                0 => (0, 0, "x"),
                1 => (0, 1, ""),
                _ => (1, 3, "ab"),
            };
            json!({ "range": { "start": { "line": line, "character": start }, "end": { "line": line, "character": end } }, "text": text })
        })
        .collect();
    let start = json!({ "line": 0, "character": 0 });
    changes.push(json!({ "range": { "start": start, "end": start }, "text": "---\nstepwright: chat\n---\n" }));
    changes.iter().map(|change| change.to_string().into_bytes()).collect()
}

fn edit_rate(text: &str, changes: &[Vec<u8>]) -> f64 {
    let mut editor = Editor::ready(&Home::new());
    editor.open("large.md", text);
    editor.code_actions("large.md");
    let uri = editor.uri("large.md");
    let messages: Vec<u8> = changes
        .iter()
        .enumerate()
        .flat_map(|(n, change)| {
            let change: Json = serde_json::from_slice(change).expect("it was made of JSON");
            let document = json!({ "uri": uri, "version": n + 1 });
            let params = json!({ "textDocument": document, "contentChanges": [change] });
            frame(&json!({ "jsonrpc": "2.0", "method": "textDocument/didChange", "params": params }))
        })
        .collect();
    let start = Instant::now();
    editor.send_bytes(&messages);
    let menu = editor.code_actions("large.md");
    let elapsed = start.elapsed();
    assert_eq!(menu[0]["title"], "Run chat", "the last edit shows: {menu}");
    EDITS as f64 / elapsed.as_secs_f64()
}

fn code_actions(table: &mut Table) {
    let mut medians_by_size = Vec::new();
    for size in [LARGE / 10, LARGE, LARGE * 10] {
        let mut editor = crowded(&Home::new(), size);
        let [p50, p99] = medians(|| {
            let times = menu_times(&mut editor);
            [times.percentile(50), times.percentile(99)]
        });
        if size == LARGE {
            let [echo50, echo99] = medians(|| {
                let times = echo_times();
                [times.percentile(50), times.percentile(99)]
            });
            for (percent, time, echo, goal) in [(50, p50, echo50, 0.2), (99, p99, echo99, 1.0)] {
                let name = format!("code action, 1 MB, 200 documents, p{percent}");
                let goal = Goal::AtMost(Value::Millis(goal));
                table.beside(&name, Value::Millis(time), "echo by `cat`", Value::Millis(echo), goal);
            }
        }
        medians_by_size.push(p50);
    }
    for (name, p50) in [("1 MB", medians_by_size[1]), ("10 MB", medians_by_size[2])] {
        let beside = Value::Millis(medians_by_size[0]);
        table.beside(&format!("  growth: code action, {name}, p50"), Value::Millis(p50), "0.1 MB", beside, Goal::None);
    }
}

fn while_streaming(table: &mut Table) {
    // As fast as large models write, and longer than all requests take.
    let pace = Pace::words(3_000, Duration::ZERO, Duration::from_millis(20));
    let provider = Provider::start(pace);
    let home = Home::with_provider(provider.address, RUNS);
    let mut editor = crowded(&home, LARGE);
    let calm = menu_times(&mut editor).percentile(99);
    for _ in 0..RUNS {
        let uri = editor.uri("large.rs.txt");
        editor.run(json!({ "workflow": "chat", "instruction": "Say something.", "files": [], "uri": uri }));
        editor.notification("stepwright/text");
    }
    provider.wait_until_streaming(RUNS);
    let [p99] = medians(|| [menu_times(&mut editor).percentile(99)]);
    let goal = Goal::AtMost(Value::Millis(2.0));
    table.beside("code action while 50 runs stream, p99", Value::Millis(p99), "calm", Value::Millis(calm), goal);
}

/// What the machine itself takes, as busy as it is, for as many bytes there and back.
fn echo_times() -> Samples {
    let mut echo = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("there is a `cat`");
    let mut input = echo.stdin.take().expect("it is piped");
    let mut output = echo.stdout.take().expect("it is piped");
    let mut bytes = [b'x'; MENU_BYTES];
    let times = (0..REQUESTS)
        .map(|_| {
            let start = Instant::now();
            input.write_all(&bytes).and_then(|()| output.read_exact(&mut bytes)).expect("it echoes");
            millis(start.elapsed())
        })
        .collect();
    drop(input);
    echo.wait().expect("it ends with its input");
    times
}

/// An editor with one document of this size and many small ones.
fn crowded(home: &Home, size: usize) -> Editor {
    let mut editor = Editor::ready(home);
    editor.open("large.rs.txt", "small");
    for n in 1..DOCUMENTS {
        editor.open(&format!("src/small{n}.rs"), "fn main() {}\n");
    }
    editor.open("large.rs", &text(size));
    editor.code_actions("large.rs");
    editor
}

fn menu_times(editor: &mut Editor) -> Samples {
    (0..REQUESTS)
        .map(|_| {
            let start = Instant::now();
            editor.code_actions("large.rs");
            millis(start.elapsed())
        })
        .collect()
}
