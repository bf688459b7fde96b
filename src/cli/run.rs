//! `stepwright run`: a workflow on files on disk.

use std::{collections::BTreeMap, io::Read, path::PathBuf, sync::Arc};

use lexopt::prelude::{Long, Value, ValueExt};

use super::{
    Exit, Usage,
    drive::{self, Here},
    output::{print, visible},
};
use crate::{
    document::reference,
    engine::{
        self, Outcome,
        job::{Job, fresh_id},
        journal::Past,
        ports::Model,
    },
    history::WorkspaceHistory,
    setup::Setup,
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
    let here = Here::open(arguments.config.as_deref())?;
    here.notice().await;
    if arguments.estimate {
        return estimate(&arguments, &here).await;
    }
    let outcome = execute(&arguments, &here).await?;
    if arguments.form == Form::Steps {
        print(&drive::advice(&outcome));
    }
    here.close();
    Ok(drive::exit(&outcome))
}

/// Runs with a given setup; the demo uses it as well.
pub async fn execute(arguments: &Arguments, here: &Here) -> Result<Outcome, Usage> {
    let (job, model) = prepare(arguments, here).await?;
    Ok(drive::drive(job, Past::default(), arguments.form, here, model).await)
}

/// Tells what a run would send and cost.
async fn estimate(arguments: &Arguments, here: &Here) -> Result<Exit, Usage> {
    let (job, model) = prepare(arguments, here).await?;
    let (ports, _) = drive::ports(arguments.form, here, model);
    let estimate = engine::estimate::estimate(job, ports).await.map_err(|error| Usage(error.to_string()))?;
    match arguments.form {
        Form::Json => print(&format!("{}\n", estimate.to_json())),
        Form::Steps | Form::Diff => print(&visible(&super::estimate::text(&estimate))),
    }
    Ok(Exit::Finished)
}

/// What is to be run, as the command line says it.
async fn prepare(arguments: &Arguments, here: &Here) -> Result<(Job, Arc<dyn Model>), Usage> {
    let mut job = job(arguments, &here.setup, &here.history).await?;
    let settings = &here.setup.settings;
    let model = crate::model::connect(settings, &|name| std::env::var(name).ok());
    let warnings = job.prepare(settings, |name| model.knows(name)).map_err(|refusal| Usage(refusal.0))?;
    for warning in warnings {
        eprintln!("warning: {warning}");
    }
    Ok((job, model))
}

async fn job(arguments: &Arguments, setup: &Setup, history: &WorkspaceHistory) -> Result<Job, Usage> {
    let (_, workflow) = setup.catalog.get(&arguments.workflow).map_err(Usage)?;
    let mut messages = Vec::new();
    for id in &arguments.messages {
        let found = history.find_message(id).await.map_err(|error| Usage(error.to_string()))?;
        messages.push(
            found.ok_or_else(|| Usage(format!("there is no message `{id}` in this folder; ids look like `m1`")))?,
        );
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
        messages,
        tags: arguments.tags.clone(),
        named,
        summary: setup.settings.summary,
        reply_to: None,
    })
}
