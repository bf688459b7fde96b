//! Runs that were asked for by a command: the only place that spawns one, ends its progress, and tells how it ended.

use std::{
    collections::{BTreeMap, BTreeSet},
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex},
};

use futures::FutureExt;
use tower_lsp::lsp_types::MessageType;

use super::{
    command::RunArguments,
    convert,
    observer::{RunObserver, Seen},
    progress::Progress,
    server::Shared,
    state::{Running, State},
    workspace::{EditorWorkspace, blocking},
};
use crate::{
    document::{FileRef, reference},
    engine::{
        self, Outcome, Stop,
        event::{Event, Kind},
        job::{Job, MarkedLines, Refusal, Selection, fresh_id},
        journal::{Journal, Past},
        money::{is_paid, receipt},
        ports::{Message, Observer, Ports, WorkspaceError},
        spending::{Caps, Day, Spending},
    },
    workflow::Status,
};

/// A run as it was asked for, with presets filled in. Kept for a retry.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunRequest {
    pub workflow: String,
    pub instruction: String,
    /// URI or path of the current document.
    pub current: Option<String>,
    pub files: Option<Vec<String>>,
    /// 1-based, inclusive.
    pub lines: Option<(u32, u32)>,
    pub messages: Vec<String>,
    pub tags: BTreeMap<String, String>,
    /// Earlier turns of a conversation.
    pub turns: Vec<Message>,
    /// The prompt document that it was started from, and gets the reply.
    pub prompt: Option<tower_lsp::lsp_types::Url>,
    /// Its text at that time, with LF line ends.
    pub prompt_text: Option<String>,
}

impl RunRequest {
    /// What a command means; the error is a sentence for the user.
    pub fn new(arguments: RunArguments, state: &State) -> Result<Self, String> {
        let lines = arguments.lines();
        let tags = arguments.tags();
        let mut request = Self {
            instruction: arguments.instruction.unwrap_or_default(),
            current: arguments.uri.or(arguments.file),
            files: arguments.files,
            lines,
            messages: arguments.messages,
            tags,
            ..Self::default()
        };
        request.workflow = match (arguments.workflow, arguments.preset) {
            (Some(workflow), None) => workflow,
            (workflow, Some(id)) => {
                let Some(preset) = state.settings.all_presets().find(|preset| preset.id == id) else {
                    let ids: Vec<_> = state.settings.all_presets().map(|preset| preset.id.as_str()).collect();
                    return Err(format!("there is no preset `{id}`; known ones: {}", ids.join(", ")));
                };
                if request.instruction.trim().is_empty() {
                    request.instruction.clone_from(&preset.instruction);
                }
                workflow.unwrap_or_else(|| preset.workflow.clone())
            }
            (None, None) => return Err("say which workflow to run, as `workflow` or `preset`".to_owned()),
        };
        Ok(request)
    }
}

/// What a run begins with.
enum Begin {
    Request(RunRequest),
    /// It was prepared before: for a retry, or by an earlier server.
    Job(Box<Job>, Past),
}

/// What a job doesn't say of how it was asked for; nothing where it was prepared before.
#[derive(Default)]
pub struct Asked {
    /// Ids.
    pub messages: Vec<String>,
    /// The prompt document at that time, with LF line ends.
    pub text: Option<String>,
}

impl Shared {
    /// Starts a run in the background. What is wrong with the request is told by a message.
    pub fn start(self: &Arc<Self>, request: RunRequest) {
        let name = match self.state().catalog.get(&request.workflow) {
            Ok((entry, _)) => Ok(entry.name()),
            Err(error) => Err(error),
        };
        match name {
            Ok(name) => self.spawn(fresh_id(), name, Begin::Request(request)),
            Err(error) => self.outbox.message(MessageType::ERROR, error),
        }
    }

    /// Starts a run that is like an earlier one.
    pub fn start_again(self: &Arc<Self>, job: Job) {
        self.go_on(job, Past::default());
    }

    /// Goes on with a run that an earlier server began.
    pub fn go_on(self: &Arc<Self>, job: Job, past: Past) {
        self.spawn(job.run.clone(), job.name(), Begin::Job(Box::new(job), past));
    }

