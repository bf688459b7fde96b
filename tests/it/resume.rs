//! Runs of each built-in workflow whose journal breaks off at any entry, as a killed process's does: the next process goes on, asks for nothing
//! that was answered, edits nothing twice, and comes to the same files.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use futures::{StreamExt, stream, stream::BoxStream};

use stepwright::{
    document::{FileRef, Place, tests_for::Placement},
    engine::{
        Outcome, Stop,
        event::Event,
        execute,
        job::{Job, fresh_id},
        journal::{EditEntry, EditId, EditState, Entry, Journal, JournalError, Past, StepEntry},
        ports::*,
    },
    history::{Claim, ClaimError, History, WorkspaceHistory},
    workflow::{Status, catalog::Catalog},
};

/// What the model answers, by a part of the prompt.
const REPLIES: &[(&str, &str)] = &[
    (
        "Determine which files",
        r#"[{"file_name": "one.py", "purpose": "create"}, {"file_name": "a.py", "purpose": "revise"}]"#,
    ),
    ("Define the pages", "1. The start\n2. The end"),
    ("Write page 1 of 2", "The start."),
    ("Write page 2 of 2", "The end."),
    ("the file a.py", "```python\na = 2\n```"),
    ("the file b.py", "```python\nb = 2\n```"),
    ("complete content of one.py", "```python\none = 1\n```"),
    ("complete content of a.py", "```python\na = 2\n```"),
    ("complete content of tests/", "```python\ndef test_a(): pass\n```"),
    ("", "Some words."),
];

/// Files and model, which outlive a process.
#[derive(Default)]
struct World {
    files: Mutex<BTreeMap<String, String>>,
    requests: Mutex<Vec<Request>>,
    edits: Mutex<Vec<String>>,
}

/// The journal of a process that is killed after so many entries.
struct Mortal {
    inner: WorkspaceHistory,
    left: AtomicUsize,
}

impl Mortal {
    fn breathe(&self) -> Result<(), JournalError> {
        let left = self.left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1));
        left.map(drop).map_err(|_| JournalError("killed".to_owned()))
    }
}

#[async_trait]
impl Journal for Mortal {
    async fn record(&self, run: &str, entry: Entry) -> Result<(), JournalError> {
        self.breathe()?;
        self.inner.record(run, entry).await
    }

    fn note(&self, run: &str, entry: Entry) {
        if self.breathe().is_ok() {
            self.inner.note(run, entry);
        }
    }

    async fn finish(&self, run: &str, step: StepEntry, message: Message) -> Result<String, JournalError> {
        self.breathe()?;
        self.inner.finish(run, step, message).await
    }

    async fn edit(&self, run: &str, edit: EditEntry) -> Result<EditId, JournalError> {
        self.breathe()?;
        self.inner.edit(run, edit).await
    }
}

impl Model for World {
    fn answer(&self, request: Request) -> BoxStream<'_, Result<Delta, ModelError>> {
        let reply = REPLIES.iter().find(|(part, _)| request.prompt.contains(part)).expect("the last one fits all").1;
        self.requests.lock().unwrap().push(request);
        let usage = Usage { input: 10, cached: 0, output: 1, cost: Some(0.5) };
        let done = Delta::Done { finish: Finish::Stop, usage };
        stream::iter([Ok(Delta::Text(reply.to_owned())), Ok(done)]).boxed()
    }

    fn concurrency(&self) -> usize {
        2
    }

    fn knows(&self, _: &str) -> bool {
        true
    }
}

impl Observer for World {
    fn report(&self, _: &Event) {}
}

fn file_ref(name: &str) -> FileRef {
    FileRef { name: name.to_owned(), place: Place::Disk(format!("/w/{name}").into()) }
}

#[async_trait]
impl Workspace for World {
    fn locate(&self, path: &str) -> Result<FileRef, WorkspaceError> {
        Ok(file_ref(path))
    }

    fn exists(&self, file: &FileRef) -> bool {
        self.files.lock().unwrap().contains_key(&file.name)
    }

    async fn read(&self, file: &FileRef) -> Result<Snapshot, WorkspaceError> {
        let text = self.files.lock().unwrap().get(&file.name).cloned();
        Ok(Snapshot { file: file.clone(), text, version: None })
    }

    fn may_write(&self, _: &FileRef) -> Result<(), WorkspaceError> {
        Ok(())
    }

    async fn save(&self, edit: Edit, journal: &dyn Journal) -> Result<Saved, WorkspaceError> {
        let unkept = |error: JournalError| WorkspaceError::Failed(error.to_string());
        let name = edit.base.file.name.clone();
        let before = self.files.lock().unwrap().get(&name).cloned();
        if before.as_ref() == Some(&edit.text) {
            return Ok(Saved::Unchanged);
        }
        assert_eq!(before, edit.base.text, "nobody else writes here");
        let entry = edit.entry(before.clone(), edit.text.clone(), EditState::Sent);
        let kept = journal.edit(&edit.run, entry).await.map_err(unkept)?;
        self.edits.lock().unwrap().push(name.clone());
        self.files.lock().unwrap().insert(name, edit.text);
        let entry = Entry::Edited { edit: kept, state: EditState::Applied };
        journal.note(&edit.run, entry);
        Ok(if before.is_some() { Saved::Changed } else { Saved::Created })
    }

