//! Help in the front matter of prompt documents: completion, hover, diagnostics, and fixes for them.

use expect_test::{Expect, expect};
use serde_json::{Value, json};

use super::{KEY, KEY_VARIABLE};
use crate::support::{
    editor::{Editor, Profile, Setup},
    provider::Provider,
};

const FILES: &[(&str, &str)] = &[
    ("src/lib.rs", "pub mod store;\n"),
    ("src/store.rs", "pub fn sell() {}\n"),
    ("docs/guide.md", "# Guide\n"),
    (".gitignore", "secret.txt\ntarget/\n"),
    ("secret.txt", "hush\n"),
    ("target/built.rs", "fn built() {}\n"),
];

/// An editor with `talk.md` open, whose front matter and body are these; `|` is where the cursor is.
fn open(profile: Profile, text: &str) -> (Editor, Value) {
    open_with(Setup::new(profile), text)
}

fn open_with(setup: Setup, text: &str) -> (Editor, Value) {
    let at = text.find('|').unwrap_or_default();
    let before = &text[..at];
    let line = before.matches('\n').count();
    let column = before.rsplit('\n').next().unwrap_or_default().encode_utf16().count();
    let text = text.replacen('|', "", 1);
    let files: Vec<_> = FILES.iter().copied().chain([("talk.md", text.as_str())]).collect();
    let mut editor = setup.files(&files).start();
    editor.open("talk.md");
    let position = json!({ "line": line, "character": column });
    let params = json!({ "textDocument": { "uri": editor.uri("talk.md") }, "position": position });
    (editor, params)
}

/// `label -> text that is put in (detail)`, a line each.
fn completions(profile: Profile, text: &str) -> String {
    let (mut editor, params) = open(profile, text);
    completions_at(&mut editor, params)
}

fn completions_at(editor: &mut Editor, params: Value) -> String {
    let answer = editor.request("textDocument/completion", params);
    let items = answer["result"]["items"].as_array().cloned().unwrap_or_default();
    let mut shown = String::new();
    for item in items {
        let edit = &item["textEdit"];
        let (start, end) = (&edit["range"]["start"]["character"], &edit["range"]["end"]["character"]);
        let detail = item["detail"].as_str().map(|detail| format!("  ({detail})")).unwrap_or_default();
        let (label, new) = (item["label"].as_str().unwrap(), edit["newText"].as_str().unwrap());
        shown += &format!("{label} -> {start}..{end} {new}{detail}\n");
    }
    shown
}

fn check(text: &str, expected: Expect) {
    for profile in Profile::ALL {
        expected.assert_eq(&completions(profile, text));
    }
}

