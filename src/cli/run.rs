//! `stepwright run`: a workflow on files on disk.

use std::{collections::BTreeMap, io::Read, path::PathBuf, sync::Arc};

use lexopt::prelude::{Long, Value, ValueExt};

use super::{
    Exit, Usage,
    output::{Json, Steps, print, visible},
    workspace::DiskWorkspace,
};
use crate::{
    document::reference,
    engine::{
        self, Outcome, Stop,
        event::Action,
        job::{Job, fresh_id},
        ports::{Observer, Ports},
        spending::{Caps, Spending},
    },
    history::Memory,
    setup::{self, Setup},
    workflow::Status,
};

/// What the command line says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    pub config: Option<PathBuf>,
    pub workflow: String,
    pub instruction: String,
    pub files: Vec<String>,
    pub messages: Vec<String>,
    pub tags: BTreeMap<String, String>,
    pub form: Form,
    /// Show what would be sent, and send nothing.
    pub estimate: bool,
}

/// What comes out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    #[default]
    Steps,
    Json,
    Diff,
}

impl Arguments {
    pub fn parse(
        parser: &mut lexopt::Parser,
        config: Option<PathBuf>,
        log_file: &mut Option<PathBuf>,
    ) -> Result<Self, Usage> {
        let mut arguments = Self { config, ..Self::default() };
        let mut words: Vec<String> = Vec::new();
        while let Some(argument) = parser.next()? {
            match argument {
                Long("file") => arguments.files.push(parser.value()?.string()?),
                Long("message") => arguments.messages.push(parser.value()?.string()?),
                Long("tag") => {
                    let tag = parser.value()?.string()?;
                    let Some((name, value)) = tag.split_once('=') else {
                        return Err(Usage(format!("`--tag` takes KEY=VALUE, not `{tag}`")));
                    };
                    arguments.tags.insert(name.to_owned(), value.to_owned());
                }
                Long("json") => arguments.form = Form::Json,
                Long("diff") => arguments.form = Form::Diff,
                Long("estimate") => arguments.estimate = true,
                Long("log-file") => *log_file = Some(parser.value()?.into()),
                Long("config") => arguments.config = Some(parser.value()?.into()),
                Value(word) => words.push(word.string()?),
                other => return Err(other.unexpected().into()),
            }
        }
        let mut words = words.into_iter();
        arguments.workflow = words
            .next()
            .ok_or_else(|| Usage("say which workflow to run; `stepwright workflows` lists them".to_owned()))?;
        arguments.instruction = match words.next() {
            Some(dash) if dash == "-" => {
                let mut text = String::new();
                let read = std::io::stdin().read_to_string(&mut text);
                read.map_err(|error| Usage(format!("failed to read the instruction from standard input: {error}")))?;
                text
            }
            Some(text) => text,
            None => String::new(),
        };
        match words.next() {
            Some(extra) => Err(Usage(format!("`{extra}` is one word too many; put the instruction in quotes"))),
            None => Ok(arguments),
        }
    }
}

/// Runs the workflow in the current folder.
pub async fn run(arguments: Arguments) -> Result<Exit, Usage> {
    let root = std::env::current_dir().map_err(|error| Usage(format!("failed to find the current folder: {error}")))?;
    if let Some(config) = arguments.config.as_deref().filter(|config| !config.is_file()) {
        return Err(Usage(format!("failed to read `{}`: there is no such file", config.display())));
    }
    let setup = setup::read(arguments.config.as_deref(), None, &[root]);
    for (source, problem) in &setup.problems {
        let place = match source {
            crate::config::Source::File(path) => path.display().to_string(),
            crate::config::Source::Editor => String::new(),
        };
        eprintln!("warning: {place}: {problem}");
    }
    if arguments.estimate {
        return estimate(&arguments, &setup).await;
    }
    let outcome = execute(&arguments, &setup).await?;
    Ok(exit(&outcome))
}

