//! `stepwright history`, `resume` and `revert`: runs of this folder, to read, to go on with, and to take back.

use super::{
    Exit, Usage,
    drive::{self, Here},
    output::{print, visible},
    run::Form,
};
use crate::{
    document::{
        FileRef, Place, disk,
        revert::{Reverted, revert},
    },
    engine::journal::EditState,
    files::Written,
    history::{KeptEdit, report, undo},
};

/// Of the list of runs.
const MOST_RUNS: usize = 1000;

/// All runs, or one of them.
pub async fn show(run: Option<&str>, json: bool) -> Result<Exit, Usage> {
    let here = Here::open(None)?;
    let failed = |error: crate::engine::journal::JournalError| Usage(error.to_string());
    let text = match run {
        None => {
            let runs = here.history.runs(MOST_RUNS).await.map_err(failed)?;
            match json {
                true => format!("{}\n", report::runs_json(&runs)),
                false if runs.is_empty() => "Nothing was run in this folder yet.\n".to_owned(),
                false => report::runs_text(&runs),
            }
        }
        Some(run) => {
            let found = here.history.run(run).await.map_err(failed)?;
            let found = found.ok_or_else(|| Usage(unknown(run)))?;
            match json {
                true => format!("{}\n", report::run_json(&found)),
                false => report::run_markdown(&found),
            }
        }
    };
    here.notice().await;
    print(&visible(&text));
    Ok(Exit::Finished)
}

/// Goes on with a run that didn't reach its end; finished steps aren't repeated.
pub async fn resume(run: &str, json: bool) -> Result<Exit, Usage> {
    let here = Here::open(None)?;
    let run = full_name(&here, run).await?;
    let claim = here.history.claim(&run).await.map_err(|error| Usage(error.to_string()))?;
    let (_, workflow) = here.setup.catalog.get(&claim.job.workflow).map_err(Usage)?;
    let job = claim.job.into_job(workflow).map_err(Usage)?;
    let model = crate::model::connect(&here.setup.settings, &|name| std::env::var(name).ok());
    let form = if json { Form::Json } else { Form::Steps };
    let outcome = drive::drive(job, claim.past, form, &here, model).await;
    if !json {
        print(&drive::advice(&outcome));
    }
    here.close();
    Ok(drive::exit(&outcome))
}

/// Takes a run's edits back where the files still allow it.
pub async fn undo(run: &str) -> Result<Exit, Usage> {
    let here = Here::open(None)?;
    let run = full_name(&here, run).await?;
    let failed = |error: crate::engine::journal::JournalError| Usage(error.to_string());
    let edits = here.history.edits(&run).await.map_err(failed)?;
    let name = edits.first().map_or_else(|| format!("run {run}"), |edit| edit.title.clone());
    let mut told = undo::Told::default();
    for (file, edits) in undo::by_file(edits) {
        let outcome = undo_file(&here, &file, &edits);
        if outcome.is_ok() {
            for edit in &edits {
                here.history.set_edit(edit.id, EditState::Reverted).await.map_err(failed)?;
            }
        }
        told.add(&file, outcome);
    }
    let (is_whole, text) = told.sentence(&name);
    here.close();
    print(&format!("{}\n", visible(&text)));
    Ok(match (is_whole, told.did_something()) {
        (true, _) => Exit::Finished,
        (false, true) => Exit::InPart,
        (false, false) => Exit::Failed,
    })
}

/// The error is why the file stays as it is.
fn undo_file(here: &Here, file: &FileRef, edits: &[KeptEdit]) -> Result<undo::Did, String> {
    let files = &here.setup.files;
    // Paths are judged anew: what lay in the workspace may be a link out of it by now.
    files.permission(file, true).map_err(|error| error.to_string())?;
    let sides = undo::sides(edits)?;
    let now = files.raw(file).map_err(|error| error.to_string())?;
    match revert(&sides, now.as_deref()) {
        Reverted::Already => Ok(undo::Did::Nothing),
        Reverted::Text(text) => match files.write(file, now.as_deref(), &text).map_err(|error| error.to_string())? {
            Written::Done(_) => Ok(undo::Did::Restored),
            Written::Moved => Err("it changed just now".to_owned()),
            Written::Unencodable(reason) => Err(reason),
        },
        Reverted::Delete => {
            let Place::Disk(path) = &file.place else { return Ok(undo::Did::Nothing) };
            let texts: Vec<String> = now.into_iter().collect();
            disk::remove_if(path, &texts).map_err(|error| error.to_string())?;
            Ok(undo::Did::Deleted)
        }
        standing => Err(undo::reason(&standing)),
    }
}

/// The run whose name begins like this.
async fn full_name(here: &Here, run: &str) -> Result<String, Usage> {
    let found = here.history.run(run).await.map_err(|error| Usage(error.to_string()))?;
    here.notice().await;
    Ok(found.ok_or_else(|| Usage(unknown(run)))?.summary.run)
}

fn unknown(run: &str) -> String {
    format!("there is no run `{run}` in this folder, or several begin like that; `stepwright history` lists them")
}