#[test]
fn keys_and_values_are_completed() {
    check(
        "---\nstepwright: write-pages\nmodel: main\npa|\n---\n",
        expect![[r#"
            files -> 0..2 files:   (files to read: paths and globs, relative to the workspace)
            messages -> 0..2 messages:   (ids of earlier replies to use as context, in this order)
            pages -> 0..2 pages:   (a whole number from 1 to 10; 1 when left out)
            write -> 0..2 write:   (a file, relative to the workspace; the file is written)
            existing -> 0..2 existing:   (a text; ask when left out)
        "#]],
    );
    check(
        "---\nstepwright:|\n---\n",
        expect![[r#"
            chat -> 11..11  chat  (Chat)
            write -> 11..11  write  (Write)
            write-pages -> 11..11  write-pages  (Write Pages)
            write-tests -> 11..11  write-tests  (Write Tests)
            auto -> 11..11  auto  (Auto)
        "#]],
    );
    check(
        "---\nstepwright: chat\nmodel: |\n---\n",
        expect![[r#"
            main -> 7..7 main  (the role for planning and writing: found out by itself)
            fast -> 7..7 fast  (the role for names and summaries: found out by itself)
        "#]],
    );
    check(
        "---\nstepwright: write-pages\npages: |\n---\n",
        expect![[r#"
            1 -> 7..7 1
            2 -> 7..7 2
            3 -> 7..7 3
            4 -> 7..7 4
            5 -> 7..7 5
            6 -> 7..7 6
            7 -> 7..7 7
            8 -> 7..7 8
            9 -> 7..7 9
            10 -> 7..7 10
        "#]],
    );
}

/// Neovim and others leave out what doesn't begin with what is typed, whatever is offered.
#[test]
fn names_are_found_by_their_last_part() {
    for (profile, text, expected) in [
        (Profile::Neovim, "---\nstepwright: chat\nfiles: [gu|]\n---\n", "guide.md"),
        (Profile::Helix, "---\nstepwright: chat\nfiles: [\"gu|\"]\n---\n", "\"guide.md"),
        (Profile::Vscode, "---\nstepwright: chat\nfiles: [docs/g|]\n---\n", "docs/guide.md"),
    ] {
        let (mut editor, params) = open(profile, text);
        let item = editor.request("textDocument/completion", params)["result"]["items"][0].clone();
        assert_eq!((&item["label"], &item["filterText"]), (&json!("docs/guide.md"), &json!(expected)), "{text}");
    }
}

#[test]
fn models_that_servers_list_are_completed() {
    let list = r#"{"data":[{"id":"model"},{"id":"big-model"},{"id":"small"}]}"#;
    for profile in Profile::ALL {
        let provider = Provider::with_pages(vec![vec![]], [("/v1/models", list)]);
        // No command that prints a key is run because somebody types.
        let config = format!(
            "{}[providers.far]\nwire = \"openai\"\nbase-url = \"http://{}\"\nkey-command = [\"sh\", \"-c\", \"touch asked; echo k\"]\n",
            provider.config(),
            provider.address
        );
        let setup = Setup::new(profile).config(&config).variable(KEY_VARIABLE, KEY);
        let (mut editor, params) = open_with(setup, "---\nstepwright: chat\nmodel: mod|\n---\n");
        expect![[r#"
            fake/model -> 7..10 fake/model  (from the configuration)
            fake/big-model -> 7..10 fake/big-model  (listed by its server)
        "#]]
        .assert_eq(&completions_at(&mut editor, params.clone()));
        editor.replace("talk.md", (2, 7)..(2, 10), "fake/small");
        let hover = editor.request("textDocument/hover", params)["result"]["contents"]["value"].clone();
        assert_eq!(hover, "**fake/small**: listed by its server");
        assert_eq!(editor.disk("asked"), None);
        let asked = provider.gets().iter().filter(|seen| seen.head.starts_with("get /v1/models ")).count();
        assert_eq!(asked, 1, "asked once, and remembered");
    }
}

#[test]
fn files_are_completed_without_those_that_are_never_sent() {
    check(
        "---\nstepwright: chat\nfiles: [|]\n---\n",
        expect![[r#"
            talk.md -> 8..8 talk.md  (open)
            .gitignore -> 8..8 .gitignore
            docs/guide.md -> 8..8 docs/guide.md
            src/lib.rs -> 8..8 src/lib.rs
            src/store.rs -> 8..8 src/store.rs
            **/*.md -> 8..8 "**/*.md"  (2 files)
            **/*.rs -> 8..8 "**/*.rs"  (2 files)
            src/*.rs -> 8..8 "src/*.rs"  (2 files)
        "#]],
    );
    check(
        "---\nstepwright: chat\nfiles: [docs/guide.md, \"sr|\"]\n---\n",
        expect![[r#"
            src/lib.rs -> 23..27 src/lib.rs
            src/store.rs -> 23..27 src/store.rs
            src/*.rs -> 23..27 "src/*.rs"  (2 files)
        "#]],
    );
    check(
        "---\nstepwright: chat\nfiles: sto|\n---\n",
        expect![[r#"
            src/store.rs -> 7..10 [src/store.rs]
        "#]],
    );
    check(
        "---\nstepwright: write\nwrite: guide|\n---\n",
        expect![[r#"
            docs/guide.md -> 7..12 docs/guide.md
        "#]],
    );
}

#[test]
fn other_places_are_left_alone() {
    for text in
        ["---\nstepwright: chat\n---\nfi|les", "---\ntitle: x\nfi|\n---\n", "fi|", "---\nstepwright: chat # |\n---\n"]
    {
        assert_eq!(completions(Profile::Vscode, text), "", "{text}");
    }
}

#[test]
fn messages_are_completed_by_what_they_say() {
    let setup = Setup::new(Profile::Neovim).files(&[("talk.md", "---\nstepwright: chat\n---\nWho?\n")]);
    let mut editor =
        setup.replies(&[("Who?", "A program that writes other programs, and tests for them as well.")]).start();
    editor.open("talk.md");
    editor.execute("stepwright.run", json!({ "workflow": "chat", "uri": editor.uri("talk.md") }));
    editor.wait_run_end();
    editor.type_text("talk.md", (2, 0), "messages: []\n");
    let position = json!({ "line": 2, "character": 11 });
    let params = json!({ "textDocument": { "uri": editor.uri("talk.md") }, "position": position });
    let answer = editor.request("textDocument/completion", params);
    let item = &answer["result"]["items"][0];
    assert_eq!((&item["label"], &item["textEdit"]["newText"]), (&json!("m1"), &json!("m1")));
    assert_eq!(item["detail"], "A program that writes other programs, and tests for them as …");
    // Over the heading of the reply, what was said.
    let heading = editor.buffer("talk.md").lines().position(|line| line == "## stepwright m1").unwrap();
    let position = json!({ "line": heading, "character": 4 });
    let params = json!({ "textDocument": { "uri": editor.uri("talk.md") }, "position": position });
    let answer = editor.request("textDocument/hover", params);
    assert!(answer["result"]["contents"]["value"].as_str().unwrap().contains("Who?"), "{answer}");
}

fn hover(text: &str) -> String {
    let (mut editor, params) = open(Profile::Vscode, text);
    let answer = editor.request("textDocument/hover", params);
    answer["result"]["contents"]["value"].as_str().unwrap_or("nothing").to_owned()
}

#[test]
fn hover_says_what_it_does_and_costs() {
    expect![[r#"
        **Write Tests** (built-in)

        1. For each of *targets*:
           1. Generate File Name: Find where the tests of *target* go
           1. Plan Tests: Decide what to test in *target*, in which order, and how
           1. Write Tests: Write the whole test file; each test says what it protects
           1. Edge Cases: Add edge cases and boundaries, and save the final file (edits the file)
           1. Check: Run the tests, repair them with the output, set apart what still fails
        1. Summarize Tests: Say what is tested and what isn't"#]]
    .assert_eq(&hover("---\nstepwright: write-te|sts\n---\n"));
    expect!["**files**: files to read: paths and globs, relative to the workspace"]
        .assert_eq(&hover("---\nstepwright: chat\nfil|es: []\n---\n"));
    expect!["About 6 tokens (17 bytes)"].assert_eq(&hover("---\nstepwright: chat\nfiles: [src/st|ore.rs]\n---\n"));
    expect![[r#"
        2 files, about 11 tokens (32 bytes)

        - `src/lib.rs`: 5 tokens (15 bytes)
        - `src/store.rs`: 6 tokens (17 bytes)"#]]
    .assert_eq(&hover("---\nstepwright: chat\nfiles: [\"src/*|.rs\"]\n---\n"));
    expect!["failed to find `src/stor.rs`: no such file; did you mean `src/store.rs`?"]
        .assert_eq(&hover("---\nstepwright: chat\nfiles: [src/stor|.rs]\n---\n"));
    expect!["nothing"].assert_eq(&hover("---\nstepwright: chat\n---\nHel|lo\n"));
}

/// `line:from-to severity message` of what is published last, once there is something.
fn diagnostics(editor: &mut Editor) -> String {
    let uri = editor.uri("talk.md");
    let event = editor.wait_event("diagnostics", |event| {
        event["method"] == "textDocument/publishDiagnostics" && event["params"]["uri"] == uri.as_str()
    });
    let mut shown = String::new();
    for diagnostic in event["params"]["diagnostics"].as_array().unwrap() {
        let (start, end) = (&diagnostic["range"]["start"], &diagnostic["range"]["end"]);
        let severity = if diagnostic["severity"] == 1 { "error" } else { "warning" };
        let message = diagnostic["message"].as_str().unwrap();
        shown += &format!("{}:{}-{} {severity}: {message}\n", start["line"], start["character"], end["character"]);
    }
    shown
}

#[test]
fn mistakes_are_shown_at_their_place() {
    for profile in Profile::ALL {
        let text = "---\nstepwright: write-pages\nmodel: mian\npags: 3\npages: 99\nwrite: ../x.md\nfiles: [src/stor.rs, \"*.zig\", secret.txt, src]\nmessages: [m9]\n---\nHi\n";
        let (mut editor, _) = open(profile, text);
        expect![[r#"
            2:7-11 warning: there is no model `mian` in the configuration, so the default is used; did you mean `main`?
            3:0-4 warning: `write-pages` has no key `pags`, so it is ignored; its keys: stepwright, model, files, messages, pages, write, existing
            4:7-9 warning: `pages` is at most 10, so 10 is used instead of 99
            5:7-14 error: refused to write `../x.md`: it contains `..`
            6:8-19 error: failed to find `src/stor.rs`: no such file; did you mean `src/store.rs`?
            6:21-28 error: failed to expand `*.zig`: no file matches
            6:30-40 warning: `secret.txt` is sent although it is left out elsewhere: the rule `secret.txt` in $ROOT/.gitignore
            6:42-45 error: failed to use `src`: it is a folder; name its files with a glob such as `src/**/*`
            7:11-13 error: there is no message `m9`; ids look like `m1`, and stand over each reply
        "#]]
        .assert_eq(&diagnostics(&mut editor).replace(&editor.sandbox.workspace().display().to_string(), "$ROOT"));
        // Fixes are edits, from memory.
        for (line, title) in [(2, "Change to `main`"), (4, "Change to `10`"), (6, "Change to `src/store.rs`")] {
            editor.actions("talk.md", line..line);
            editor.pick(title);
        }
        expect![[r#"
            3:0-4 warning: `write-pages` has no key `pags`, so it is ignored; its keys: stepwright, model, files, messages, pages, write, existing
            5:7-14 error: refused to write `../x.md`: it contains `..`
            6:22-29 error: failed to expand `*.zig`: no file matches
            6:31-41 warning: `secret.txt` is sent although it is left out elsewhere: the rule `secret.txt` in $ROOT/.gitignore
            6:43-46 error: failed to use `src`: it is a folder; name its files with a glob such as `src/**/*`
            7:11-13 error: there is no message `m9`; ids look like `m1`, and stand over each reply
        "#]]
        .assert_eq(&diagnostics(&mut editor).replace(&editor.sandbox.workspace().display().to_string(), "$ROOT"));
        editor.replace("talk.md", (0, 0)..(8, 3), "# No front matter");
        assert_eq!(diagnostics(&mut editor), "", "{profile:?}: nothing is left behind");
    }
}

#[test]
fn each_kind_of_mistake() {
    for (front, expected) in [
        (
            "stepwright:",
            expect![[r#"
            1:0-10 error: say which workflow: chat, write, write-pages, write-tests, auto
        "#]],
        ),
        (
            "stepwright: wirte",
            expect![[r#"
            1:12-17 error: there is no workflow `wirte`; there are: chat, write, write-pages, write-tests, auto
        "#]],
        ),
        (
            "stepwright: chat\nfile: [src/lib.rs]",
            expect![[r#"
                2:0-4 error: `chat` has no key `file`; did you mean `files`?
            "#]],
        ),
        (
            "stepwright: write-pages\npages: three",
            expect![[r#"
            2:7-12 warning: `pages` takes a whole number, not `three`; 1 is used
        "#]],
        ),
        (
            "stepwright: write-pages\npages: 0",
            expect![[r#"
            2:7-8 error: `pages` takes a whole number of at least 1, not 0
        "#]],
        ),
        (
            "stepwright: chat\nmodel: [main",
            expect![[r#"
                2:0-12 error: failed to read the front matter: unclosed bracket '['
            "#]],
        ),
        (
            "stepwright: chat\nmodel: {a: b}",
            expect![[r#"
                2:0-5 error: `model` takes one value, not a list or a table
            "#]],
        ),
        (
            "stepwright: chat\nmodel: main\nmodel: fast",
            expect![[r#"
                3:0-5 error: the key `model` is there twice; take one of them out
            "#]],
        ),
        ("stepwright: chat\nfiles: [src/lib.rs]\nmodel: fast", expect![""]),
    ] {
        let (mut editor, _) = open(Profile::Helix, &format!("---\n{front}\n---\n"));
        expected.assert_eq(&diagnostics(&mut editor));
    }
}

#[test]
fn what_is_typed_below_is_not_looked_at_and_new_files_are() {
    let (mut editor, _) = open(Profile::Vscode, "---\nstepwright: chat\nfiles: [new.rs]\n---\nHi\n");
    expect![[r#"
        2:8-14 error: failed to find `new.rs`: no such file
    "#]]
    .assert_eq(&diagnostics(&mut editor));
    editor.type_text("talk.md", (4, 0), "More. ");
    editor.sandbox.write("new.rs", "fn new() {}\n");
    editor.open("new.rs");
    editor.save_all();
    // Only the save makes it look again, so this is its answer.
    assert_eq!(diagnostics(&mut editor), "");
    editor.close("talk.md");
    assert_eq!(diagnostics(&mut editor), "");
}
