//! Runs a workflow: one interpreter over the ports. Knows no editor, no network, no disk and no workflow by name.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    sync::{Arc, Mutex, MutexGuard, OnceLock},
};

mod answer;
mod batch;
mod budget;
mod check;
pub mod error;
pub mod estimate;
pub mod event;
mod foresee;
pub mod format;
pub mod job;
pub mod journal;
pub mod money;
mod plan;
pub mod ports;
pub mod prompt;
mod request;
mod resume;
mod save;
pub mod spending;
mod step;
mod stop;

use budget::LeftOut;
use error::StepError;
use event::{Action, Event, FileOutcome, Kind, StepEvent};
use job::Job;
use journal::{Entry, Held, Left, Past, StepEntry};
use plan::{Block, StepState};
use ports::{CheckSession, Facts, Message, Ports, Usage};
use spending::Purse;

pub use stop::Stop;

use crate::workflow::{
    Role, Status,
    descriptor::Descriptor,
    template::{Value, Vars},
};

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The run's name.
    pub run: String,
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

/// Runs a prepared job to its end, whatever happens. Reports every change to the observer; the end event comes last. `past` is what an
/// earlier process did of the same run; none of that is done, or paid for, again.
pub async fn execute(job: Job, past: Past, ports: Ports, stop: Stop) -> Outcome {
    let checks = ports.checker.as_ref().map(|checker| checker.begin());
    let run = Run::new(job, past, ports, checks, stop);
    let result = run.all().await;
    run.end(result).await
}

/// The scope of one run. Every effect goes through here: it is the one place for progress, cancelling and the journal.
struct Run {
    job: Job,
    past: Past,
    ports: Ports,
    checks: Option<Box<dyn CheckSession>>,
    stop: Stop,
    /// Names the tags around documents and answers, so that no text can forge them.
    nonce: String,
    /// The rules for the model, once they are needed.
    system: OnceLock<String>,
    purse: Purse,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    status: Status,
    /// By id, from 1.
    steps: Vec<StepState>,
    /// Step ids by path.
    paths: BTreeMap<String, u32>,
    /// Of these steps the journal knows.
    planned: usize,
    files: Vec<FileOutcome>,
    /// What became of each file, or of another item that failed, in words.
    results: BTreeMap<String, String>,
    failed: Vec<String>,
    failed_files: Vec<String>,
    usage: Option<Usage>,
    replies: Vec<Reply>,
    /// Files that this run has begun to write on.
    begun: BTreeSet<String>,
    /// By file name.
    pending: BTreeMap<String, Held>,
    facts: BTreeMap<Role, Facts>,
    /// What prompts lost, as far as the user knows of it.
    left_out: BTreeSet<LeftOut>,
    /// Models of whose context window the user knows that nobody knows it.
    guessed: BTreeSet<String>,
}

/// What a step did.
struct Done {
    left: Left,
    /// Its prompt and reply, where somebody may want to name them.
    said: Option<Message>,
}

impl From<Left> for Done {
    fn from(left: Left) -> Self {
        Self { left, said: None }
    }
}

impl Run {
    fn new(job: Job, past: Past, ports: Ports, checks: Option<Box<dyn CheckSession>>, stop: Stop) -> Self {
        let nonce = past.nonce.clone().unwrap_or_else(job::fresh_id);
        let spent = past.usage.and_then(|usage| usage.cost).unwrap_or_default();
        let purse = Purse::new(ports.spending.clone(), spent);
        let state = Mutex::new(resume::state(&past));
        Self { nonce, job, past, ports, checks, stop, system: OnceLock::new(), purse, state }
    }

