//! Runs in a terminal: what a new run and a resumed one have in common, from the folder's setup to the exit code.

use std::{path::Path, sync::Arc, time::Duration};

use super::{
    Exit, Usage,
    output::{Json, Steps, print, visible},
    run::Form,
    workspace::DiskWorkspace,
};
use crate::{
    engine::{
        self, Outcome, Stop,
        event::Action,
        job::Job,
        journal::Past,
        ports::{Model, Observer, Ports},
        spending::{Caps, Day, Spending},
    },
    history::{History, WorkspaceHistory},
    setup::{self, Setup},
    workflow::Status,
};

/// How long the end of the program waits for the history to be on disk.
const FLUSH_PATIENCE: Duration = Duration::from_secs(5);

/// What the current folder has.
pub struct Here {
    pub setup: Setup,
    pub histories: History,
    pub history: WorkspaceHistory,
}

impl Here {
    /// Reads configuration and workflows, and says what is wrong in them.
    pub fn open(config: Option<&Path>) -> Result<Self, Usage> {
        let root =
            std::env::current_dir().map_err(|error| Usage(format!("failed to find the current folder: {error}")))?;
        if let Some(config) = config.filter(|config| !config.is_file()) {
            return Err(Usage(format!("failed to read `{}`: there is no such file", config.display())));
        }
        let folders = [root];
        let setup = setup::read(config, None, &folders);
        for (source, problem) in &setup.problems {
            let place = match source {
                crate::config::Source::File(path) => path.display().to_string(),
                crate::config::Source::Editor => String::new(),
            };
            eprintln!("warning: {place}: {problem}");
        }
        let histories = History::open(setup::state_folder());
        let history = histories.workspace(&setup::workspace_key(&folders));
        Ok(Self { setup, histories, history })
    }

    /// Says, once, why the history isn't kept on disk.
    pub async fn notice(&self) {
        if let Some(notice) = self.histories.notice().await {
            eprintln!("warning: {notice}");
        }
    }

    /// What other processes spent today counts for the day's cap.
    async fn learn_spending(&self, spending: &Spending) {
        if spending.caps.per_day.is_none() {
            return;
        }
        match self.histories.spent_since(Day::began()).await {
            Ok(total) => spending.day.learn(total),
            Err(error) => eprintln!("warning: `max-cost-per-day` counts only what this run spends: {error}"),
        }
    }

    /// Leaves nothing half recorded.
    pub fn close(self) {
        self.histories.flush(FLUSH_PATIENCE);
    }
}

/// Runs a prepared job, or goes on with one, and shows it.
pub async fn drive(job: Job, past: Past, form: Form, here: &Here, model: Arc<dyn Model>) -> Outcome {
    let (ports, workspace) = ports(form, here, model);
    here.learn_spending(&ports.spending).await;
    let stop = Stop::default();
    let interrupt = stop.clone();
    tokio::spawn(async move {
        told_to_end().await;
        interrupt.cancel();
    });
    if form == Form::Steps {
        print(&format!("{}\n", job.name()));
    }
    let outcome = engine::execute(job, past, ports, stop).await;
    match form {
        Form::Json => {}
        Form::Diff => print(&workspace.diff()),
        Form::Steps => {
            if let Some(reply) = outcome.replies.last() {
                print(&format!("\n{}\n", visible(&reply.text)));
            }
        }
    }
    outcome
}

/// What a run acts with.
pub fn ports(form: Form, here: &Here, model: Arc<dyn Model>) -> (Ports, Arc<DiskWorkspace>) {
    let Here { setup, history, .. } = here;
    let observer: Arc<dyn Observer> = match form {
        Form::Json => Arc::new(Json),
        Form::Steps => Arc::new(Steps::new(true)),
        Form::Diff => Arc::new(Steps::new(false)),
    };
    let waiting = setup::state_folder().map(|state| state.join("pending"));
    let review = setup.settings.review;
    let workspace = Arc::new(DiskWorkspace::new(setup.files.clone(), form == Form::Diff, waiting, review));
    let ports = Ports {
        model,
        workspace: workspace.clone(),
        observer,
        journal: Arc::new(history.clone()),
        checker: setup.checker.clone(),
        spending: Spending { caps: Caps::from(&setup.settings.limits), ..Spending::default() },
    };
    (ports, workspace)
}

/// What can be done about a run that ended so.
pub fn advice(outcome: &Outcome) -> String {
    let is_whole = outcome.status == Status::Finished && outcome.failed.is_empty();
    let wrote = outcome.files.iter().any(|file| matches!(file.action, Action::Created | Action::Changed));
    let mut text = String::new();
    if !is_whole {
        text.push_str(&format!("\nGo on with it: stepwright resume {}\n", outcome.run));
    }
    if wrote {
        text.push_str(&format!(
            "{}Take it back: stepwright revert {}\n",
            if is_whole { "\n" } else { "" },
            outcome.run
        ));
    }
    text
}

/// Nothing failed and nothing waits: finished. Some of it: finished in part.
pub fn exit(outcome: &Outcome) -> Exit {
    let in_part = !outcome.failed.is_empty()
        || outcome.files.iter().any(|file| matches!(file.action, Action::Pending | Action::Refused));
    match outcome.status {
        Status::Cancelled => Exit::Cancelled,
        Status::Finished if in_part => Exit::InPart,
        Status::Finished => Exit::Finished,
        _ => Exit::Failed,
    }
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
