//! What it costs to keep a fact, and to open a history that has grown far beyond what is usual.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::Write,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::{executor::block_on, future::join_all};
use stepwright::{
    document::{FileRef, Place},
    engine::{
        job::Job,
        journal::{EditEntry, EditState, Entry, Journal, StepEntry},
        ports::{Request, Usage},
    },
    history::{History, WorkspaceHistory},
    workflow::{Status, Workflow},
};

use super::{
    samples::{Samples, millis},
    table::{Goal, Table, Value},
};

/// Runs that were interrupted, so that none is cleaned away, with so many edits of a text each.
const RUNS: usize = 100;
const EDITS: usize = 10;
const TEXT_BYTES: usize = 1024 * 1024;
/// Records that are measured.
const RECORDS: usize = 200;
/// A short answer of a usual model.
const ANSWER_TOKENS: f64 = 100.0;
const TOKENS_PER_SECOND: f64 = 50.0;
/// Runs that record side by side.
const SIDE_BY_SIDE: usize = 50;
const PATIENCE: Duration = Duration::from_secs(60);

pub fn measure(table: &mut Table) {
    // On the disk that has the build; a temporary folder may be in memory.
    let folder = tempfile::TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder can be made");
    let history = History::open(Some(folder.path().to_owned()));
    let here = history.workspace("/w");
    let random = Noise(1);
    fill(&here, random);
    begin(&here, "measured");

    let one: Samples = (0..RECORDS).map(|at| timed(|| block_on(step(&here, "measured", at)))).collect();
    let bare: Samples = (0..RECORDS).map(|_| timed(|| append(folder.path()))).collect();
    let bare = Value::Millis(bare.median());
    table.beside("history, one record", Value::Millis(one.median()), "4 KB written and synced", bare, Goal::None);
    let whole: Samples = (0..RECORDS).map(|number| timed(|| block_on(whole_step(&here, number as u32 + 2)))).collect();
    let answer = Value::Millis(ANSWER_TOKENS / TOKENS_PER_SECOND * 1000.0);
    let goal = Goal::AtMost(Value::Millis(ANSWER_TOKENS / TOKENS_PER_SECOND * 1000.0 * 0.02));
    table.beside("  all of a step's", Value::Millis(whole.median()), "100 tokens at 50/s", answer, goal);
    let names: Vec<_> = (0..SIDE_BY_SIDE).map(|number| format!("beside-{number}")).collect();
    names.iter().for_each(|name| begin(&here, name));
    let many: Samples = (0..10)
        .map(|at| {
            timed(|| drop(block_on(join_all(names.iter().map(|name| step(&here, name, at)))))) / SIDE_BY_SIDE as f64
        })
        .collect();
    let single = Value::Millis(one.median());
    table.beside("  one of 50 records side by side", Value::Millis(many.median()), "alone", single, Goal::None);
    history.flush(PATIENCE);
    let bytes = std::fs::metadata(folder.path().join("history.db")).map(|file| file.len()).unwrap_or_default();

    let opened: Samples = (0..super::ROUNDS)
        .map(|_| {
            let again = History::open(Some(folder.path().to_owned()));
            timed(|| {
                let here = again.workspace("/w");
                assert_eq!(block_on(again.notice()), None);
                assert_eq!(block_on(here.pending()).expect("it can be read").len(), 1);
                assert!(block_on(here.resumable()).expect("it can be read").len() >= RUNS);
            })
        })
        .collect();
    table.row("  its size", Value::Megabytes(bytes as f64 / 1e6), Goal::AtLeast(Value::Megabytes(1000.0)));
    table.row(
        "  open, what waits, what can be resumed",
        Value::Millis(opened.median()),
        Goal::AtMost(Value::Millis(1000.0)),
    );
}

