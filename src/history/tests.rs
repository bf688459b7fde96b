use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, UNIX_EPOCH},
};

use futures::executor::block_on;
use tempfile::TempDir;

use super::*;
use crate::{
    document,
    engine::{
        job::{Job, MarkedLines, Selection},
        journal::{Held, Left, Planned, StepEntry},
        ports::Request,
    },
    workflow::{Workflow, template::Value},
};

mod claims;
mod files;
mod golden;
mod kills;
mod runs;

/// No process has this number.
const DEAD: i64 = i32::MAX as i64;
const KEY: &str = "/w";
/// 2025-01-01.
const START: i64 = 1_735_689_600;

/// A folder, a clock that stands still, and what a run is made of.
struct World {
    folder: TempDir,
    seconds: Arc<AtomicI64>,
}

impl World {
    fn new() -> Self {
        Self { folder: TempDir::new().unwrap(), seconds: Arc::new(AtomicI64::new(START)) }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn place(&self) -> Place {
        let seconds = self.seconds.clone();
        let clock = move || UNIX_EPOCH + Duration::from_secs(seconds.load(Ordering::SeqCst) as u64);
        Place { folder: Some(self.path().to_owned()), clock: Arc::new(clock), ..place() }
    }

    fn open(&self) -> History {
        History::at(self.place())
    }

    /// As a process that is gone.
    fn open_dead(&self) -> History {
        let mut place = self.place();
        place.process.pid = DEAD;
        History::at(place)
    }

    fn pass(&self, seconds: i64) {
        self.seconds.fetch_add(seconds, Ordering::SeqCst);
    }

    /// What a crash of every process would leave: the files as they are now.
    fn crashed(&self) -> Self {
        let folder = TempDir::new().unwrap();
        for name in ["history.db", "history.db-wal"] {
            let from = self.path().join(name);
            if from.exists() {
                fs::copy(from, folder.path().join(name)).unwrap();
            }
        }
        Self { folder, seconds: self.seconds.clone() }
    }
}

fn file(name: &str) -> FileRef {
    FileRef { name: name.to_owned(), place: document::Place::Disk(PathBuf::from("/w").join(name)) }
}

fn workflow() -> Arc<Workflow> {
    let text = "title = \"T\"\n[[steps]]\ndo = \"chat\"\nmodule = \"Chat\"\nprompt = \"{{instruction}}\"\n";
    Arc::new(Workflow::parse(text).0.unwrap())
}

fn job(run: &str) -> Job {
    Job {
        run: run.to_owned(),
        id: "my-flow".to_owned(),
        workflow: workflow(),
        instruction: "Say\nhello to everybody.".to_owned(),
        files: vec![file("a.rs"), file("b.rs")],
        current: Some(file("a.rs")),
        selection: Some(Selection { file: "a.rs".to_owned(), first_line: 1, last_line: 2, text: "x\ny\n".to_owned() }),
        marker: Some(MarkedLines { file: "a.rs".to_owned(), lines: vec!["// AI: x".to_owned()] }),
        messages: vec![Message { prompt: "p".to_owned(), reply: "r".to_owned() }],
        tags: [("model".to_owned(), "fast".to_owned())].into(),
        named: ["a.rs".to_owned()].into(),
        summary: true,
        reply_to: Some(FileRef {
            name: "untitled:1".to_owned(),
            place: document::Place::Buffer("untitled:1".to_owned()),
        }),
    }
}

fn request(prompt: &str) -> Request {
    Request {
        step: "Chat".to_owned(),
        role: crate::workflow::Role::Fast,
        model: Some("m".to_owned()),
        system: "Rules.".to_owned(),
        shared: "Documents. ".repeat(100),
        prompt: prompt.to_owned(),
        nonce: "n".to_owned(),
        max_output: None,
    }
}

fn usage(tokens: u64) -> Usage {
    Usage { input: tokens, cached: 1, output: 2, cost: Some(0.5) }
}

fn finished(id: u32) -> StepEntry {
    let left = Some(left(&format!("left {id}")));
    StepEntry { id, module: format!("Step {id}"), status: Status::Finished, error: None, left }
}

fn left(text: &str) -> Left {
    Left {
        response: Some(text.to_owned()),
        file_name: Some("a.rs".to_owned()),
        output: vec![("x".to_owned(), Value::Text(text.to_owned()))],
        ..Left::default()
    }
}

fn edit_entry(step: u32, name: &str, text: &str, state: EditState) -> EditEntry {
    EditEntry {
        step,
        title: "My Flow".to_owned(),
        file: file(name),
        base: Some("old\n".to_owned()),
        text: text.to_owned(),
        before: Some("old\r\n".to_owned()),
        after: text.to_owned(),
        state,
    }
}

fn held(text: &str) -> Held {
    Held { base: Some("old\n".to_owned()), text: text.to_owned() }
}

fn pending(reason: &str) -> EditState {
    EditState::Pending { reason: reason.to_owned() }
}

/// Calls that wait for the thread.
impl WorkspaceHistory {
    fn put(&self, run: &str, entry: Entry) -> Result<(), JournalError> {
        block_on(self.record(run, entry))
    }

    fn begin(&self, run: &str) -> Result<(), JournalError> {
        self.put(run, Entry::Begin { job: Box::new(job(run)), nonce: "n".to_owned() })?;
        let step = |id: u32| Planned { id, path: format!("{}", id - 1), module: format!("Step {id}") };
        self.put(run, Entry::Plan((1..=3).map(step).collect()))
    }

    fn ask(&self, run: &str, step: u32, number: u32, prompt: &str) -> Result<(), JournalError> {
        self.put(run, Entry::Attempt { step, number, request: Box::new(request(prompt)) })
    }

    fn answer(&self, run: &str, step: u32, number: u32, text: &str, usage: Usage) -> Result<(), JournalError> {
        self.put(run, Entry::Answer { step, number, text: text.to_owned(), usage })
    }

    fn step(&self, run: &str, id: u32, status: Status) -> Result<(), JournalError> {
        let error = (status == Status::Error).then(|| "it failed".to_owned());
        let left = finished(id).left.filter(|_| status == Status::Finished);
        self.put(run, Entry::Step(Box::new(StepEntry { status, error, left, ..finished(id) })))
    }

    fn end(&self, run: &str, status: Status) -> Result<(), JournalError> {
        let summary = format!("My Flow {}", status.name());
        self.put(run, Entry::End { status, summary, usage: Usage::default() })
    }

    fn keep(&self, run: &str, edit: EditEntry) -> EditId {
        block_on(self.edit(run, edit)).unwrap()
    }
}