/// Runs with a given setup; the demo uses it as well.
pub async fn execute(arguments: &Arguments, setup: &Setup) -> Result<Outcome, Usage> {
    let (job, ports, workspace) = prepare(arguments, setup)?;
    let stop = Stop::default();
    let interrupt = stop.clone();
    tokio::spawn(async move {
        told_to_end().await;
        interrupt.cancel();
    });
    if arguments.form == Form::Steps {
        print(&format!("{}\n", job.name()));
    }
    let outcome = engine::execute(job, ports, stop).await;
    match arguments.form {
        Form::Json => {}
        Form::Diff => print(&workspace.diff()),
        Form::Steps => {
            if let Some(reply) = outcome.replies.last() {
                print(&format!("\n{}\n", visible(&reply.text)));
            }
        }
    }
    Ok(outcome)
}

/// Tells what a run would send and cost.
async fn estimate(arguments: &Arguments, setup: &Setup) -> Result<Exit, Usage> {
    let (job, ports, _) = prepare(arguments, setup)?;
    let estimate = engine::estimate::estimate(job, ports).await.map_err(|error| Usage(error.to_string()))?;
    match arguments.form {
        Form::Json => print(&format!("{}\n", estimate.to_json())),
        Form::Steps | Form::Diff => print(&visible(&super::estimate::text(&estimate))),
    }
    Ok(Exit::Finished)
}

/// What a run needs, as the command line says it.
fn prepare(arguments: &Arguments, setup: &Setup) -> Result<(Job, Ports, Arc<DiskWorkspace>), Usage> {
    let mut job = job(arguments, setup)?;
    let model = crate::model::connect(&setup.settings, &|name| std::env::var(name).ok());
    let warnings = job.prepare(&setup.settings, |name| model.knows(name)).map_err(|refusal| Usage(refusal.0))?;
    for warning in warnings {
        eprintln!("warning: {warning}");
    }
    let observer: Arc<dyn Observer> = match arguments.form {
        Form::Json => Arc::new(Json),
        Form::Steps => Arc::new(Steps::new(true)),
        Form::Diff => Arc::new(Steps::new(false)),
    };
    let waiting = setup::state_folder().map(|state| state.join("pending"));
    let workspace = Arc::new(DiskWorkspace::new(setup.files.clone(), arguments.form == Form::Diff, waiting));
    let ports = Ports {
        model,
        workspace: workspace.clone(),
        observer,
        journal: Arc::new(Memory::default()),
        checker: setup.checker.clone(),
        spending: Spending { caps: Caps::from(&setup.settings.limits), ..Spending::default() },
    };
    Ok((job, ports, workspace))
}

/// Waits for Ctrl-C, or for another polite way to be ended: what the run has started ends with it.
#[cfg(unix)]
async fn told_to_end() {
    use tokio::signal::unix::{SignalKind, signal};
    let signals = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()), signal(SignalKind::hangup()));
    let (Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)) = signals else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
}

#[cfg(not(unix))]
async fn told_to_end() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}

fn job(arguments: &Arguments, setup: &Setup) -> Result<Job, Usage> {
    let (_, workflow) = setup.catalog.get(&arguments.workflow).map_err(Usage)?;
    if let Some(id) = arguments.messages.first() {
        return Err(Usage(format!("there is no message `{id}`: runs on the command line keep no history yet")));
    }
    let files = reference::resolve(&setup.files.roots, &arguments.files, &|_| false, &setup.files.ignore())
        .map_err(|error| Usage(error.to_string()))?;
    let one_by_one = files.iter().map(|file| file.name.clone());
    // A glob names no file for writing.
    let named = one_by_one.filter(|name| arguments.files.iter().any(|reference| reference.ends_with(name.as_str())));
    let named = named.chain(arguments.tags.get("write").cloned()).collect();
    Ok(Job {
        run: fresh_id(),
        id: arguments.workflow.clone(),
        workflow,
        instruction: arguments.instruction.clone(),
        files,
        current: None,
        selection: None,
        marker: None,
        messages: Vec::new(),
        tags: arguments.tags.clone(),
        named,
        summary: setup.settings.summary,
    })
}

/// Nothing failed and nothing waits: finished. Some of it: finished in part.
fn exit(outcome: &Outcome) -> Exit {
    let in_part = !outcome.failed.is_empty()
        || outcome.files.iter().any(|file| matches!(file.action, Action::Pending | Action::Refused));
    match outcome.status {
        Status::Cancelled => Exit::Cancelled,
        Status::Finished if in_part => Exit::InPart,
        Status::Finished => Exit::Finished,
        _ => Exit::Failed,
    }
}
