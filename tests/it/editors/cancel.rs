//! Ending a run before its time: by the user in each way there is, and by the editor's leaving.

use serde_json::{Value, json};

use super::{auto_until_asked, files, good, with_provider};
use crate::support::{
    editor::{Editor, Profile},
    provider::{Act, Provider},
};

/// The first file is done; the second one's answer never comes.
fn half_way(profile: Profile) -> (Editor, Provider) {
    let provider = Provider::start(vec![good("```python\na = 2\n```"), vec![Act::Stall]]);
    let mut editor =
        with_provider(profile, &provider, &[("a.py", "a = 1\n"), ("b.py", "b = 1\n"), ("c.py", "c = 1\n")]);
    editor.open("a.py");
    auto_until_asked(&mut editor, &provider, &["a.py", "b.py", "c.py"], 2);
    (editor, provider)
}

fn is_cancelled(mut editor: Editor, provider: &Provider) {
    let end = editor.wait_run_end();
    assert_eq!(end.status, "cancelled");
    assert_eq!(files(&end), "changed a.py", "what was finished before stays");
    editor.wait_message("was cancelled");
    provider.wait_until_left();
    assert_eq!(provider.posts().len(), 2, "nothing more is asked");
    let statuses = |id: u64| -> Vec<Value> {
        let steps = editor.events().iter().filter(|event| event["params"]["step_id"] == id);
        steps
            .filter(|event| event["method"] == "stepwright/step")
            .map(|event| event["params"]["status"].clone())
            .collect()
    };
    assert_eq!(statuses(2), ["in-progress", "cancelled"]);
    assert_eq!(statuses(3), ["skipped"]);
    assert_eq!(editor.buffer("a.py"), "a = 2\n");
    let left = editor.actions("a.py", 0..0);
    assert!(!left.iter().any(|action| action.title.starts_with("Cancel")), "it is over");
}

#[test]
fn by_a_click_on_the_progress() {
    let (mut editor, provider) = half_way(Profile::Vscode);
    editor.cancel_progress();
    is_cancelled(editor, &provider);
}

#[test]
fn by_command() {
    for profile in Profile::ALL {
        let (mut editor, provider) = half_way(profile);
        editor.execute("stepwright.cancel", json!({ "run": "no such run" }));
        editor.wait_message("nothing to cancel");
        editor.execute("stepwright.cancel", json!({}));
        is_cancelled(editor, &provider);
    }
}

#[test]
fn by_code_action() {
    for profile in Profile::ALL {
        let (mut editor, provider) = half_way(profile);
        editor.actions("a.py", 0..0);
        editor.pick("Cancel Auto");
        is_cancelled(editor, &provider);
    }
}

#[test]
fn by_the_editor_s_leaving() {
    for profile in Profile::ALL {
        let (mut editor, provider) = half_way(profile);
        // The harness looks at the progress: it has ended.
        assert_eq!(editor.shutdown(), Some(0));
        provider.wait_until_left();
        let end = editor.events().iter().find(|event| event["method"] == "stepwright/end").expect("the run has ended");
        assert_eq!(end["params"]["status"], "interrupted");
    }
}

#[test]
fn only_the_run_that_is_meant() {
    let provider = Provider::start(vec![vec![Act::Stall]]);
    let mut editor = with_provider(Profile::Vscode, &provider, &[("a.py", "a = 1\n")]);
    let run = |editor: &mut Editor| {
        editor.execute("stepwright.run", json!({ "workflow": "chat", "instruction": "Hello" }));
        let event = editor.wait_event("a run", |event| event["method"] == "stepwright/workflow");
        event["params"]["run"].as_str().unwrap().to_owned()
    };
    let (first, second) = (run(&mut editor), run(&mut editor));
    editor.execute("stepwright.cancel", json!({ "run": first }));
    assert_eq!(editor.wait_run_end().run, first);
    editor.execute("stepwright.cancel", json!({ "run": second }));
    assert_eq!(editor.wait_run_end().run, second);
}
