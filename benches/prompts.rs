//! Help in a prompt document with a long conversation: only its front matter should count.

use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use super::{
    editor::Editor,
    home::Home,
    process,
    provider::{Pace, Provider},
    samples::{Samples, medians, millis},
    table::{Goal, Table, Value},
};

const LINES: usize = 10_000;
const FILES: usize = 2_000;
const REQUESTS: usize = 200;
const OPENINGS: usize = 50;
/// Ten seconds of them, because processor time is counted in hundredths of one.
const TOKENS: usize = 1_000;
const TOKENS_PER_SECOND: u32 = 100;
const GOAL: Goal = Goal::AtMost(Value::Millis(5.0));

const FRONT: &str =
    "---\nstepwright: write-pages\npages: 3\nfiles: [src/m1/f1.rs, \"src/m1/*.rs\"]\nmodel: main\n---\n";

pub fn measure(table: &mut Table) {
    let home = Home::new();
    for n in 0..FILES {
        home.write(&format!("workspace/src/m{}/f{n}.rs", n % 40), "fn main() {}\n");
    }
    let medians_of = |lines: usize| {
        let mut editor = Editor::ready(&home);
        let uri = editor.uri("talk.md");
        editor.open("talk.md", &conversation(lines));
        editor.notification("textDocument/publishDiagnostics");
        let mut ask = |method: &str, line: u32, character: u32| {
            let params =
                json!({ "textDocument": { "uri": uri }, "position": { "line": line, "character": character } });
            let [p99] = medians(|| [times(&mut editor, method, &params).percentile(99)]);
            p99
        };
        let completion = ask("textDocument/completion", 3, 12);
        let hover = ask("textDocument/hover", 3, 12);
        let typing = typing(&mut editor, &uri);
        [completion, hover, typing]
    };
    let short = medians_of(10);
    let long = medians_of(LINES);
    let names = [
        "completion of a file among 2000, p99",
        "hover over a file, p99",
        "a key in the conversation, then a menu, p99",
    ];
    for (n, name) in names.into_iter().enumerate() {
        let beside = Value::Millis(short[n]);
        table.beside(&format!("{LINES} lines: {name}"), Value::Millis(long[n]), "10 lines", beside, GOAL);
    }
    let [short, long] = [10, LINES].map(|lines| opening(&home, lines));
    let beside = Value::Millis(short);
    table.beside(&format!("{LINES} lines: opened → diagnostics, p50"), Value::Millis(long), "10 lines", beside, GOAL);
    streaming(table);
}

/// What a reply costs that grows in the document, above one that comes in one piece: the share of one processor.
fn streaming(table: &mut Table) {
    let provider = Provider::start(Pace::words(TOKENS, Duration::ZERO, Duration::from_secs(1) / TOKENS_PER_SECOND));
    let home = Home::with_provider(provider.address, 1);
    // Linux alone tells.
    let share = |editor: &str, lines: usize| Some(100.0 * used(&home, editor, lines)?);
    let Some(whole) = share("helix", LINES) else { return };
    for lines in [10, LINES] {
        let Some(growing) = share("Neovim", lines) else { return };
        table.beside(
            &format!("{lines} lines: a reply at {TOKENS_PER_SECOND} tokens/s, CPU"),
            Value::Percent(growing),
            "in one piece",
            Value::Percent(whole),
            Goal::AtMost(Value::Percent(whole + 1.0)),
        );
    }
}

/// The share of the time of one reply that the server was busy.
fn used(home: &Home, name: &str, lines: usize) -> Option<f64> {
    let mut editor = Editor::named(home, name);
    let talk = conversation(lines).replace(FRONT, "---\nstepwright: chat\n---\n") + "And now?\n";
    editor.open("talk.md", &talk);
    editor.notification("textDocument/publishDiagnostics");
    let (before, start) = (process::processor_time(editor.pid())?, Instant::now());
    editor.run(json!({ "uri": editor.uri("talk.md") }));
    let end = editor.notification("stepwright/end");
    assert_eq!(end["params"]["status"], "finished", "{end}");
    Some((process::processor_time(editor.pid())? - before) / start.elapsed().as_secs_f64())
}

fn conversation(lines: usize) -> String {
    let turn = |n: usize| format!("What about {n}?\n\n## stepwright m{n}\n\nIt is as it is.\n\n## you\n\n");
    FRONT.to_owned() + &(0..lines / 8).map(turn).collect::<String>()
}

fn times(editor: &mut Editor, method: &str, params: &Json) -> Samples {
    let time = |_| {
        let start = Instant::now();
        let answer = editor.request(method, params.clone());
        assert!(!answer.is_null(), "{method} has an answer");
        millis(start.elapsed())
    };
    (0..REQUESTS).map(time).collect()
}

/// What one key costs, taken in and looked at.
fn typing(editor: &mut Editor, uri: &str) -> f64 {
    let start = json!({ "line": 7, "character": 0 });
    let mut version = 0;
    let mut time = |_| {
        version += 1;
        let change = json!({ "range": { "start": start, "end": start }, "text": "x" });
        let document = json!({ "uri": uri, "version": version });
        let start = Instant::now();
        editor.notify("textDocument/didChange", json!({ "textDocument": document, "contentChanges": [change] }));
        editor.code_actions("talk.md");
        millis(start.elapsed())
    };
    (0..REQUESTS).map(&mut time).collect::<Samples>().percentile(99)
}

/// Of one document after another; the first one had the workspace's files walked over.
fn opening(home: &Home, lines: usize) -> f64 {
    let mut editor = Editor::ready(home);
    let text = conversation(lines);
    let mut time = |n| {
        let start = Instant::now();
        editor.open(&format!("talk{n}.md"), &text);
        editor.notification("textDocument/publishDiagnostics");
        millis(start.elapsed())
    };
    time(0);
    (1..=OPENINGS).map(time).collect::<Samples>().median()
}
