//! Every sample in the README, in `docs/` and in VS Code's walkthrough works as it stands there, and every link leads somewhere.

use std::{
    fs,
    path::{Path, PathBuf},
};

use stepwright::{
    config::{self, Sources},
    document::{marker, prompt},
    workflow::Workflow,
};

use crate::support::editor::{Profile, Setup};

struct Page {
    path: PathBuf,
    text: String,
}

impl Page {
    /// The fenced blocks whose info string is this.
    fn blocks(&self, info: &str) -> Vec<String> {
        let opening = format!("```{info}\n");
        self.text.split(&opening).skip(1).map(|rest| rest.split("```").next().unwrap_or_default().to_owned()).collect()
    }

    /// What `[…](…)` and `![…](…)` lead to, outside code.
    fn links(&self) -> Vec<&str> {
        let prose = self.text.split("```").step_by(2);
        prose
            .flat_map(|text| text.split("](").skip(1))
            .filter_map(|rest| rest.split(')').next())
            .filter(|link| !link.starts_with("http"))
            .collect()
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn pages() -> Vec<Page> {
    let mut paths =
        ["README.md", "CHANGELOG.md", "editors/vscode/walkthrough/model.md"].map(|name| root().join(name)).to_vec();
    let mut folders = vec![root().join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("docs can be listed").flatten() {
            match entry.path() {
                path if path.is_dir() => folders.push(path),
                path if path.extension().is_some_and(|extension| extension == "md") => paths.push(path),
                _ => {}
            }
        }
    }
    assert!(paths.len() > 12, "the pages are somewhere else");
    paths.into_iter().map(|path| Page { text: fs::read_to_string(&path).expect("text"), path }).collect()
}

fn samples(info: &str) -> Vec<(PathBuf, String)> {
    let all = pages().into_iter().flat_map(|page| {
        page.blocks(info).into_iter().map(move |block| (page.path.clone(), block)).collect::<Vec<_>>()
    });
    all.collect()
}

#[test]
fn configurations_are_right() {
    let samples = samples("toml");
    assert!(samples.len() > 12);
    for (path, sample) in samples {
        let user = Some((PathBuf::from("/home/me/.config/stepwright/config.toml"), sample.clone()));
        let loaded = config::load(&Sources { user, editor: None, workspace: None });
        assert_eq!(loaded.problems, [], "{}: {sample}", path.display());
    }
}

#[test]
fn workflows_are_right() {
    let samples = samples("toml workflow");
    assert!(!samples.is_empty());
    for (path, sample) in samples {
        let (workflow, problems) = Workflow::parse(&sample);
        assert!(workflow.is_some() && problems.is_empty(), "{}: {problems:?}\n{sample}", path.display());
    }
}

fn prompts() -> Page {
    let path = root().join("docs/prompt-documents.md");
    Page { text: fs::read_to_string(&path).expect("text"), path }
}

/// Each runs in an editor, and nothing in it is marked as a mistake.
#[test]
fn prompt_documents_are_right() {
    let samples = prompts().blocks("markdown");
    assert_eq!(samples.len(), 2);
    for sample in samples {
        let document = prompt::parse(&sample).expect("a prompt document").expect("good front matter");
        assert!(!document.instruction.is_empty());
        let setup =
            Setup::new(Profile::Vscode).files(&[("talk.md", &sample), ("src/lib.rs", ""), ("src/store.rs", "")]);
        let replies = [
            ("Who calls it?", "Nobody."),
            ("exactly 3", "1. a\n2. b\n3. c"),
            ("Write page", "A page."),
            ("Summarize", "Done."),
        ];
        let mut editor = setup.replies(&replies).start();
        editor.open("talk.md");
        let event = editor.wait_event("diagnostics", |event| event["method"] == "textDocument/publishDiagnostics");
        assert_eq!(event["params"]["diagnostics"], serde_json::json!([]), "{sample}");
        editor.actions("talk.md", 0..0);
        editor.pick(&format!("Run {}", document.workflow));
        assert_eq!(editor.wait_run_end().status, "finished");
        editor.messages();
    }
}

#[test]
fn markers_are_right() {
    let text = prompts().blocks("python").concat();
    let lines: Vec<&str> = text.lines().collect();
    let line_at = |line: u32| lines.get(line as usize).map(|line| (*line).to_owned());
    let found = marker::near(&line_at, 0, "python", "a.py", "AI").expect("a marker");
    assert_eq!(
        (found.last_line, found.instruction.as_str()),
        (1, "add type hints and docstrings, but change nothing else")
    );
}

#[test]
fn command_lines_are_understood() {
    let blocks = samples("console");
    let lines = blocks.iter().flat_map(|(path, block)| block.lines().map(move |line| (path, line)));
    let commands: Vec<_> = lines.filter_map(|(path, line)| Some((path, line.strip_prefix("$ stepwright ")?))).collect();
    assert!(commands.len() > 15);
    for (path, command) in commands {
        let command = command.split(" | ").next().unwrap_or_default().split(" #").next().unwrap_or_default();
        let command = command.split(" < ").next().unwrap_or_default();
        let parsed = stepwright::cli::parse(words(command).into_iter().map(Into::into));
        assert!(parsed.is_ok(), "{}: {command}: {parsed:?}", path.display());
    }
}

/// Names in prose and tables count too: an editor or a command that isn't there would cost a newcomer an evening.
#[test]
fn names_in_prose_are_known() {
    let editors: Vec<_> = stepwright::cli::editor::names().collect();
    for page in pages() {
        for rest in page.text.split("stepwright editor ").skip(1) {
            let name = rest.split(|c: char| !c.is_ascii_lowercase() && c != '-').next().unwrap_or_default();
            assert!(name.is_empty() || editors.contains(&name), "{}: {name}", page.path.display());
        }
    }
}

#[test]
fn links_lead_somewhere() {
    for page in pages() {
        for link in page.links() {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => page.path.clone(),
                file => page.path.parent().expect("in a folder").join(file),
            };
            assert!(target.exists(), "{}: {link}", page.path.display());
            assert!(
                anchor.is_empty() || anchors(&target).iter().any(|known| known == anchor),
                "{}: {link}",
                page.path.display()
            );
        }
    }
}

/// The names by which a page's headings can be linked.
fn anchors(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).expect("a page");
    let headings = text.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    let slug = |heading: &str| -> String {
        let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
    };
    headings.map(slug).collect()
}

/// Words of a shell, as far as the samples go: double quotes hold spaces.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for c in line.trim().chars() {
        match c {
            '"' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            c => words.last_mut().expect("there is one").push(c),
        }
    }
    words
}
