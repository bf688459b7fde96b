//! Runs a workflow: one interpreter over the ports. Knows no editor, no network, no disk and no workflow by name.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio_util::sync::CancellationToken;

mod answer;
mod batch;
mod check;
pub mod error;
pub mod event;
pub mod format;
pub mod job;
mod plan;
pub mod ports;
pub mod prompt;
mod save;
mod step;

use error::StepError;
use event::{Action, Event, FileOutcome, Kind, StepEvent};
use job::Job;
use plan::{Block, StepState};
use ports::{CheckSession, Entry, Ports, Usage};

use crate::workflow::{
    Status,
    descriptor::Descriptor,
    template::{Value, Vars},
};

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    pub status: Status,
    /// One sentence: what became of which files, or why it failed.
    pub summary: String,
    pub files: Vec<FileOutcome>,
    /// The items whose part of the run failed, while others went on.
    pub failed: Vec<String>,
    /// Those of them that are files, which can be tried again.
    pub failed_files: Vec<String>,
    pub usage: Usage,
    /// Prompt and reply of each shown step, in order.
    pub replies: Vec<Reply>,
}

/// What a shown step said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// `m1`, `m2`, …
    pub message: String,
    pub module: String,
    pub text: String,
}

/// Ends a run before its time.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    token: CancellationToken,
    interrupted: Arc<AtomicBool>,
}

impl Stop {
    /// The user doesn't want it any more.
    pub fn cancel(&self) {
        self.token.cancel();
    }

    /// The program ends; the run isn't given up.
    pub fn interrupt(&self) {
        self.interrupted.store(true, Ordering::Relaxed);
        self.token.cancel();
    }

    fn status(&self) -> Status {
        if self.interrupted.load(Ordering::Relaxed) { Status::Interrupted } else { Status::Cancelled }
    }
}

/// Runs a prepared job to its end, whatever happens. Reports every change to the observer; the end event comes last.
pub async fn execute(job: Job, ports: Ports, stop: Stop) -> Outcome {
    let checks = ports.checker.as_ref().map(|checker| checker.begin());
    let run =
        Run { nonce: job::fresh_id(), job, ports, checks, stop, system: OnceLock::new(), state: Mutex::default() };
    let result = run.all().await;
    run.end(result).await
}

/// The scope of one run. Every effect goes through here: it is the one place for progress, cancelling and the journal.
struct Run {
    job: Job,
    ports: Ports,
    checks: Option<Box<dyn CheckSession>>,
    stop: Stop,
    /// Names the tags around documents and answers, so that no text can forge them.
    nonce: String,
    /// The rules for the model, once they are needed.
    system: OnceLock<String>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    status: Status,
    /// By id, from 1.
    steps: Vec<StepState>,
    files: Vec<FileOutcome>,
    /// What became of each file, or of another item that failed, in words.
    results: BTreeMap<String, String>,
    failed: Vec<String>,
    failed_files: Vec<String>,
    usage: Option<Usage>,
    replies: Vec<Reply>,
    /// Files that this run has begun to write on.
    begun: BTreeSet<String>,
    /// Texts that wait to be applied; the run's later steps build on them.
    pending: BTreeMap<String, String>,
}

/// What a step did.
#[derive(Default)]
struct Done {
    response: Option<String>,
    file_name: Option<String>,
}

impl Run {
    async fn all(&self) -> Result<(), StepError> {
        let Job { run, id, instruction, .. } = &self.job;
        let vars = Arc::new(self.vars());
        let mut block = Block::default();
        self.lay_out(&self.job.workflow.steps, &mut block, &vars);
        self.report(Kind::Workflow(self.descriptor()));
        let entry = Entry::Begin { run: run.clone(), workflow: id.clone(), instruction: instruction.clone() };
        self.ports.journal.record(entry).await?;
        self.state().status = Status::InProgress;
        self.report(Kind::Workflow(self.descriptor()));
        let mut scope = step::Scope::new(Vars::inside(&vars));
        self.block(&self.job.workflow.steps, &mut block, &mut scope).await?;
        self.clear_marker().await
    }

    /// The variables that every step sees.
    fn vars(&self) -> Vars {
        let job = &self.job;
        let items = |files: Vec<crate::document::FileRef>| {
            let mut names: Vec<_> = files.into_iter().map(|file| file.name).collect();
            names.sort();
            names.dedup();
            Value::Files(names.into_iter().map(crate::workflow::template::Item::new).collect())
        };
        let mut vars = Vars::default();
        vars.set("instruction", Value::Text(job.instruction.clone()));
        vars.set("files", items(job.files.clone()));
        vars.set("targets", items(job.targets()));
        if let [target] = job.targets().as_slice() {
            vars.set("file", Value::File(target.name.clone()));
        }
        vars.set("messages", Value::Text(prompt::messages(&job.messages)));
        vars.set("selection", Value::Text(job.selection.as_ref().map(prompt::selection).unwrap_or_default()));
        for (name, value) in &job.tags {
            vars.set(format!("tag.{name}"), Value::Text(value.clone()));
        }
        vars
    }

    /// Waits for `work`, or for the user's cancelling it; dropping it abandons what it does.
    async fn effect<T, E: Into<StepError>>(&self, work: impl Future<Output = Result<T, E>>) -> Result<T, StepError> {
        tokio::select! {
            biased;
            () = self.stop.token.cancelled() => Err(StepError::Cancelled),
            done = work => done.map_err(Into::into),
        }
    }

