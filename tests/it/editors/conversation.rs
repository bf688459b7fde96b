//! Conversations in prompt documents: replies that grow while they come, typing meanwhile, and what else the menu there does.

use expect_test::expect;
use serde_json::json;

use super::{KEY, KEY_VARIABLE, titles};
use crate::support::{
    editor::{Editor, Profile, Setup},
    provider::{Act, Provider, event, finish, stream_head, text},
};

const PROMPT: &str = "---\nstepwright: chat\n---\nTell me a story.\n";

/// An answer in pieces, each of which waits for the test.
fn pieces(pieces: &[&str]) -> Vec<Act> {
    let mut acts = vec![Act::Send(stream_head())];
    for piece in pieces {
        acts.extend([Act::Send(text(piece)), Act::Hold]);
    }
    acts.push(Act::Send([finish("stop"), event("[DONE]")].concat()));
    acts
}

fn telling(profile: Profile, provider: &Provider) -> Editor {
    let setup = Setup::new(profile).config(&provider.config()).variable(KEY_VARIABLE, KEY);
    let mut editor = setup.files(&[("talk.md", PROMPT), ("a.py", "a = 1\n")]).start();
    editor.open("talk.md");
    editor.actions("talk.md", 0..0);
    editor.pick("Run chat");
    editor
}

/// Lets the editor deal with what comes until the document has it.
fn settle(editor: &mut Editor, part: &str) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while !editor.buffer("talk.md").contains(part) {
        assert!(std::time::Instant::now() < deadline, "no `{part}` in\n{}", editor.buffer("talk.md"));
        // A round trip, in which edits are carried out.
        editor.actions("talk.md", 0..0);
    }
}

