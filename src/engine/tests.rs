//! Runs against a model whose facts the test decides, and files in memory.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use expect_test::expect;
use futures::{
    FutureExt,
    future::BoxFuture,
    stream::{self, BoxStream, StreamExt},
};

use super::{
    estimate::{Estimate, estimate},
    journal::{EditEntry, EditId, Journal, JournalError, StepEntry},
    ports::*,
    spending::{Caps, Spending},
    *,
};
use crate::{
    config::{Price, UnknownPrice},
    document::{FileRef, Place, tests_for::Placement},
    workflow::Workflow,
};

/// Model, files and observer in one.
struct World {
    facts: Facts,
    files: Mutex<BTreeMap<String, String>>,
    requests: Mutex<Vec<Request>>,
    told: Mutex<Vec<String>>,
}

const NEW_TEXT: &str = "A new text.\n";

#[async_trait]
impl Journal for World {
    async fn record(&self, _: &str, _: Entry) -> Result<(), JournalError> {
        Ok(())
    }

    fn note(&self, _: &str, _: Entry) {}

    async fn finish(&self, _: &str, _: StepEntry, _: Message) -> Result<String, JournalError> {
        Ok("m1".to_owned())
    }

    async fn edit(&self, _: &str, _: EditEntry) -> Result<EditId, JournalError> {
        Ok(1)
    }
}

impl Model for World {
    fn answer(&self, request: Request) -> BoxStream<'_, Result<Delta, ModelError>> {
        self.requests.lock().unwrap().push(request);
        let usage = Usage { input: 1000, cached: 0, output: 10, cost: self.facts.price.map(|_| 0.25) };
        let done = Delta::Done { finish: Finish::Stop, usage };
        stream::iter([Ok(Delta::Text(NEW_TEXT.to_owned())), Ok(done)]).boxed()
    }

    fn concurrency(&self) -> usize {
        2
    }

    fn knows(&self, _: &str) -> bool {
        true
    }

    fn facts<'a>(&'a self, _: Role, _: Option<&'a str>) -> BoxFuture<'a, Result<Facts, ModelError>> {
        async { Ok(self.facts.clone()) }.boxed()
    }
}

#[async_trait]
impl Workspace for World {
    fn locate(&self, path: &str) -> Result<FileRef, WorkspaceError> {
        Ok(FileRef { name: path.to_owned(), place: Place::Buffer(path.to_owned()) })
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

    async fn save(&self, edit: Edit, _: &dyn Journal) -> Result<Saved, WorkspaceError> {
        self.files.lock().unwrap().insert(edit.base.file.name, edit.text);
        Ok(Saved::Changed)
    }

    async fn tests_for(&self, _: &Snapshot) -> Result<Option<Placement>, WorkspaceError> {
        Ok(None)
    }

    async fn choose(&self, _: &str, _: &[&str]) -> Option<usize> {
        None
    }
}

impl Observer for World {
    fn report(&self, event: &Event) {
        if let Kind::Warning(text) = &event.kind {
            self.told.lock().unwrap().push(text.clone());
        }
    }
}

/// A for-each over all files, whose one step shows the model all of them.
const ALIGN: &str = r#"
title = "Align"
offer = "files"
[[steps]]
do = "for-each"
items = "files"
as = "target"
parallel = 0
on-error = "continue"
[[steps.steps]]
do = "save"
module = "Align {{target}}"
file = "{{target}}"
mode = "replace"
prompt = "{{files}} {{target}} {{instruction}}"
"#;
/// The same without the other files.
const EACH: &str = r#"
title = "Each"
offer = "files"
[[steps]]
do = "for-each"
items = "files"
as = "target"
on-error = "continue"
[[steps.steps]]
do = "save"
module = "Process {{target}}"
file = "{{target}}"
mode = "replace"
prompt = "{{target}} {{instruction}}"
"#;

struct Case {
    workflow: &'static str,
    /// Names and numbers of lines of ten bytes.
    files: &'static [(&'static str, usize)],
    facts: Facts,
    caps: Caps,
}

impl Default for Case {
    fn default() -> Self {
        let facts = Facts { name: "far/model".to_owned(), context_window: Some(100_000), ..Facts::default() };
        Self { workflow: EACH, files: &[("a.txt", 10), ("b.txt", 10)], facts, caps: Caps::default() }
    }
}

impl Case {
    fn prepare(&self) -> (Job, Ports, Arc<World>) {
        let (workflow, problems) = Workflow::parse(self.workflow);
        assert!(problems.is_empty(), "{problems:?}");
        let text = |lines| (1..=lines).map(|i| format!("line {i:04}\n")).collect::<String>();
        let world = Arc::new(World {
            facts: self.facts.clone(),
            files: Mutex::new(self.files.iter().map(|(name, lines)| ((*name).to_owned(), text(*lines))).collect()),
            requests: Mutex::default(),
            told: Mutex::default(),
        });
        let job = Job {
            run: "r".to_owned(),
            id: "align".to_owned(),
            workflow: Arc::new(workflow.expect("it has no problems")),
            instruction: "Align them.".to_owned(),
            files: self.files.iter().map(|(name, _)| world.locate(name).expect("any name will do")).collect(),
            current: None,
            selection: None,
            marker: None,
            messages: Vec::new(),
            tags: Default::default(),
            named: Default::default(),
            summary: false,
            reply_to: None,
        };
        let (model, workspace, observer, journal) = (world.clone(), world.clone(), world.clone(), world.clone());
        let spending = Spending { caps: self.caps.clone(), ..Spending::default() };
        (job, Ports { model, workspace, observer, journal, checker: None, spending }, world)
    }