    async fn tests_for(&self, _: &Snapshot) -> Result<Option<Placement>, WorkspaceError> {
        let path = "tests/test_a.py".to_owned();
        Ok(Some(Placement { path, inline: false, framework: None, example: None, exists: false }))
    }

    async fn choose(&self, _: &str, _: &[&str]) -> Option<usize> {
        None
    }
}

fn job(workflow: &str) -> Job {
    let (_, found) = Catalog::new([]).get(workflow).map(|(entry, workflow)| (entry.id.clone(), workflow)).unwrap();
    let mut job = Job {
        run: fresh_id(),
        id: workflow.to_owned(),
        workflow: found,
        instruction: "Do it.".to_owned(),
        files: vec![file_ref("a.py"), file_ref("b.py")],
        current: (workflow == "write-tests").then(|| file_ref("a.py")),
        selection: None,
        marker: None,
        messages: Vec::new(),
        tags: BTreeMap::new(),
        named: BTreeSet::new(),
        summary: true,
        reply_to: None,
    };
    if workflow == "write-pages" {
        job.tags = [("pages", "2"), ("write", "guide.md")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    }
    job.prepare(&Default::default(), |_| true).unwrap();
    job
}

async fn run(world: &Arc<World>, journal: Arc<dyn Journal>, job: Job, past: Past) -> Outcome {
    let ports = Ports {
        model: world.clone(),
        workspace: world.clone(),
        observer: world.clone(),
        journal,
        checker: None,
        spending: Default::default(),
    };
    execute(job, past, ports, Stop::default()).await
}

fn world() -> Arc<World> {
    let world = World::default();
    let files = [("a.py", "a = 1\n"), ("b.py", "b = 1\n")].map(|(name, text)| (name.to_owned(), text.to_owned()));
    world.files.lock().unwrap().extend(files);
    Arc::new(world)
}

/// The first owner lives in this process, so that its thread may still be about to let go.
async fn claim(history: &WorkspaceHistory, run: &str) -> Result<Claim, ClaimError> {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        match history.claim(run).await {
            Err(ClaimError::UnderWay(_)) if Instant::now() < deadline => tokio::task::yield_now().await,
            claimed => return claimed,
        }
    }
}

/// The same job, killed after `n` entries and gone on with, ends as if nothing had happened. Returns whether it was killed at all.
async fn killed_after(n: usize, workflow: &str, whole: &World) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let world = world();
    let job = job(workflow);
    let history = History::open(Some(folder.path().to_owned()));
    let inner = history.workspace("w");
    let first = run(&world, Arc::new(Mortal { inner, left: AtomicUsize::new(n) }), job.clone(), Past::default()).await;
    // Those without a wait as well.
    history.flush(Duration::from_secs(10));
    drop(history);
    if first.status == Status::Finished {
        return false;
    }
    let before = world.requests.lock().unwrap().len();
    let history = History::open(Some(folder.path().to_owned()));
    let workspace = history.workspace("w");
    let (job, past) = match claim(&workspace, &job.run).await {
        Ok(claim) => (claim.job.into_job(job.workflow.clone()).unwrap(), claim.past),
        // Killed before anything was known of it.
        Err(_) if n == 0 => (job, Past::default()),
        Err(error) => panic!("{workflow} after {n}: {error}"),
    };
    let outcome = run(&world, Arc::new(workspace.clone()), job.clone(), past).await;
    assert_eq!(outcome.status, Status::Finished, "{workflow} after {n}: {}", outcome.summary);
    assert_eq!(*world.files.lock().unwrap(), *whole.files.lock().unwrap(), "{workflow} after {n}");
    let mut edits = world.edits.lock().unwrap().clone();
    let mut expected = whole.edits.lock().unwrap().clone();
    edits.sort();
    expected.sort();
    assert_eq!(edits, expected, "{workflow} after {n}: each edit once");
    // All that was asked twice are the requests that were under way, two at the most.
    let (requests, all) = (world.requests.lock().unwrap().len(), whole.requests.lock().unwrap().len());
    assert!(requests <= all + 2, "{workflow} after {n}: {requests} requests, {before} before, instead of {all}");
    let report = workspace.run(&job.run).await.unwrap().unwrap();
    assert!(report.steps.iter().all(|step| step.status == Status::Finished), "{workflow} after {n}");
    true
}

#[tokio::test]
async fn runs_go_on_wherever_they_were_killed() {
    for workflow in ["chat", "write", "write-pages", "write-tests", "auto"] {
        let whole = world();
        let history = History::in_memory();
        let outcome = run(&whole, Arc::new(history.workspace("w")), job(workflow), Past::default()).await;
        assert_eq!(outcome.status, Status::Finished, "{workflow}: {}", outcome.summary);
        let mut n = 0;
        while killed_after(n, workflow, &whole).await {
            n += 1;
        }
        assert!(n > 4, "{workflow}: {n} entries");
    }
}