#[test]
fn a_reply_grows_while_it_comes_and_typing_goes_on() {
    for profile in [Profile::Vscode, Profile::Neovim] {
        let provider = Provider::start(vec![pieces(&["Once upon", " a time", " it ended."])]);
        let mut editor = telling(profile, &provider);
        settle(&mut editor, "Once upon");
        assert_eq!(
            editor.buffer("talk.md"),
            format!("{PROMPT}\n## stepwright …\n\nOnce upon\n\n## you\n\n"),
            "{profile:?}"
        );
        // Above and below what grows.
        editor.type_text("talk.md", (3, 16), " A short one.");
        let end = u32::try_from(editor.buffer("talk.md").lines().count()).unwrap();
        editor.type_text("talk.md", (end, 0), "And then?\n");
        provider.release();
        settle(&mut editor, "Once upon a time");
        provider.release();
        provider.release();
        assert_eq!(editor.wait_run_end().status, "finished");
        // Neovim prints labels, and four a second are too many.
        let transcript = editor.transcript();
        let edits = transcript.lines().filter_map(|line| line.strip_prefix("<- workspace/applyEdit "));
        let labels: Vec<_> =
            edits.map(|edit| serde_json::from_str::<serde_json::Value>(edit).unwrap()["label"].clone()).collect();
        let (last, growing) = labels.split_last().expect("edits");
        assert_eq!(last, "Chat: talk.md");
        assert!(growing.len() >= 2 && growing.iter().all(serde_json::Value::is_null), "{growing:?}");
        expect![[r#"
            ---
            stepwright: chat
            ---
            Tell me a story. A short one.

            ## stepwright m1

            Once upon a time it ended.

            ## you

            And then?
        "#]]
        // Neovim leaves another empty line at the end of what is typed there.
        .assert_eq(&format!("{}\n", editor.buffer("talk.md").trim_end()));
    }
}

#[test]
fn who_types_inside_it_gets_the_whole_below() {
    for profile in [Profile::Vscode, Profile::Neovim] {
        let provider = Provider::start(vec![pieces(&["Once upon", " a time."])]);
        let mut editor = telling(profile, &provider);
        settle(&mut editor, "Once upon");
        editor.type_text("talk.md", (7, 4), ", mark this,");
        provider.release();
        provider.release();
        assert_eq!(editor.wait_run_end().status, "finished");
        expect![[r#"
            ---
            stepwright: chat
            ---
            Tell me a story.

            ## stepwright …

            Once, mark this, upon

            ## you

            ## stepwright m1

            Once upon a time.

            ## you

        "#]]
        .assert_eq(&editor.buffer("talk.md"));
    }
}

#[test]
fn what_came_before_a_cancel_stays() {
    let provider = Provider::start(vec![pieces(&["Once upon", " a time."])]);
    let mut editor = telling(Profile::Vscode, &provider);
    settle(&mut editor, "Once upon");
    editor.execute("stepwright.cancel", json!({}));
    assert_eq!(editor.wait_run_end().status, "cancelled");
    assert_eq!(editor.buffer("talk.md"), format!("{PROMPT}\n## stepwright (stopped)\n\nOnce upon\n\n## you\n\n"));
}

#[test]
fn elsewhere_a_reply_comes_in_one_piece() {
    let provider = Provider::start(vec![pieces(&["Once upon", " a time."])]);
    let mut editor = telling(Profile::Helix, &provider);
    editor.wait_event("text", |event| event["method"] == "stepwright/text");
    provider.release();
    provider.release();
    editor.wait_run_end();
    assert_eq!(editor.transcript().matches("workspace/applyEdit").count(), 1);
    assert!(editor.buffer("talk.md").ends_with("## stepwright m1\n\nOnce upon a time.\n\n## you\n\n"));
}

#[test]
fn questions_first_then_a_better_prompt_then_the_run() {
    for profile in Profile::ALL {
        let setup =
            Setup::new(profile).files(&[("talk.md", "---\nstepwright: write-pages\npages: 2\n---\nWrite a guide.\n")]);
        let replies = [
            ("List the questions", "Here they are:\n\n1. For whom?\n2. How long?\n"),
            ("Rewrite it so that", "Write a short guide for newcomers."),
        ];
        let mut editor = setup.replies(&replies).start();
        editor.open("talk.md");
        expect![[r#"
            Run write-pages
            Estimate write-pages
            Ask me questions first
            Improve prompt
        "#]]
        .assert_eq(&titles(&mut editor, "talk.md", 4..4));
        editor.pick("Ask me questions first");
        assert_eq!(editor.wait_run_end().status, "finished");
        expect![[r#"
            ---
            stepwright: write-pages
            pages: 2
            ---
            Write a guide.

            Questions to answer first:

            1. For whom?
               Answer:
            2. How long?
               Answer:
        "#]]
        .assert_eq(&editor.buffer("talk.md"));
        editor.type_text("talk.md", (9, 10), " newcomers");
        editor.actions("talk.md", 4..4);
        editor.pick("Improve prompt");
        editor.wait_run_end();
        expect![[r#"
            ---
            stepwright: write-pages
            pages: 2
            ---
            Write a short guide for newcomers.
        "#]]
        .assert_eq(&editor.buffer("talk.md"));
        assert!(editor.messages().iter().all(|message| message.level == 3), "{:?}", editor.messages());
    }
}

#[test]
fn an_estimate_counts_the_conversation_and_sends_nothing() {
    for profile in Profile::ALL {
        let long =
            format!("{PROMPT}\n## stepwright m1\n\n{}\n\n## you\n\nAnd then?\n", "Once upon a time. ".repeat(500));
        let files = [("short.md", PROMPT), ("long.md", &long)];
        let mut editor = Setup::new(profile).files(&files).replies(&[("", "Never asked.")]).start();
        let tokens = ["short.md", "long.md"].map(|file| {
            editor.open(file);
            editor.actions(file, 0..0);
            editor.pick("Estimate chat");
            let text = editor.wait_message("Chat would send").text;
            let number = text.split("about ").nth(1).and_then(|rest| rest.split(" tokens").next());
            let digits: String = number.unwrap_or_default().chars().filter(char::is_ascii_digit).collect();
            digits.parse::<u32>().unwrap_or_else(|_| panic!("{text}"))
        });
        assert!(tokens[1] > tokens[0] + 1000, "{tokens:?}");
        assert_eq!(editor.buffer("short.md"), PROMPT);
        editor.wait_shown(2);
        editor.messages();
    }
}

#[test]
fn a_reply_becomes_context_elsewhere() {
    for profile in Profile::ALL {
        let other = "---\nstepwright: chat\n---\nAnd now?\n";
        let setup = Setup::new(profile).files(&[("talk.md", PROMPT), ("other.md", other)]);
        let mut editor = setup.replies(&[("Tell me", "Once."), ("And now?", "The end.")]).start();
        editor.open("talk.md");
        editor.open("other.md");
        editor.actions("talk.md", 0..0);
        editor.pick("Run chat");
        editor.wait_run_end();
        expect![[r#"
            Use reply m1 as context
            Use reply m1 as context in other.md
            Run chat
            Estimate chat
            Ask me questions first
            Improve prompt
        "#]]
        .assert_eq(&titles(&mut editor, "talk.md", 5..5));
        editor.pick("Use reply m1 as context in other.md");
        assert_eq!(editor.buffer("other.md"), "---\nstepwright: chat\nmessages: [m1]\n---\nAnd now?\n", "{profile:?}");
        editor.actions("talk.md", 5..5);
        editor.pick("Use reply m1 as context");
        editor.wait_shown(1);
        let path = tower_lsp::lsp_types::Url::parse(&editor.shown()[0]).unwrap().to_file_path().unwrap();
        let text = editor.buffer(&path.display().to_string());
        assert_eq!(text, "---\nstepwright: chat\nmessages: [m1]\n---\n\n");
        editor.actions("other.md", 0..0);
        editor.pick("Run chat");
        assert_eq!(editor.wait_run_end().status, "finished");
    }
}

#[test]
fn files_are_added_and_selected_prose_is_run() {
    for profile in Profile::ALL {
        let prompt = "---\nstepwright: chat\nfiles: [a.py]\n---\nFirst do this.\nThen that.\n";
        let files = [("talk.md", prompt), ("a.py", "a = 1\n"), ("b.py", "b = 1\n"), ("c.py", "c = 1\n")];
        let mut editor = Setup::new(profile).files(&files).replies(&[("Then that.", "Done.")]).start();
        for file in ["talk.md", "a.py", "b.py"] {
            editor.open(file);
        }
        editor.execute("stepwright.select", json!({ "files": ["b.py", "c.py"] }));
        editor.wait_message("2 files are selected");
        expect![[r#"
            Run selection as instruction
            Run chat
            Estimate chat
            Ask me questions first
            Improve prompt
            Add the open file b.py
            Add 2 selected files
        "#]]
        .assert_eq(&titles(&mut editor, "talk.md", 5..6));
        editor.pick("Add 2 selected files");
        assert_eq!(editor.buffer("talk.md"), prompt.replace("[a.py]", "[a.py, b.py, c.py]"), "{profile:?}");
        editor.actions("talk.md", 5..6);
        editor.pick("Run selection as instruction");
        assert_eq!(editor.wait_run_end().status, "finished");
        assert!(editor.buffer("talk.md").ends_with("\n## stepwright m1\n\nDone.\n\n## you\n\n"));
    }
}

#[test]
fn line_ends_stay_what_they_are() {
    for profile in Profile::ALL {
        let prompt = "---\r\nstepwright: chat\r\n---\r\nHello?\r\n";
        let setup = Setup::new(profile).files(&[("talk.md", prompt), ("a.py", "a = 1\n")]);
        let mut editor = setup.replies(&[("Hello?", "Yes.\nNo.")]).start();
        editor.open("talk.md");
        editor.open("a.py");
        editor.actions("talk.md", 0..0);
        editor.pick("Add the open file a.py");
        editor.actions("talk.md", 0..0);
        editor.pick("Run chat");
        editor.wait_run_end();
        let expected =
            "---\nstepwright: chat\nfiles: [a.py]\n---\nHello?\n\n## stepwright m1\n\nYes.\nNo.\n\n## you\n\n";
        assert_eq!(editor.buffer("talk.md"), expected.replace('\n', "\r\n"), "{profile:?}");
    }
}

#[test]
fn a_reply_that_cannot_be_put_in_waits() {
    let setup = Setup::new(Profile::Vscode).files(&[("talk.md", PROMPT)]);
    let mut editor = setup.replies(&[("Tell me", "Once.")]).start();
    editor.open("talk.md");
    editor.apply_mode = crate::support::editor::ApplyMode::Refuse("no".to_owned());
    editor.actions("talk.md", 0..0);
    editor.pick("Run chat");
    editor.wait_run_end();
    assert_eq!(editor.wait_message("it waits in the menu").level, 2);
    editor.apply_mode = crate::support::editor::ApplyMode::Honest;
    editor.actions("talk.md", 0..0);
    editor.pick("Apply result of Chat to talk.md");
    editor.wait_message("applied the result");
    assert_eq!(editor.buffer("talk.md"), format!("{PROMPT}\n## stepwright m1\n\nOnce.\n\n## you\n\n"));
}