    fn spawn(self: &Arc<Self>, run: String, name: String, begin: Begin) {
        let stop = Stop::default();
        let running = Running { name: name.clone(), stop: stop.clone(), targets: Vec::new() };
        self.state().runs.insert(run.clone(), running);
        let shared = self.clone();
        tokio::spawn(async move {
            let work = AssertUnwindSafe(shared.run(&run, &name, begin, stop)).catch_unwind().await;
            shared.state().runs.remove(&run);
            shared.ended.notify_waiters();
            if work.is_err() {
                let summary =
                    format!("{name} failed because of a fault in stepwright itself; nothing else is affected");
                if shared.state().client.events {
                    let kind = Kind::End { status: Status::Error, summary: summary.clone(), files: Vec::new() };
                    if let Some((event, fields)) = (Event { run, kind }).to_json() {
                        shared.outbox.event(event, fields, false);
                    }
                }
                shared.outbox.message(MessageType::ERROR, summary);
            }
        });
    }

    /// Stops the runs that the predicate picks; returns how many.
    pub fn cancel(&self, picks: impl Fn(&str) -> bool) -> usize {
        let state = self.state();
        let picked: Vec<_> =
            state.runs.iter().filter(|(run, _)| picks(run)).map(|(_, running)| running.stop.clone()).collect();
        drop(state);
        picked.iter().for_each(Stop::cancel);
        picked.len()
    }

    async fn run(self: &Arc<Self>, run: &str, name: &str, begin: Begin, stop: Stop) {
        let (job, past, asked) = match begin {
            Begin::Job(job, past) => (*job, past, Asked::default()),
            Begin::Request(request) => match self.job(run, &request).await {
                Ok(job) => (job, Past::default(), Asked { messages: request.messages, text: request.prompt_text }),
                Err(Refusal(reason)) => return self.outbox.message(MessageType::ERROR, reason),
            },
        };
        if let Some(running) = self.state().runs.get_mut(run) {
            running.targets = job.targets();
        }
        let progress = Progress::begin(self, &self.client, &self.outbox, run, name).await.map(Arc::new);
        let events = self.state().client.events;
        let writer = self.write_reply(&job);
        let observer = Arc::new(RunObserver {
            outbox: self.outbox.clone(),
            progress: progress.clone(),
            events,
            reply: writer.as_ref().map(|writer| writer.stream.clone()),
            seen: Mutex::new(Seen::default()),
        });
        self.learn_spending().await;
        let ports = self.ports(observer.clone());
        let outcome = engine::execute(job.clone(), past, ports, stop).await;
        let shown = match writer {
            Some(writer) => writer.finish().await,
            None => None,
        };
        self.show_replies(&job, &asked, &outcome, shown).await;
        // A new message can be named from now on, and a new file.
        self.look_at_all_prompts();
        observer.tell_end();
        drop(observer);
        if let Some(progress) = &progress {
            progress.set_outcome(told(&outcome));
        }
        drop(progress);
        self.conclude(job, outcome);
    }

    /// Tells how a run ended, and keeps what can be done about it.
    fn conclude(&self, job: Job, outcome: Outcome) {
        self.note_end(job, &outcome);
        let kind = match outcome.status {
            Status::Error => MessageType::ERROR,
            Status::Finished if outcome.failed.is_empty() => MessageType::INFO,
            _ => MessageType::WARNING,
        };
        self.outbox.message(kind, told(&outcome));
    }

    /// What other runs and other processes spent today counts for the day's cap.
    pub async fn learn_spending(&self) {
        if self.state().settings.limits.max_cost_per_day.is_none() {
            return;
        }
        match self.histories.spent_since(Day::began()).await {
            Ok(total) => self.day.learn(total),
            Err(error) => {
                let text = format!("`max-cost-per-day` counts only what this server spends: {error}");
                self.outbox.message(MessageType::WARNING, text);
            }
        }
    }

    /// What a run acts with.
    pub fn ports(self: &Arc<Self>, observer: Arc<dyn Observer>) -> Ports {
        let (checker, caps) = {
            let state = self.state();
            (state.checker.clone(), Caps::from(&state.settings.limits))
        };
        let journal: Arc<dyn Journal> = Arc::new(self.history());
        Ports {
            model: self.model(),
            workspace: Arc::new(EditorWorkspace { shared: self.clone(), journal: journal.clone() }),
            observer,
            journal,
            checker,
            spending: Spending { caps, day: self.day.clone() },
        }
    }

