//! Takes over a run, with what is known of it.

use std::collections::BTreeMap;

use rusqlite::params;

use super::{
    Claim, ClaimError,
    database::Database,
    failure::Failure,
    lease::Owned,
    query::{Run, status, usage},
};
use crate::{
    engine::{
        journal::{EditState, Held, Left, Past, PastAnswer, PastStep},
        ports::Request,
    },
    workflow::{Role, Status},
};

impl Database {
    pub fn claim(&mut self, workspace: &str, name: &str) -> Result<Result<Claim, ClaimError>, Failure> {
        let run = match self.idle_run(workspace, name)? {
            Ok(run) => run,
            Err(refused) => return Ok(Err(refused)),
        };
        let name = run.summary.run.clone();
        if run.summary.status == Status::Finished && !run.summary.in_part {
            return Ok(Err(ClaimError::Finished(name)));
        }
        let job = if run.summary.cleaned { None } else { self.job(&run)? };
        let Some(job) = job else { return Ok(Err(ClaimError::Cleaned(name))) };
        let past = self.past(&run)?;
        let fence = self.take(run.id)?;
        let owned = Owned {
            id: run.id,
            fence,
            running: false,
            workspace: workspace.to_owned(),
            workflow: run.summary.workflow,
            instruction: run.summary.instruction,
            nonce: run.nonce,
        };
        self.owned.insert(name, owned);
        Ok(Ok(Claim { job, past }))
    }

    /// The run counts as cancelled.
    pub fn forget(&mut self, workspace: &str, name: &str) -> Result<Result<(), ClaimError>, Failure> {
        let run = match self.idle_run(workspace, name)? {
            Ok(run) => run,
            Err(refused) => return Ok(Err(refused)),
        };
        let name = run.summary.run;
        if !matches!(run.summary.status, Status::InProgress | Status::Interrupted) {
            return Ok(Err(ClaimError::Finished(name)));
        }
        let forget = "UPDATE runs SET status = ?2, owner = NULL, lease = 0, fence = fence + 1 WHERE id = ?1";
        self.connection().prepare_cached(forget)?.execute(params![run.id, Status::Cancelled.name()])?;
        self.close_steps(run.id)?;
        self.owned.remove(&name);
        Ok(Ok(()))
    }

    fn idle_run(&self, workspace: &str, name: &str) -> Result<Result<Run, ClaimError>, Failure> {
        Ok(match self.find_run(workspace, name)? {
            None => Err(ClaimError::Unknown(name.to_owned())),
            Some(run) if self.is_under_way(&run) => Err(ClaimError::UnderWay(run.summary.run)),
            Some(run) => Ok(run),
        })
    }

    fn past(&self, run: &Run) -> Result<Past, Failure> {
        let usage = run.has_usage.then_some(run.summary.usage);
        let mut past = Past { nonce: Some(run.nonce.clone()), usage, ..Past::default() };
        let mut paths = BTreeMap::new();
        let mut select = self
            .connection()
            .prepare_cached("SELECT step, path, module, status, remains FROM steps WHERE run = ?1 ORDER BY step")?;
        let mut rows = select.query([run.id])?;
        while let Some(row) = rows.next()? {
            let (id, path): (u32, String) = (row.get(0)?, row.get(1)?);
            let finished = status(&row.get::<_, String>(3)?) == Status::Finished;
            let left = if finished { self.left(row.get(4)?)? } else { None };
            let left = left.map(Left::from);
            paths.insert(id, path.clone());
            past.steps.insert(path, PastStep { id, module: row.get(2)?, left, ..PastStep::default() });
        }
        self.add_answers(run.id, &paths, &mut past)?;
        self.add_edits(run.id, &paths, &mut past)?;
        Ok(past)
    }

    /// Whole answers of steps that were interrupted, each the last of its number.
    fn add_answers(&self, run: i64, paths: &BTreeMap<u32, String>, past: &mut Past) -> Result<(), Failure> {
        let mut select = self.connection().prepare_cached(
            "SELECT * FROM attempts WHERE run = ?1 AND failed = 0
             AND id = (SELECT max(id) FROM attempts AS last
                WHERE last.run = attempts.run AND last.step = attempts.step AND last.number = attempts.number)",
        )?;
        let mut rows = select.query([run])?;
        while let Some(row) = rows.next()? {
            let step = paths.get(&row.get::<_, u32>("step")?).and_then(|path| past.steps.get_mut(path));
            let Some(step) = step.filter(|step| step.left.is_none()) else { continue };
            let text = |column: &str| self.text(row.get(column)?);
            let texts = (text("system")?, text("shared")?, text("prompt")?, text("answer")?);
            let (Some(system), Some(shared), Some(prompt), Some(text)) = texts else { continue };
            let request = Request {
                step: row.get("module")?,
                role: if row.get::<_, String>("role")? == Role::Fast.name() { Role::Fast } else { Role::Main },
                model: row.get("model")?,
                system,
                shared,
                prompt,
                nonce: row.get("nonce")?,
                // Said anew for each sending.
                max_output: None,
            };
            step.answers.insert(row.get("number")?, PastAnswer { request, text, usage: usage(row)? });
        }
        Ok(())
    }

    /// Edits of steps that didn't finish, and texts that wait.
    fn add_edits(&self, run: i64, paths: &BTreeMap<u32, String>, past: &mut Past) -> Result<(), Failure> {
        let mut select = self.connection().prepare_cached(
            "SELECT edits.*, runs.name, runs.cleaned FROM edits JOIN runs ON runs.id = edits.run WHERE edits.run = ?1 ORDER BY edits.id",
        )?;
        let mut rows = select.query([run])?;
        while let Some(row) = rows.next()? {
            let edit = self.edit_of(row)?;
            let Some(entry) = edit.entry() else { continue };
            // The last edit of a file decides whether a text of it waits.
            past.pending.remove(&entry.file.name);
            if matches!(entry.state, EditState::Pending { .. }) {
                let held = Held { base: entry.base.clone(), text: entry.text.clone() };
                past.pending.insert(entry.file.name.clone(), held);
            }
            let step = paths.get(&entry.step).and_then(|path| past.steps.get_mut(path));
            let Some(step) = step.filter(|step| step.left.is_none()) else { continue };
            let dropped = matches!(entry.state, EditState::Discarded | EditState::Reverted);
            step.edit = (!dropped).then_some(entry);
        }
        Ok(())
    }
}
