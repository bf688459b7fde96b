//! What a person does in an editor, in each of the three kinds that the fake editor plays.

use serde_json::{Value, json};

use crate::support::{
    editor::{Editor, Profile, RunEnd, Setup},
    provider::{Act, KEY, KEY_VARIABLE, Provider, event, finish, good, stream_head, text},
};

mod apply;
mod cancel;
mod clients;
mod conversation;
mod documents;
mod front_matter;
mod helix;
mod job;
mod lasting;
mod menu;
mod mistakes;
mod own_files;
mod prompts;

/// An answer that waits for the test.
fn held(answer: &str) -> Vec<Act> {
    let end = [stream_head(), text(answer), finish("stop"), event("[DONE]")].concat();
    vec![Act::Hold, Act::Send(end)]
}

/// An editor whose model is a fake server, without summaries.
fn with_provider(profile: Profile, provider: &Provider, files: &[(&str, &str)]) -> Editor {
    let config = format!("summary = false\n{}[limits]\nconcurrency = 1\n", provider.config());
    Setup::new(profile).config(&config).variable(KEY_VARIABLE, KEY).files(files).start()
}

/// Runs `auto` on a file, up to the moment at which the model is asked the n-th time.
fn auto_until_asked(editor: &mut Editor, provider: &Provider, files: &[&str], times: usize) {
    editor.execute("stepwright.run", json!({ "workflow": "auto", "instruction": "Make it better.", "files": files }));
    for _ in 0..times {
        editor.wait_event("a step", |event| {
            event["method"] == "stepwright/step" && event["params"]["status"] == "in-progress"
        });
    }
    provider.wait_until_asked(times);
}

/// `changed a.py; pending b.py (why)`
fn files(end: &RunEnd) -> String {
    let line = |file: &Value| {
        let text = |key: &str| file[key].as_str().unwrap_or_default().to_owned();
        let reason = if file["reason"].is_string() { format!(" ({})", text("reason")) } else { String::new() };
        format!("{} {}{reason}", text("action"), text("file"))
    };
    end.files.iter().map(line).collect::<Vec<_>>().join("; ")
}

fn titles(editor: &mut Editor, file: &str, lines: std::ops::Range<u32>) -> String {
    editor.actions(file, lines).iter().map(|action| format!("{}\n", action.title)).collect()
}