    /// Reads what the request names, and checks all that can be checked before the first model call.
    pub async fn job(self: &Arc<Self>, run: &str, request: &RunRequest) -> Result<Job, Refusal> {
        let (files, catalog, settings, selected, open) = {
            let state = self.state();
            let open: BTreeSet<FileRef> = state.documents.keys().filter_map(|uri| state.file(uri)).collect();
            let selected = state.selection.clone();
            (state.files.clone(), state.catalog.clone(), state.settings.clone(), selected, open)
        };
        let (_, workflow) = catalog.get(&request.workflow).map_err(Refusal)?;
        let wanted = request.clone();
        let found = blocking(move || {
            let is_open = |path: &std::path::Path| {
                open.iter().any(|file| matches!(&file.place, crate::document::Place::Disk(at) if at == path))
            };
            let ignore = files.ignore();
            let resolve = |references: &[String]| {
                reference::resolve(&files.roots, references, &is_open, &ignore)
                    .map_err(|error| WorkspaceError::Failed(error.to_string()))
            };
            let current = match &wanted.current {
                Some(name) => resolve(std::slice::from_ref(name))?.into_iter().next(),
                None => None,
            };
            let given = wanted.files.as_deref().map(resolve).transpose()?;
            Ok((current, given))
        });
        let (current, given) = found.await.map_err(|error| Refusal(error.to_string()))?;
        let files = match (given, selected.is_empty()) {
            (Some(files), _) => files,
            (None, false) => selected.clone(),
            (None, true) => current.iter().cloned().collect(),
        };
        let named = named(request, &files, &selected, current.as_ref());
        let mut selection = match (&current, request.lines) {
            (Some(file), Some(lines)) => self.selection(file, lines),
            _ => None,
        };
        // An instruction that stands in the lines themselves: they go when it is carried out.
        let marked = selection.take_if(|selection| self.is_marker(request, current.as_ref(), selection.first_line));
        let mut job = Job {
            run: run.to_owned(),
            id: request.workflow.clone(),
            workflow,
            instruction: request.instruction.clone(),
            files,
            current,
            selection,
            marker: marked.map(|marked| MarkedLines {
                file: marked.file,
                lines: marked.text.lines().map(str::to_owned).collect(),
            }),
            messages: self.messages(request).await?,
            tags: request.tags.clone(),
            named,
            summary: settings.summary,
            reply_to: request.prompt.as_ref().and_then(|uri| self.state().file(uri)),
        };
        let model = self.model();
        for warning in job.prepare(&settings, |name| model.knows(name))? {
            self.outbox.message(MessageType::WARNING, warning);
        }
        Ok(job)
    }

    fn is_marker(&self, request: &RunRequest, file: Option<&FileRef>, first_line: u32) -> bool {
        let state = self.state();
        let marker = file.and_then(|file| {
            let (uri, _) = state.document(file)?;
            state.marker(uri, file, first_line.saturating_sub(1))
        });
        marker.is_some_and(|marker| {
            marker.first_line + 1 == first_line && marker.instruction == request.instruction.trim()
        })
    }

    /// The messages that are named, then the conversation so far.
    async fn messages(&self, request: &RunRequest) -> Result<Vec<Message>, Refusal> {
        let mut messages = Vec::new();
        for id in &request.messages {
            let found = self.history().find_message(id).await.map_err(|error| Refusal(error.to_string()))?;
            messages.push(found.ok_or_else(|| Refusal(format!("there is no message `{id}`; ids look like `m1`")))?);
        }
        messages.extend(request.turns.iter().cloned());
        Ok(messages)
    }

    pub fn selection(&self, file: &FileRef, (first_line, last_line): (u32, u32)) -> Option<Selection> {
        let state = self.state();
        let (_, document) = state.document(file)?;
        let text = document.text();
        let lines = crate::document::format::lines(&text);
        let last_line = last_line.min(u32::try_from(lines.len()).unwrap_or(u32::MAX));
        let picked = lines.get(first_line as usize - 1..last_line as usize)?;
        Some(Selection { file: file.name.clone(), first_line, last_line, text: picked.concat() })
    }
}

/// How a run ended, and what it cost if somebody pays for it.
fn told(Outcome { summary, usage, .. }: &Outcome) -> String {
    // Messages are cut off at their end; the money is not what should go.
    const MAX_CHARS: usize = 400;
    match is_paid(usage) {
        true if summary.chars().count() > MAX_CHARS => {
            format!("{}… ({})", summary.chars().take(MAX_CHARS).collect::<String>(), receipt(usage))
        }
        true => format!("{summary} ({})", receipt(usage)),
        false => summary.clone(),
    }
}

/// The files that the user named for writing, one by one; a glob names none.
fn named(request: &RunRequest, files: &[FileRef], selected: &[FileRef], current: Option<&FileRef>) -> BTreeSet<String> {
    let one_by_one = |file: &&FileRef| {
        let uri = convert::url(file).map(String::from);
        let given = request.files.as_deref().unwrap_or_default();
        given.iter().any(|reference| *reference == file.name || Some(reference) == uri.as_ref())
            || selected.contains(file)
    };
    let files = files.iter().filter(one_by_one).chain(current).map(|file| file.name.clone());
    files.chain(request.tags.get("write").cloned()).collect()
}