    /// Runs a step between its status changes. It is shown as finished only once the journal has it.
    async fn step(&self, id: u32, work: impl Future<Output = Result<Done, StepError>>) -> Result<(), StepError> {
        if self.stop.token.is_cancelled() {
            return Err(StepError::Cancelled);
        }
        self.set_step(id, Status::InProgress, &Done::default(), None);
        let result = async {
            let done = work.await?;
            self.ports.journal.record(self.step_entry(id, Status::Finished, None)).await?;
            Ok(done)
        };
        match result.await {
            Ok(done) => {
                self.set_step(id, Status::Finished, &done, None);
                Ok(())
            }
            Err(error) => {
                let cancelled = matches!(error, StepError::Cancelled);
                let status = if cancelled { Status::Cancelled } else { Status::Error };
                let reason = (!cancelled).then(|| error.to_string());
                // The step has failed already; a journal that fails as well changes nothing about that.
                let _ = self.ports.journal.record(self.step_entry(id, status, reason.clone())).await;
                self.set_step(id, status, &Done::default(), reason);
                Err(error)
            }
        }
    }

    fn set_step(&self, id: u32, status: Status, done: &Done, error: Option<String>) {
        let module = {
            let mut state = self.state();
            let step = &mut state.steps[id as usize - 1];
            step.status = status;
            step.response.clone_from(&done.response);
            step.module.clone()
        };
        let Done { response, file_name } = done;
        self.report(Kind::Step(StepEvent {
            step_id: id,
            module,
            status,
            response: response.clone(),
            file_name: file_name.clone(),
            error,
        }));
    }

    /// Steps that nobody will come back to: those under way count as cancelled, the others as skipped.
    fn close(&self, ids: impl IntoIterator<Item = u32>) {
        for id in ids {
            let status = self.state().steps[id as usize - 1].status;
            match status {
                Status::Pending => self.set_step(id, Status::Skipped, &Done::default(), None),
                Status::InProgress | Status::Streaming => self.set_step(id, Status::Cancelled, &Done::default(), None),
                _ => {}
            }
        }
    }

    /// A file that the run created and then went on with counts as created.
    fn record_edit(&self, outcome: FileOutcome, words: String) {
        {
            let mut state = self.state();
            let before =
                state.files.iter().position(|known| known.file == outcome.file).map(|at| state.files.remove(at));
            let created = before.is_some_and(|before| before.action == Action::Created);
            let action = if created && outcome.action == Action::Changed { Action::Created } else { outcome.action };
            let words = words.replacen(outcome.action.name(), action.name(), 1);
            state.results.insert(outcome.file.name.clone(), words);
            state.files.push(FileOutcome { action, ..outcome.clone() });
        }
        self.report(Kind::Edit(outcome));
    }

    async fn end(&self, result: Result<(), StepError>) -> Outcome {
        let count = self.state().steps.len();
        self.close(1..=u32::try_from(count).unwrap_or(u32::MAX));
        let (mut status, mut error) = match result {
            Ok(()) => (Status::Finished, None),
            Err(StepError::Cancelled) => (self.stop.status(), None),
            Err(error) => (Status::Error, Some(error.to_string())),
        };
        let entry = Entry::End { run: self.job.run.clone(), status };
        if let Err(failure) = self.ports.journal.record(entry).await {
            status = Status::Error;
            error.get_or_insert(failure.to_string());
        }
        self.state().status = status;
        self.report(Kind::Workflow(self.descriptor()));
        let outcome = self.outcome(status, error);
        let Outcome { summary, files, .. } = outcome.clone();
        self.report(Kind::End { status, summary, files });
        outcome
    }

    fn outcome(&self, status: Status, error: Option<String>) -> Outcome {
        let state = self.state();
        let mut summary = match (status, &error) {
            (_, Some(error)) => format!("{} failed: {error}", self.job.name()),
            (Status::Cancelled | Status::Interrupted, _) => format!("{} was {}", self.job.name(), status.name()),
            _ => format!("{} finished", self.job.name()),
        };
        // A failure that ended the run is told already.
        let told = error.map(|error| failed(&error));
        let results: Vec<_> = state.results.iter().filter(|(_, words)| Some(*words) != told.as_ref()).collect();
        const SHOWN: usize = 5;
        let words: Vec<_> = results.iter().take(SHOWN).map(|(file, words)| format!("{file} {words}")).collect();
        if !words.is_empty() {
            summary = format!("{summary}: {}", words.join("; "));
        }
        if results.len() > SHOWN {
            summary = format!("{summary}; and {} more", results.len() - SHOWN);
        }
        Outcome {
            status,
            summary,
            files: state.files.clone(),
            failed: state.failed.clone(),
            failed_files: state.failed_files.clone(),
            usage: state.usage.unwrap_or_default(),
            replies: state.replies.clone(),
        }
    }

    fn descriptor(&self) -> Descriptor {
        let state = self.state();
        Descriptor {
            version: Descriptor::VERSION,
            workflow_name: format!("{} Workflow", self.job.name()),
            status: state.status,
            steps: state.steps.iter().zip(1..).map(|(step, id)| step.describe(id)).collect(),
        }
    }

    fn step_entry(&self, id: u32, status: Status, error: Option<String>) -> Entry {
        let module = self.state().steps[id as usize - 1].module.clone();
        Entry::Step { run: self.job.run.clone(), step: id, module, status, error }
    }

    fn report(&self, kind: Kind) {
        self.ports.observer.report(&Event { run: self.job.run.clone(), kind });
    }

    /// A file that needs no change was left as an earlier step of the run made it, if one did.
    fn record_unchanged(&self, name: &str) {
        self.state().results.entry(name.to_owned()).or_insert_with(|| "needed no change".to_owned());
    }

    /// Never held across an await.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// What became of an item that failed, in words.
fn failed(error: &str) -> String {
    format!("failed: {error}")
}
