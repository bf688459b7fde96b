//! `stepwright demo`: all five workflows on a sample workspace. Answers come from a model if one is at hand, else from a script, so that
//! it needs neither a key nor a network.

use std::{fs, io, path::Path, sync::Arc};

use super::{
    Exit, Usage,
    drive::Here,
    output::{print, visible},
    run::{self, Arguments},
};
use crate::{
    config::{Key, Provider, Wire},
    engine::Outcome,
    history::History,
    setup,
    workflow::Status,
};

/// The sample workspace.
const FILES: &[(&str, &str)] = &[
    ("store.py", include_str!("demo/store.py")),
    ("report.py", include_str!("demo/report.py")),
    ("README.md", include_str!("demo/README.md")),
];
/// What the script answers.
const SCRIPT: &str = include_str!("demo/script.json");
/// Names the script in the sample's configuration.
const SCRIPTED: &str = "replay/demo";

/// Runs the demo in a new temporary folder, which stays for a look at it.
pub async fn run() -> Result<Exit, Usage> {
    let failed = |error: io::Error| Usage(format!("failed to set up the demo: {error}"));
    let folder = tempfile::Builder::new().prefix("stepwright-demo-").tempdir().map_err(failed)?.keep();
    let root = folder.join("shop");
    fs::create_dir_all(&root).map_err(failed)?;
    for (name, text) in FILES {
        fs::write(root.join(name), text).map_err(failed)?;
    }
    let mut setup = setup::read(None, None, std::slice::from_ref(&root));
    let environment = |name: &str| std::env::var(name).ok();
    let found = crate::model::check(&setup.settings, &environment, None).await;
    match found {
        Ok(model) => print(&format!("Answers come from {model}.\n\n")),
        Err(_) => {
            let script = folder.join("script.json");
            fs::write(&script, SCRIPT).map_err(failed)?;
            let settings = Arc::make_mut(&mut setup.settings);
            let provider = Provider { wire: Wire::Replay, base_url: None, key: Key::None, path: Some(script) };
            settings.providers.insert("replay".to_owned(), provider);
            settings.main = Some(SCRIPTED.to_owned());
            settings.fast = Some(SCRIPTED.to_owned());
            print("No model is configured and none was found on this machine, so a script answers.\n\n");
        }
    }
    // A trial isn't part of anybody's history.
    let histories = History::in_memory();
    let history = histories.workspace("");
    let here = Here { setup, histories, history };
    let mut all_finished = true;
    for arguments in steps() {
        print(&format!("$ stepwright run {}\n", shown(&arguments)));
        let Outcome { status, .. } = run::execute(&arguments, &here).await?;
        all_finished &= status == Status::Finished;
        print("\n");
    }
    print(&format!("The files are in {}:\n", root.display()));
    for name in names(&root).map_err(failed)? {
        let text = fs::read_to_string(root.join(&name)).map_err(failed)?;
        print(&format!("\n--- {name}\n{}", visible(&text)));
    }
    Ok(if all_finished { Exit::Finished } else { Exit::Failed })
}

/// One run of each workflow.
fn steps() -> [Arguments; 5] {
    let run = |workflow: &str, files: &[&str], tags: &[(&str, &str)], instruction: &str| Arguments {
        workflow: workflow.to_owned(),
        instruction: instruction.to_owned(),
        files: files.iter().map(|file| (*file).to_owned()).collect(),
        tags: tags.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        ..Arguments::default()
    };
    [
        run("chat", &["store.py"], &[], "What happens when something is sold that isn't there?"),
        run("write", &["store.py"], &[("write", "prices.py")], "Add a price list that the store can use."),
        run(
            "write-pages",
            &["store.py"],
            &[("pages", "2"), ("write", "GUIDE.md")],
            "Write a short guide for newcomers.",
        ),
        run("write-tests", &["store.py"], &[], ""),
        run("auto", &["store.py", "report.py"], &[], "Add a docstring to every function."),
    ]
}

fn shown(arguments: &Arguments) -> String {
    let mut words = vec![arguments.workflow.clone()];
    words.extend(arguments.files.iter().map(|file| format!("--file {file}")));
    words.extend(arguments.tags.iter().map(|(name, value)| format!("--tag {name}={value}")));
    if !arguments.instruction.is_empty() {
        words.push(format!("\"{}\"", arguments.instruction));
    }
    words.join(" ")
}

/// Of all files below a folder, sorted.
fn names(root: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            match path.strip_prefix(root) {
                _ if path.is_dir() => folders.push(path),
                Ok(name) => names.push(name.display().to_string()),
                Err(_) => {}
            }
        }
    }
    names.sort();
    Ok(names)
}