    async fn all(&self) -> Result<(), StepError> {
        let vars = Arc::new(self.vars());
        let mut block = Block::default();
        self.lay_out(&self.job.workflow.steps, &mut block, &vars);
        self.record_begin().await?;
        self.report(Kind::Workflow(self.descriptor()));
        self.check_prices().await?;
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

    /// Runs a step between its status changes. It is shown as finished only once the journal has it. One that an earlier process finished
    /// isn't run again.
    async fn step(
        &self,
        id: u32,
        work: impl Future<Output = Result<impl Into<Done>, StepError>>,
    ) -> Result<Left, StepError> {
        if self.stop.token.is_cancelled() {
            return Err(StepError::Cancelled);
        }
        if let Some(left) = self.finished_before(id) {
            return Ok(left);
        }
        self.set_step(id, Status::InProgress, &Left::default(), None);
        let result = async {
            let Done { left, said } = work.await?.into();
            let mut left = self.with_file(left);
            let entry = self.step_entry(id, Status::Finished, None, Some(left.clone()));
            match said {
                Some(message) => left.message = Some(self.ports.journal.finish(&self.job.run, entry, message).await?),
                None => self.record(Entry::Step(Box::new(entry))).await?,
            }
            self.add_reply(id, &left);
            Ok(left)
        };
        match result.await {
            Ok(left) => {
                self.set_step(id, Status::Finished, &left, None);
                Ok(left)
            }
            Err(error) => {
                let cancelled = matches!(error, StepError::Cancelled);
                let status = if cancelled { Status::Cancelled } else { Status::Error };
                let reason = (!cancelled).then(|| error.to_string());
                // The step has failed already; a journal that fails as well changes nothing about that.
                let _ = self.record(Entry::Step(Box::new(self.step_entry(id, status, reason.clone(), None)))).await;
                self.set_step(id, status, &Left::default(), reason);
                Err(error)
            }
        }
    }

    fn set_step(&self, id: u32, status: Status, left: &Left, error: Option<String>) {
        let module = {
            let mut state = self.state();
            let step = &mut state.steps[id as usize - 1];
            step.status = status;
            step.response.clone_from(&left.response);
            step.module.clone()
        };
        let Left { response, file_name, .. } = left;
        self.report(Kind::Step(StepEvent {
            step_id: id,
            module,
            status,
            response: response.clone(),
            file_name: file_name.clone(),
            error,
        }));
    }

    fn add_reply(&self, id: u32, left: &Left) {
        if let (Some(message), Some(text)) = (&left.message, &left.response) {
            let mut state = self.state();
            let module = state.steps[id as usize - 1].module.clone();
            state.replies.push(Reply { message: message.clone(), module, text: text.clone() });
        }
    }

    /// Steps that nobody will come back to: those under way count as cancelled, the others as skipped.
    fn close(&self, ids: impl IntoIterator<Item = u32>) {
        for id in ids {
            let status = self.state().steps[id as usize - 1].status;
            match status {
                Status::Pending => self.set_step(id, Status::Skipped, &Left::default(), None),
                Status::InProgress | Status::Streaming => self.set_step(id, Status::Cancelled, &Left::default(), None),
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
        let mut outcome = self.outcome(status, error.clone());
        let entry = Entry::End { status, summary: outcome.summary.clone(), usage: outcome.usage };
        if let Err(failure) = self.record(entry).await {
            status = Status::Error;
            error.get_or_insert(failure.to_string());
            outcome = self.outcome(status, error);
        }
        self.state().status = status;
        self.report(Kind::Workflow(self.descriptor()));
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
        let mut results: Vec<(String, &String)> = Vec::new();
        for (file, words) in state.results.iter().filter(|(_, words)| Some(*words) != told.as_ref()) {
            // What stopped many files is said once.
            match results.iter_mut().find(|(_, known)| *known == words && words.starts_with(FAILED)) {
                Some((files, _)) => *files = format!("{files}, {file}"),
                None => results.push((file.clone(), words)),
            }
        }
        const SHOWN: usize = 5;
        let words: Vec<_> = results.iter().take(SHOWN).map(|(file, words)| format!("{file} {words}")).collect();
        if !words.is_empty() {
            summary = format!("{summary}: {}", words.join("; "));
        }
        if results.len() > SHOWN {
            summary = format!("{summary}; and {} more", results.len() - SHOWN);
        }
        Outcome {
            run: self.job.run.clone(),
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

    fn step_entry(&self, id: u32, status: Status, error: Option<String>, left: Option<Left>) -> StepEntry {
        let module = self.state().steps[id as usize - 1].module.clone();
        StepEntry { id, module, status, error, left }
    }

    async fn record(&self, entry: Entry) -> Result<(), StepError> {
        Ok(self.ports.journal.record(&self.job.run, entry).await?)
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
    format!("{FAILED}{error}")
}

const FAILED: &str = "failed: ";

#[cfg(test)]
mod tests;
