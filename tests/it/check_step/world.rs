//! The ports around a check step, in memory.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt::Write as _,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use futures::{StreamExt, stream, stream::BoxStream};

use stepwright::{
    document::{FileRef, Place, tests_for::Placement},
    engine::{
        event::{Event, Kind},
        journal::{EditEntry, EditId, Entry, Journal, JournalError, StepEntry},
        ports::*,
    },
    workflow::Status,
};

#[derive(Default)]
pub struct World {
    pub files: Mutex<BTreeMap<String, String>>,
    pub inline: bool,
    pub replies: Mutex<VecDeque<String>>,
    /// `None`: no command is trusted.
    pub results: Option<Mutex<VecDeque<&'static str>>>,
    /// Texts of the test file that were run.
    pub ran: Arc<Mutex<Vec<String>>>,
    pub prompts: Mutex<Vec<String>>,
    pub seen: Mutex<String>,
}

pub fn file_ref(name: &str) -> FileRef {
    FileRef { name: name.to_owned(), place: Place::Disk(format!("/w/{name}").into()) }
}

#[async_trait]
impl Journal for World {
    fn note(&self, _: &str, _: Entry) {}

    async fn record(&self, _: &str, _: Entry) -> Result<(), JournalError> {
        Ok(())
    }

    async fn finish(&self, _: &str, step: StepEntry, _: Message) -> Result<String, JournalError> {
        Ok(format!("m{}", step.id))
    }

    async fn edit(&self, _: &str, _: EditEntry) -> Result<EditId, JournalError> {
        Ok(1)
    }
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

    async fn save(&self, edit: Edit, _: &dyn Journal) -> Result<Saved, WorkspaceError> {
        if let Some(reason) = edit.risk {
            return Ok(Saved::Pending { reason: format!("it is {reason:?}") });
        }
        let old = self.files.lock().unwrap().insert(edit.base.file.name, edit.text);
        Ok(if old.is_some() { Saved::Changed } else { Saved::Created })
    }

    async fn tests_for(&self, source: &Snapshot) -> Result<Option<Placement>, WorkspaceError> {
        let path = if self.inline { source.file.name.clone() } else { "tests/test_store.py".to_owned() };
        let (inline, exists) = (self.inline, self.inline);
        Ok(Some(Placement { path, inline, framework: None, example: None, exists }))
    }

    async fn choose(&self, _: &str, _: &[&str]) -> Option<usize> {
        None
    }
}

impl Model for World {
    fn answer(&self, request: Request) -> BoxStream<'_, Result<Delta, ModelError>> {
        self.prompts.lock().unwrap().push(request.prompt);
        let Some(reply) = self.replies.lock().unwrap().pop_front() else {
            let message = "no reply is left".to_owned();
            return stream::iter([Err(ModelError { kind: ModelErrorKind::Unavailable, message })]).boxed();
        };
        let finish = if reply == "cut off" { Finish::Length } else { Finish::Stop };
        stream::iter([Ok(Delta::Text(reply)), Ok(Delta::Done { finish, usage: Usage::default() })]).boxed()
    }

    fn concurrency(&self) -> usize {
        1
    }

    fn knows(&self, _: &str) -> bool {
        true
    }
}

impl Observer for World {
    fn report(&self, event: &Event) {
        let mut seen = self.seen.lock().unwrap();
        match &event.kind {
            Kind::Warning(text) => writeln!(seen, "warning: {text}").unwrap(),
            Kind::Step(step) if step.module == "Check" && step.status != Status::InProgress => {
                let text = step.response.as_ref().or(step.error.as_ref());
                writeln!(seen, "check {}: {}", step.status.name(), text.map_or("-", String::as_str)).unwrap();
            }
            Kind::End { summary, files, .. } => {
                writeln!(seen, "end: {summary}").unwrap();
                for file in files {
                    let reason = file.reason.as_deref().unwrap_or("-");
                    writeln!(seen, "file: {} {} ({reason})", file.file.name, file.action.name()).unwrap();
                }
            }
            _ => {}
        }
    }
}

pub struct Script {
    pub results: Mutex<VecDeque<&'static str>>,
    pub ran: Arc<Mutex<Vec<String>>>,
}

impl Checker for Script {
    fn begin(&self) -> Box<dyn CheckSession> {
        let results = std::mem::take(&mut *self.results.lock().unwrap());
        Box::new(Script { results: Mutex::new(results), ran: self.ran.clone() })
    }
}

#[async_trait]
impl CheckSession for Script {
    async fn check(&self, file: &FileRef, texts: &[(FileRef, String)]) -> Result<CheckResult, WorkspaceError> {
        let text = &texts.iter().rev().find(|(other, _)| other == file).expect("the file has a text").1;
        self.ran.lock().unwrap().push(text.clone());
        match self.results.lock().unwrap().pop_front().expect("a result for each run") {
            "error" => Err(WorkspaceError::Failed("failed to run the check command `x`: not found".to_owned())),
            "pass" => Ok(CheckResult { passed: true, output: String::new() }),
            output => Ok(CheckResult { passed: false, output: output.to_owned() }),
        }
    }
}
