//! Whole runs against what their provider alone would take, and what their requests have in common.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashSet},
    process::Stdio,
    time::{Duration, Instant},
};

use serde_json::{Value as Json, json};

use super::{
    editor::Editor,
    home::Home,
    provider::{Pace, Provider, Served},
    samples::{Samples, medians, millis},
    table::{Goal, Table, Value},
};

const STEPS: usize = 5;
const FILES: usize = 500;
const CONCURRENCY: usize = 8;
/// Of the batch whose requests have documents in common.
const SHARING_FILES: usize = 24;
const FILE_LINES: usize = 60;

pub fn measure(table: &mut Table) {
    overhead(table);
    batch(table);
    shared(table);
}

fn overhead(table: &mut Table) {
    let provider = Provider::start(Pace::words(30, Duration::from_millis(50), Duration::from_millis(5)));
    let home = Home::with_provider(provider.address, 1);
    let steps = (1..=STEPS)
        .map(|n| format!("[[steps]]\ndo = \"chat\"\nmodule = \"Part {n}\"\nprompt = \"{{{{instruction}}}}\"\n"));
    home.write(
        "config/stepwright/workflows/parts.toml",
        &format!("title = \"Parts\"\noffer = \"file\"\n{}", steps.collect::<String>()),
    );
    let mut editor = Editor::ready(&home);
    let [whole, own] = medians(|| {
        let start = Instant::now();
        editor.run(json!({ "workflow": "parts", "instruction": "Say something." }));
        let end = editor.notification("stepwright/end");
        let whole = millis(start.elapsed());
        assert_eq!(end["params"]["status"], "finished", "{end}");
        let own = provider.take(STEPS).iter().map(|served| millis(served.ended - served.arrived)).sum();
        [whole, own]
    });
    let goal = Goal::AtMost(Value::Millis(own * 1.01));
    table.beside("run of 5 steps", Value::Millis(whole), "provider's own times", Value::Millis(own), goal);
}

/// From the start of the program to its end, every file written.
fn batch(table: &mut Table) {
    // Shorter than any model takes for a file.
    let provider = Provider::start(answering(Duration::from_millis(200)));
    let mut served = Vec::new();
    let [whole, ideal] = medians(|| {
        let home = home(&provider, "src", FILES);
        let whole = run(&home, &["auto", "Change the file.", "--file", "src/*.rs"]);
        served = provider.take(FILES);
        [millis(whole), ideal(&served)]
    });
    let goal = Goal::AtMost(Value::Millis(ideal * 1.03));
    let name = "batch of 500 files, 8 side by side";
    table.beside(name, Value::Millis(whole), "ideal schedule", Value::Millis(ideal), goal);
    prefix(table, "same beginning, batch without common documents", &served);
}

/// A batch in which each request carries the same documents.
fn shared(table: &mut Table) {
    let provider = Provider::start(answering(Duration::ZERO));
    let home = home(&provider, "src", SHARING_FILES);
    home.write(
        "config/stepwright/workflows/align.toml",
        "title = \"Align\"\noffer = \"files\"\n[[steps]]\ndo = \"for-each\"\nitems = \"files\"\nas = \"target\"\nparallel = 8\n\
         [[steps.steps]]\ndo = \"save\"\nmodule = \"Align\"\nfile = \"{{target}}\"\nmode = \"replace\"\n\
         prompt = \"\"\"\nFiles at hand: {{files}}\n\nAlign {{target}} with them: {{instruction}}\"\"\"\n",
    );
    run(&home, &["align", "Use the same names.", "--file", "src/*.rs"]);
    prefix(table, "same beginning, batch with common documents", &provider.take(SHARING_FILES));
}

fn home(provider: &Provider, folder: &str, files: usize) -> Home {
    let home = Home::with_provider(provider.address, CONCURRENCY);
    for file in 0..files {
        home.write(&format!("workspace/{folder}/file{file}.rs"), &source(&format!("before{file}")));
    }
    home
}

fn source(name: &str) -> String {
    (0..FILE_LINES).map(|line| format!("pub fn {name}_{line}() -> u32 {{ {line} }}\n")).collect()
}

/// Every file gets the same content.
fn answering(before: Duration) -> Pace {
    let answer = format!("```rust\n{}```\n", source("after"));
    Pace { before, gap: Duration::ZERO, pieces: vec![answer], ends: true }
}

fn run(home: &Home, arguments: &[&str]) -> Duration {
    let start = Instant::now();
    let output =
        home.program().args(["run", "--json"]).args(arguments).stdin(Stdio::null()).output().expect("it starts");
    let elapsed = start.elapsed();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", output.status);
    elapsed
}

/// How long the same requests take when each begins as soon as one of the places is free.
fn ideal(served: &[Served]) -> f64 {
    let mut requests: Vec<_> = served.iter().collect();
    requests.sort_by_key(|served| served.arrived);
    let mut places: BinaryHeap<_> = std::iter::repeat_n(Reverse(Duration::ZERO), CONCURRENCY).collect();
    let mut last = Duration::ZERO;
    for request in requests {
        let Reverse(free) = places.pop().expect("there are as many as before");
        let end = free + (request.ended - request.arrived);
        last = last.max(end);
        places.push(Reverse(end));
    }
    millis(last)
}

/// What two requests begin with alike, of all that they have in common. The instruction isn't counted: it comes last on purpose.
fn prefix(table: &mut Table, figure: &str, served: &[Served]) {
    let texts: Vec<_> = served.iter().map(|served| material(&served.body)).collect();
    let (first, others) = texts.split_first().expect("a batch has requests");
    let shares = others.iter().map(|other| {
        let same = first.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
        (same as f64 / common(first, other) as f64).min(1.0)
    });
    let share = shares.collect::<Samples>().median();
    table.row(figure, Value::Times(share), Goal::AtLeast(Value::Times(0.9)));
}

/// The prompt up to the end of its last document.
fn material(body: &str) -> String {
    let body: Json = serde_json::from_str(body).expect("a request is JSON");
    let messages = body["messages"].as_array().into_iter().flatten();
    let mut text: String =
        messages.map(|message| format!("{}\n", message["content"].as_str().unwrap_or_default())).collect();
    text.truncate(text.rfind("</document-").expect("a batch is about documents"));
    text
}

/// Bytes of the lines that both have: the most that any layout could put first.
fn common(a: &str, b: &str) -> usize {
    let lines: HashSet<&str> = a.lines().collect();
    b.lines().filter(|line| lines.contains(line)).map(|line| line.len() + 1).sum()
}
