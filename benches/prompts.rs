//! Help in a prompt document with a long conversation: only its front matter should count.

use std::time::Instant;

use serde_json::{Value as Json, json};

use super::{
    editor::Editor,
    home::Home,
    samples::{Samples, medians, millis},
    table::{Goal, Table, Value},
};

const LINES: usize = 10_000;
const FILES: usize = 2_000;
const REQUESTS: usize = 200;
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
    let [opening] = medians(|| [opening(&home)]);
    table.row(&format!("{LINES} lines: opened → diagnostics"), Value::Millis(opening), Goal::None);
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

/// The first walk over the workspace's files is part of it.
fn opening(home: &Home) -> f64 {
    let mut editor = Editor::ready(home);
    let text = conversation(LINES);
    let start = Instant::now();
    editor.open("talk.md", &text);
    editor.notification("textDocument/publishDiagnostics");
    millis(start.elapsed())
}