    fn run(&self) -> Ran {
        let (job, ports, world) = self.prepare();
        // Nothing here waits for anything outside.
        let outcome =
            execute(job, Past::default(), ports, Stop::default()).now_or_never().expect("the run doesn't wait");
        let take = |texts: &Mutex<Vec<String>>| std::mem::take(&mut *texts.lock().unwrap());
        let requests = std::mem::take(&mut *world.requests.lock().unwrap());
        Ran { outcome, requests, told: take(&world.told) }
    }

    fn estimate(&self) -> (Estimate, Arc<World>) {
        let (job, ports, world) = self.prepare();
        let estimate = estimate(job, ports).now_or_never().expect("it doesn't wait");
        (estimate.expect("nothing is wrong"), world)
    }
}

struct Ran {
    outcome: Outcome,
    requests: Vec<Request>,
    told: Vec<String>,
}

#[test]
fn a_file_that_does_not_fit_fails_alone_and_says_what_to_do() {
    let facts = Facts { context_window: Some(8192), ..Case::default().facts };
    let ran = Case { files: &[("large.txt", 2000), ("small.txt", 5)], facts, ..Case::default() }.run();
    assert_eq!(ran.requests.len(), 1);
    expect![[r#"Align finished: large.txt failed: failed to rewrite `large.txt`: its 2000 lines, about 6667 tokens, are too much for the model's context window of 8192 tokens; choose a model with a larger one, or, if this one is good at edits, set `strength = "strong"` for it in `[models]`, or split the file; small.txt was changed"#]].assert_eq(&ran.outcome.summary);
    assert_eq!(ran.told, [""; 0]);
}

#[test]
fn a_guess_about_the_window_refuses_nothing() {
    let facts = Facts { context_window: None, is_local: true, ..Case::default().facts };
    let files = &[("large.txt", 2000), ("larger.txt", 3000), ("small.txt", 5)];
    let ran = Case { files, facts: facts.clone(), ..Case::default() }.run();
    assert_eq!((ran.requests.len(), ran.outcome.failed.len()), (3, 0));
    assert!(ran.requests[1].prompt.contains("\nline 3000\n"));
    expect![[r#"Align: the prompt of `Process large.txt` has about 6881 tokens, and nobody knows whether `far/model` takes so many; set `context-window` in `[models."far/model"]`"#]].assert_eq(&ran.told.join("\n"));
    // What isn't asked to be whole is shortened all the same.
    let ran = Case { workflow: ALIGN, files, facts, ..Case::default() }.run();
    assert_eq!((ran.requests.len(), ran.outcome.failed.len()), (3, 0));
    assert!(ran.requests.iter().all(|request| request.shared.contains(" lines are left out here …]")));
}

#[test]
fn requests_of_a_batch_begin_alike_though_documents_are_shortened() {
    let facts = Facts { context_window: Some(8192), ..Case::default().facts };
    let files = &[("a.txt", 500), ("b.txt", 600), ("c.txt", 400)];
    let ran = Case { workflow: ALIGN, files, facts, ..Case::default() }.run();
    assert_eq!((ran.requests.len(), ran.outcome.failed.len()), (3, 0), "{}", ran.outcome.summary);
    assert!(ran.requests.iter().all(|request| request.shared == ran.requests[0].shared));
    for (request, (name, lines)) in ran.requests.iter().zip(files) {
        let last = format!("line {lines:04}\n</document-{}>", request.nonce);
        let whole = request.prompt.lines().filter(|line| line.starts_with("line ")).count();
        assert!(request.prompt.contains(&last) && whole == *lines, "{name} is shown whole");
    }
    expect![[r#"
        Align: 456 of the 600 lines of b.txt, 256 of the 400 lines of c.txt are left out of the prompt, of which `far/model` takes about 5223 tokens; name fewer files, or choose a model with a larger context window
        Align: 356 of the 500 lines of a.txt are left out of the prompt, of which `far/model` takes about 5223 tokens; name fewer files, or choose a model with a larger context window"#]]
    .assert_eq(&ran.told.join("\n"));
    let noted = ran.requests[0].shared.matches(" lines are left out here …]\n").count();
    assert_eq!(noted, 3, "where they are left out");
}

#[test]
fn an_unknown_price_is_said_once_or_refused() {
    let caps = |unknown_price| Caps { per_run: Some(1.0), unknown_price, ..Caps::default() };
    let ran = Case { caps: caps(UnknownPrice::Run), ..Case::default() }.run();
    assert_eq!((ran.outcome.status, ran.requests.len()), (Status::Finished, 2));
    expect![[r#"Align: nobody knows what `far/model` costs, so the cost cap can't be kept; set `price` in `[models."far/model"]`"#]]
        .assert_eq(&ran.told.join("\n"));
    assert_eq!(ran.outcome.usage.cost, None);

    let ran = Case { caps: caps(UnknownPrice::Refuse), ..Case::default() }.run();
    assert_eq!((ran.outcome.status, ran.requests.len()), (Status::Error, 0));
    expect![[r#"Align failed: nobody knows what `far/model` costs, and `unknown-price` is `refuse`; set `price` in `[models."far/model"]`, or choose another model"#]]
    .assert_eq(&ran.outcome.summary);

    let ran = Case { caps: Caps { per_run: None, ..caps(UnknownPrice::Refuse) }, ..Case::default() }.run();
    assert_eq!((ran.outcome.status, ran.told.len()), (Status::Finished, 0), "without a cap nobody asks");
}

#[test]
fn a_cap_stops_before_the_call_that_could_pass_it() {
    // A tenth of a cent for each token of an answer, and answers of 300 tokens.
    let price = Some(Price { input: 0.0, cached: None, output: 1000.0 });
    let facts = Facts { price, output_limit: Some(300), max_output: Some(300), ..Case::default().facts };
    let files = &[("a.txt", 1), ("b.txt", 1), ("c.txt", 1), ("d.txt", 1)];
    let caps = Caps { per_run: Some(0.6), ..Caps::default() };
    let ran = Case { files, facts, caps, ..Case::default() }.run();
    assert_eq!(ran.requests.len(), 2, "each costs a quarter, but could cost 30 cents");
    assert!(ran.requests.iter().all(|request| request.max_output.is_none()), "the user's own limit is enough");
    assert_eq!(ran.outcome.failed_files, ["c.txt", "d.txt"]);
    expect!["Align finished: a.txt was changed; b.txt was changed; c.txt, d.txt failed: `max-cost-per-run` allows $0.6000, of which $0.5000 is spent, and the next request could cost more than the rest; raise `max-cost-per-run` in `[limits]` of your configuration file, or choose a cheaper model"].assert_eq(&ran.outcome.summary);
}

#[test]
fn a_cap_limits_answers_that_nothing_else_limits() {
    let price = Some(Price { input: 0.0, cached: None, output: 100.0 });
    let facts = Facts { price, max_output: Some(128_000), ..Case::default().facts };
    let limit = |per_run| {
        let caps = Caps { per_run, ..Caps::default() };
        let ran = Case { files: &[("a.txt", 1)], facts: facts.clone(), caps, ..Case::default() }.run();
        ran.requests.first().map(|request| request.max_output)
    };
    assert_eq!(limit(None), Some(None));
    assert_eq!(limit(Some(100.0)), Some(Some(32_768)));
    assert_eq!(limit(Some(1.0)), Some(Some(10_000)));
    assert_eq!(limit(Some(0.1)), None, "a thousand tokens are no answer");
}

#[test]
fn an_estimate_sends_nothing_and_counts_what_a_run_sends() {
    let price = Some(Price { input: 1.0, cached: None, output: 2.0 });
    let facts = Facts { price, ..Case::default().facts };
    let caps = Caps { per_run: Some(0.0001), per_day: Some(5.0), ..Caps::default() };
    let case = Case { workflow: ALIGN, files: &[("a.txt", 300), ("b.txt", 30)], facts, caps };
    let (estimate, world) = case.estimate();
    assert!(world.requests.lock().unwrap().is_empty() && world.told.lock().unwrap().is_empty());
    let ran = Case { caps: Caps::default(), ..case }.run();
    let sent: usize = ran.requests.iter().map(|r| r.system.len() + r.shared.len() + r.prompt.len()).sum();
    assert_eq!((estimate.requests(), ran.requests.len()), (2, 2));
    assert!(estimate.input.abs_diff(sent as u64 / 3) < 5, "{} and {}", estimate.input, sent / 3);
    expect![[r#"
        {
          "cost_usd": 0.005196,
          "day_left_usd": 5.0,
          "files": [
            {
              "file": "a.txt",
              "requests": 2,
              "tokens": 1027
            },
            {
              "file": "b.txt",
              "requests": 2,
              "tokens": 127
            }
          ],
          "input_tokens": 2686,
          "models": [
            {
              "model": "far/model",
              "price_known": true,
              "requests": 2
            }
          ],
          "output_tokens": 1255,
          "requests": 2,
          "requests_may_grow": [],
          "run_left_usd": 0.0001,
          "warnings": [],
          "workflow": "Align"
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&estimate.to_json()).unwrap());
    expect![[r#"
        Your caps leave $0.0001 for each run.
        Your caps leave $5.00 for today.
        The run would stop before it is done, at a cap.
        Thinking that a model does counts as tokens out, and can't be foreseen."#]]
    .assert_eq(&estimate.notes().join("\n"));
}
