//! Documents that aren't what they were when the run began, and documents that must stay as they are.

use serde_json::json;

use super::{auto_until_asked, files, held, with_provider};
use crate::support::{
    editor::{Editor, Profile, Setup},
    provider::Provider,
};

const BEFORE: &str = "a = 1\nb = 1\nc = 1\nd = 1\ne = 1\n";
const ANSWER: &str = "```python\na = 1\nb = 2\nc = 1\nd = 1\ne = 1\n```";

/// The model is asked about `a.py`, and takes its time.
fn waiting(profile: Profile) -> (Editor, Provider) {
    let provider = Provider::start(vec![held(ANSWER)]);
    let mut editor = with_provider(profile, &provider, &[("a.py", BEFORE)]);
    editor.open("a.py");
    auto_until_asked(&mut editor, &provider, &["a.py"], 1);
    (editor, provider)
}

#[test]
fn typing_elsewhere_survives() {
    for profile in Profile::ALL {
        let (mut editor, provider) = waiting(profile);
        editor.type_text("a.py", (4, 0), "typed = 1\n");
        provider.release();
        let end = editor.wait_run_end();
        assert_eq!(files(&end), "changed a.py", "{profile:?}");
        assert_eq!(editor.buffer("a.py"), "a = 1\nb = 2\nc = 1\nd = 1\ntyped = 1\ne = 1\n", "{profile:?}");
    }
}

#[test]
fn typing_in_the_same_place_wins() {
    for profile in Profile::ALL {
        let (mut editor, provider) = waiting(profile);
        editor.replace("a.py", (1, 4)..(1, 5), "99");
        provider.release();
        let end = editor.wait_run_end();
        assert_eq!(files(&end), "pending a.py (the same lines were changed while the run was going on)", "{profile:?}");
        assert_eq!(editor.buffer("a.py"), BEFORE.replace("b = 1", "b = 99"), "{profile:?}");
        assert!(editor.actions("a.py", 0..0).iter().any(|action| action.title == "Apply result of Auto to a.py"));
    }
}

#[test]
fn a_document_may_be_closed_meanwhile() {
    for profile in Profile::ALL {
        let (mut editor, provider) = waiting(profile);
        editor.close("a.py");
        provider.release();
        let end = editor.wait_run_end();
        assert_eq!(files(&end), "changed a.py", "{profile:?}: {}", end.summary);
        editor.save_all();
        assert_eq!(editor.disk("a.py").unwrap(), BEFORE.replace("b = 1", "b = 2"), "{profile:?}");

        // Closed without saving what was typed: then the disk is what counts.
        let (mut editor, provider) = waiting(profile);
        editor.replace("a.py", (1, 4)..(1, 5), "99");
        editor.close("a.py");
        provider.release();
        editor.wait_run_end();
        editor.save_all();
        assert_eq!(editor.disk("a.py").unwrap(), BEFORE.replace("b = 1", "b = 2"), "{profile:?}");
    }
}

#[test]
fn a_file_may_change_on_disk_meanwhile() {
    let provider = Provider::start(vec![held(ANSWER)]);
    let mut editor = with_provider(Profile::Helix, &provider, &[("a.py", BEFORE)]);
    auto_until_asked(&mut editor, &provider, &["a.py"], 1);
    editor.sandbox.write("a.py", BEFORE.replace("b = 1", "b = 99"));
    provider.release();
    let end = editor.wait_run_end();
    assert!(files(&end).starts_with("pending a.py ("), "{}", files(&end));
    assert_eq!(editor.disk("a.py").unwrap(), BEFORE.replace("b = 1", "b = 99"));
}

#[test]
fn two_runs_on_one_document_lose_nothing() {
    for profile in Profile::ALL {
        let other = ANSWER.replace("b = 2", "b = 1").replace("e = 1", "e = 2");
        let provider = Provider::start(vec![held(ANSWER), held(&other)]);
        let config = format!("summary = false\n{}[limits]\nconcurrency = 2\n", provider.config());
        let setup = Setup::new(profile).config(&config).variable(super::KEY_VARIABLE, super::KEY);
        let mut editor = setup.files(&[("a.py", BEFORE)]).start();
        editor.open("a.py");
        auto_until_asked(&mut editor, &provider, &["a.py"], 1);
        editor.execute("stepwright.run", json!({ "workflow": "auto", "instruction": "Also this.", "files": ["a.py"] }));
        editor.wait_event("a step", |event| {
            event["params"]["status"] == "in-progress" && event["params"]["step_id"] == 1
        });
        provider.wait_until_asked(2);
        provider.release();
        provider.release();
        for _ in 0..2 {
            assert_eq!(files(&editor.wait_run_end()), "changed a.py", "{profile:?}");
        }
        assert_eq!(editor.buffer("a.py"), "a = 1\nb = 2\nc = 1\nd = 1\ne = 2\n", "{profile:?}");
    }
}

#[test]
fn untouched_bytes_stay_untouched() {
    let answer = "```python\na = 1\nb = 2\nc = 'a𐐀é'\n```";
    for profile in Profile::ALL {
        for (before, after) in [
            ("a = 1\r\nb = 1\r\nc = 'a𐐀é'\r\n", "a = 1\r\nb = 2\r\nc = 'a𐐀é'\r\n"),
            ("a = 1\nb = 1\nc = 'a𐐀é'", "a = 1\nb = 2\nc = 'a𐐀é'"),
            ("a = 1\r\nb = 1\nc = 'a𐐀é'\r\n", "a = 1\r\nb = 2\nc = 'a𐐀é'\r\n"),
            ("\u{feff}a = 1\nb = 1\nc = 'a𐐀é'\n", "\u{feff}a = 1\nb = 2\nc = 'a𐐀é'\n"),
        ] {
            // VS Code makes all line ends of a document the same by itself.
            if profile == Profile::Vscode && before.contains("\r\n") && before.replace("\r\n", "").contains('\n') {
                continue;
            }
            for is_open in [true, false] {
                let setup = Setup::new(profile).files(&[("a.py", before)]);
                let mut editor = setup.replies(&[("the file a.py", answer), ("Summarize", "Done.")]).start();
                if is_open {
                    editor.open("a.py");
                }
                editor.execute("stepwright.run", json!({ "workflow": "auto", "instruction": "x", "files": ["a.py"] }));
                assert_eq!(files(&editor.wait_run_end()), "changed a.py", "{profile:?} {before:?}");
                assert_eq!(editor.buffer("a.py"), after, "{profile:?}, open: {is_open}");
            }
        }
    }
}