fn fill(here: &WorkspaceHistory, mut random: Noise) {
    for run in 0..RUNS {
        let run = format!("run-{run}");
        begin(here, &run);
        for at in 0..EDITS {
            let waits = run == "run-0" && at == 0;
            let state = if waits { EditState::Pending { reason: "it waits".to_owned() } } else { EditState::Applied };
            let text = random.text(TEXT_BYTES);
            let (title, file) = ("Filled".to_owned(), file(&format!("{at}.rs")));
            let edit =
                EditEntry { step: 1, title, file, base: None, text: text.clone(), before: None, after: text, state };
            block_on(here.edit(&run, edit)).expect("it is kept");
        }
        let end = Entry::End { status: Status::Interrupted, summary: String::new(), usage: Usage::default() };
        block_on(here.record(&run, end)).expect("it is kept");
    }
}

fn begin(here: &WorkspaceHistory, run: &str) {
    let text = "title = \"T\"\n[[steps]]\ndo = \"chat\"\nmodule = \"Chat\"\nprompt = \"{{instruction}}\"\n";
    let (workflow, _) = Workflow::parse(text);
    let job = Job {
        run: run.to_owned(),
        id: "filled".to_owned(),
        workflow: Arc::new(workflow.expect("it has no mistake")),
        instruction: "Fill it.".to_owned(),
        files: Vec::new(),
        current: None,
        selection: None,
        marker: None,
        messages: Vec::new(),
        tags: BTreeMap::new(),
        named: BTreeSet::new(),
        summary: false,
        reply_to: None,
    };
    block_on(here.record(run, Entry::Begin { job: Box::new(job), nonce: "n".to_owned() })).expect("it is kept");
}

/// Another each time: SQLite writes nothing that is there already.
async fn step(here: &WorkspaceHistory, run: &str, at: usize) {
    let status = if at.is_multiple_of(2) { Status::Cancelled } else { Status::InProgress };
    let entry = StepEntry { id: 1, module: "Step".to_owned(), status, error: None, left: None };
    here.record(run, Entry::Step(Box::new(entry))).await.expect("it is kept");
}

/// What a step records that asks once and changes a file.
async fn whole_step(here: &WorkspaceHistory, id: u32) {
    let run = "measured";
    let status = |status| StepEntry { id, module: "Step".to_owned(), status, error: None, left: None };
    let prompt = format!("Prompt {id}. ").repeat(200);
    let request = Request { step: "Step".to_owned(), prompt, nonce: "n".to_owned(), ..Request::default() };
    let text = format!("word {id} ").repeat(ANSWER_TOKENS as usize);
    let (state, file) = (EditState::Sent, file(&format!("{id}.rs")));
    let title = "Measured".to_owned();
    let edit =
        EditEntry { step: id, title, file, base: None, text: text.clone(), before: None, after: text.clone(), state };
    let entries = [
        Entry::Step(Box::new(status(Status::InProgress))),
        Entry::Attempt { step: id, number: 0, request: Box::new(request) },
        Entry::Answer { step: id, number: 0, text, usage: Usage::default() },
    ];
    for entry in entries {
        here.record(run, entry).await.expect("it is kept");
    }
    let edit = here.edit(run, edit).await.expect("it is kept");
    here.record(run, Entry::Edited { edit, state: EditState::Applied }).await.expect("it is kept");
    here.record(run, Entry::Step(Box::new(status(Status::Finished)))).await.expect("it is kept");
}

fn append(folder: &Path) {
    let file = File::options().create(true).append(true).open(folder.join("bare"));
    let written = file.and_then(|mut file| file.write_all(&[7; 4096]).and_then(|()| file.sync_data()));
    written.expect("it can be written");
}

fn file(name: &str) -> FileRef {
    FileRef { name: name.to_owned(), place: Place::Disk(Path::new("/w").join(name)) }
}

fn timed(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    millis(start.elapsed())
}

/// Text that can't be compressed: an xorshift generator's, six bits a letter.
struct Noise(u64);

impl Noise {
    fn text(&mut self, bytes: usize) -> String {
        let mut next = || {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            char::from(b'0' + (self.0 >> 58) as u8)
        };
        (0..bytes).map(|_| next()).collect()
    }
}
