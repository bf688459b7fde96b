//! Reads what was kept: runs, messages, edits, selections.

use std::time::SystemTime;

use rusqlite::{OptionalExtension, Row, params};

use super::{
    FileNow, KeptEdit, MessageSummary, RequestReport, RunReport, RunSummary, StepReport, Texts,
    blob::{self, unpack},
    database::{Database, duration, millis, time},
    failure::Failure,
    kept::{KeptFile, KeptJob, KeptLeft},
    lease::Holder,
};
use crate::{
    document::FileRef,
    engine::{
        journal::{EditId, EditState},
        ports::{Message, Usage},
    },
    workflow::Status,
};

/// A row of `runs`.
pub struct Run {
    pub id: i64,
    pub holder: Holder,
    pub summary: RunSummary,
    pub nonce: String,
    pub job: Option<i64>,
    /// There was an answer.
    pub has_usage: bool,
}

impl Run {
    const COLUMNS: &str = "runs.*, status = 'finished'
        AND EXISTS (SELECT 1 FROM steps WHERE steps.run = runs.id AND steps.status = 'error') AS in_part";

    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let worked =
            row.get::<_, i64>("earlier")? + (row.get::<_, i64>("touched")? - row.get::<_, i64>("begun")?).max(0);
        let input: Option<i64> = row.get("input")?;
        Ok(Self {
            id: row.get("id")?,
            holder: Holder::from_row(row)?,
            nonce: row.get("nonce")?,
            job: row.get("job")?,
            has_usage: input.is_some(),
            summary: RunSummary {
                run: row.get("name")?,
                workflow: row.get("workflow")?,
                instruction: row.get("instruction")?,
                status: status(&row.get::<_, String>("status")?),
                in_part: row.get("in_part")?,
                summary: row.get("summary")?,
                started: time(row.get("started")?),
                duration: duration(worked),
                usage: usage(row)?,
                files: Vec::new(),
                cleaned: row.get::<_, i64>("cleaned")? > 0,
            },
        })
    }
}

impl Database {
    /// The run of that name in a workspace, or the only one whose name begins so.
    pub fn find_run(&self, workspace: &str, name: &str) -> Result<Option<Run>, Failure> {
        let Some(workspace) = self.workspace(workspace)? else { return Ok(None) };
        // Names are hexadecimal. What sorts right after all that begin so is never one of them.
        let sql = format!(
            "SELECT {} FROM runs WHERE workspace = ?1 AND name >= ?2 AND name < ?2 || 'z' ORDER BY name LIMIT 2",
            Run::COLUMNS
        );
        let mut select = self.connection().prepare_cached(&sql)?;
        let found = select.query_map(params![workspace, name], Run::from_row)?;
        let mut found = found.collect::<Result<Vec<_>, _>>()?;
        let only = found.len() == 1 || found.first().is_some_and(|run| run.summary.run == name);
        Ok((only && !name.is_empty()).then(|| found.swap_remove(0)))
    }

    pub fn runs(&self, workspace: &str, most: usize) -> Result<Vec<RunSummary>, Failure> {
        let Some(workspace) = self.workspace(workspace)? else { return Ok(Vec::new()) };
        let sql = format!("SELECT {} FROM runs WHERE workspace = ?1 ORDER BY id DESC LIMIT ?2", Run::COLUMNS);
        let mut select = self.connection().prepare_cached(&sql)?;
        let runs = select.query_map(params![workspace, limit(most)], Run::from_row)?;
        runs.map(|run| self.with_files(run?)).collect()
    }

    /// Interrupted ones, and those that nobody has under way any more.
    pub fn resumable(&self, workspace: &str) -> Result<Vec<RunSummary>, Failure> {
        let Some(workspace) = self.workspace(workspace)? else { return Ok(Vec::new()) };
        let sql = format!(
            "SELECT {} FROM runs WHERE workspace = ?1 AND status IN ('in-progress', 'interrupted') ORDER BY id DESC",
            Run::COLUMNS
        );
        let mut select = self.connection().prepare_cached(&sql)?;
        let runs = select.query_map([workspace], Run::from_row)?.collect::<Result<Vec<_>, _>>()?;
        runs.into_iter().filter(|run| !self.is_under_way(run)).map(|run| self.with_files(run)).collect()
    }

    /// Whether somebody works on it, ourselves included.
    pub fn is_under_way(&self, run: &Run) -> bool {
        let own = self.owned.get(&run.summary.run).is_some_and(|own| own.running && own.fence == run.holder.fence);
        own || run.holder.is_other(&self.place.process, self.now())
    }

    fn with_files(&self, run: Run) -> Result<RunSummary, Failure> {
        let mut select = self
            .connection()
            .prepare_cached("SELECT file, before IS NULL, state, reason FROM edits WHERE run = ?1 ORDER BY id")?;
        let mut rows = select.query([run.id])?;
        let mut files: Vec<FileNow> = Vec::new();
        while let Some(row) = rows.next()? {
            let file = file(&row.get::<_, String>(0)?)?;
            let is_new: bool = row.get(1)?;
            let reason: Option<String> = row.get(3)?;
            let known = files.iter().position(|known| known.file == file).map(|at| files.remove(at));
            let was_created = known.is_some_and(|known| known.action == "created");
            let action = match edit_state(&row.get::<_, String>(2)?, None) {
                EditState::Applied if is_new || was_created => "created",
                EditState::Applied => "changed",
                state => super::record::words_of(&state).0,
            };
            files.push(FileNow { file, action, reason });
        }
        Ok(RunSummary { files, ..run.summary })
    }

    pub fn report(&self, workspace: &str, name: &str) -> Result<Option<RunReport>, Failure> {
        let Some(run) = self.find_run(workspace, name)? else { return Ok(None) };
        let mut texts = blob::Texts::default();
        let mut select = self.connection().prepare_cached(
            "SELECT step, module, status, error, remains, started, ended FROM steps WHERE run = ?1 ORDER BY step",
        )?;
        let mut rows = select.query([run.id])?;
        let mut steps = Vec::new();
        while let Some(row) = rows.next()? {
            let step_id = row.get(0)?;
            let (requests, usage) = self.requests(run.id, step_id, &mut texts)?;
            let left = self.left(row.get(4)?)?;
            let response = left.and_then(|left| left.response);
            let response = response.or_else(|| requests.iter().rev().find_map(|request| request.answer.clone()));
            let started: Option<i64> = row.get(5)?;
            let ended: Option<i64> = row.get(6)?;
            let worked = started.zip(ended).map(|(started, ended)| ended - started);
            steps.push(StepReport {
                step_id,
                module: row.get(1)?,
                status: status(&row.get::<_, String>(2)?),
                response,
                error: row.get(3)?,
                duration: duration(worked.unwrap_or_default()),
                usage,
                requests,
            });
        }
        Ok(Some(RunReport { summary: self.with_files(run)?, steps }))
    }

    /// What a step sent and got, and the sum of what that used.
    fn requests(&self, run: i64, step: u32, texts: &mut blob::Texts) -> Result<(Vec<RequestReport>, Usage), Failure> {
        let mut select = self.connection().prepare_cached(
            "SELECT system, shared, prompt, answer, input, cached, output, cost FROM attempts WHERE run = ?1 AND step = ?2 ORDER BY id",
        )?;
        let mut rows = select.query(params![run, step])?;
        let mut requests = Vec::new();
        let mut sum: Option<Usage> = None;
        while let Some(row) = rows.next()? {
            requests.push(RequestReport {
                system: self.shared_text(texts, row.get("system")?)?,
                shared: self.shared_text(texts, row.get("shared")?)?,
                prompt: self.text(row.get("prompt")?)?.unwrap_or_default(),
                answer: self.text(row.get("answer")?)?,
            });
            if row.get::<_, Option<i64>>("input")?.is_some() {
                let one = usage(row)?;
                sum = Some(sum.map_or(one, |sum| Usage {
                    input: sum.input.saturating_add(one.input),
                    cached: sum.cached.saturating_add(one.cached),
                    output: sum.output.saturating_add(one.output),
                    cost: sum.cost.zip(one.cost).map(|(a, b)| a + b),
                }));
            }
        }
        Ok((requests, sum.unwrap_or_default()))
    }

    pub fn left(&self, remains: Option<i64>) -> Result<Option<KeptLeft>, Failure> {
        let Some(text) = self.text(remains)? else { return Ok(None) };
        parsed(&text).map(Some)
    }

    pub fn job(&self, run: &Run) -> Result<Option<KeptJob>, Failure> {
        let Some(text) = self.text(run.job)? else { return Ok(None) };
        parsed(&text).map(Some)
    }

    pub fn edits(&self, workspace: &str, name: &str) -> Result<Vec<KeptEdit>, Failure> {
        let Some(run) = self.find_run(workspace, name)? else { return Ok(Vec::new()) };
        self.edits_of("SELECT edits.*, runs.name, runs.cleaned FROM edits JOIN runs ON runs.id = edits.run WHERE edits.run = ?1 ORDER BY edits.id", run.id)
    }

    pub fn waiting_edits(&self, workspace: &str) -> Result<Vec<KeptEdit>, Failure> {
        let Some(workspace) = self.workspace(workspace)? else { return Ok(Vec::new()) };
        self.edits_of(
            "SELECT edits.*, runs.name, runs.cleaned FROM edits JOIN runs ON runs.id = edits.run
             WHERE edits.state = 'pending' AND runs.workspace = ?1 ORDER BY edits.id",
            workspace,
        )
    }

    fn edits_of(&self, sql: &str, id: i64) -> Result<Vec<KeptEdit>, Failure> {
        let mut select = self.connection().prepare_cached(sql)?;
        let mut rows = select.query([id])?;
        let mut edits = Vec::new();
        while let Some(row) = rows.next()? {
            edits.push(self.edit_of(row)?);
        }
        Ok(edits)
    }

    pub fn edit_of(&self, row: &Row<'_>) -> Result<KeptEdit, Failure> {
        let text = |column: &str| self.text(row.get(column)?);
        let texts = match (text("text")?, text("after")?, row.get::<_, i64>("cleaned")?) {
            (Some(new), Some(after), 0) => {
                Some(Texts { base: text("base")?, text: new, before: text("before")?, after })
            }
            _ => None,
        };
        Ok(KeptEdit {
            id: row.get("id")?,
            run: row.get("name")?,
            at: time(row.get("at")?),
            step: row.get("step")?,
            title: row.get("title")?,
            file: file(&row.get::<_, String>("file")?)?,
            state: edit_state(&row.get::<_, String>("state")?, row.get("reason")?),
            texts,
        })
    }

    /// The run of an edit in this workspace.
    pub fn run_of_edit(&self, workspace: &str, edit: EditId) -> Result<Option<i64>, Failure> {
        let mut select = self.connection().prepare_cached(
            "SELECT runs.id FROM edits JOIN runs ON runs.id = edits.run JOIN workspaces ON workspaces.id = runs.workspace
             WHERE edits.id = ?1 AND workspaces.key = ?2",
        )?;
        Ok(select.query_row(params![edit, workspace], |row| row.get(0)).optional()?)
    }

    pub fn find_message(&self, workspace: &str, id: &str) -> Result<Option<Message>, Failure> {
        let number = id.strip_prefix('m').filter(|number| number.bytes().all(|byte| byte.is_ascii_digit()));
        let Some(number) = number.and_then(|number| number.parse::<i64>().ok()) else { return Ok(None) };
        let Some(workspace) = self.workspace(workspace)? else { return Ok(None) };
        let mut select = self
            .connection()
            .prepare_cached("SELECT prompt, reply FROM messages WHERE workspace = ?1 AND number = ?2")?;
        let found: Option<(Vec<u8>, Vec<u8>)> =
            select.query_row([workspace, number], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        let Some((prompt, reply)) = found else { return Ok(None) };
        let damaged = || Failure::Said(format!("message `{id}` is damaged"));
        let (prompt, reply) = unpack(&prompt).zip(unpack(&reply)).ok_or_else(damaged)?;
        Ok(Some(Message { prompt, reply }))
    }

    pub fn recent_messages(&self, workspace: &str, most: usize) -> Result<Vec<MessageSummary>, Failure> {
        let Some(workspace) = self.workspace(workspace)? else { return Ok(Vec::new()) };
        let mut select = self.connection().prepare_cached(
            "SELECT number, workflow, module, words FROM messages JOIN runs ON runs.id = messages.run
             LEFT JOIN steps ON steps.run = messages.run AND steps.step = messages.step
             WHERE messages.workspace = ?1 ORDER BY number DESC LIMIT ?2",
        )?;
        let messages = select.query_map(params![workspace, limit(most)], |row| {
            Ok(MessageSummary {
                id: format!("m{}", row.get::<_, i64>(0)?),
                workflow: row.get(1)?,
                module: row.get::<_, Option<String>>(2)?.unwrap_or_default(),
                words: row.get(3)?,
            })
        })?;
        Ok(messages.collect::<Result<_, _>>()?)
    }

    pub fn spent_since(&self, since: SystemTime) -> Result<f64, Failure> {
        let mut select = self.connection().prepare_cached("SELECT total(cost) FROM spending WHERE at >= ?1")?;
        Ok(select.query_row([millis(since)], |row| row.get(0))?)
    }

    pub fn selection(&self, workspace: &str) -> Result<Vec<FileRef>, Failure> {
        let mut select = self.connection().prepare_cached("SELECT selection FROM workspaces WHERE key = ?1")?;
        let text: Option<String> = select.query_row([workspace], |row| row.get(0)).optional()?;
        let Some(text) = text else { return Ok(Vec::new()) };
        Ok(parsed::<Vec<KeptFile>>(&text)?.into_iter().map(FileRef::from).collect())
    }

    pub fn set_selection(&self, workspace: &str, files: &[FileRef]) -> Result<(), Failure> {
        let files: Vec<KeptFile> = files.iter().map(KeptFile::from).collect();
        let text = serde_json::to_string(&files).map_err(|error| Failure::Said(error.to_string()))?;
        let workspace = self.make_workspace(workspace)?;
        let mut update = self.connection().prepare_cached("UPDATE workspaces SET selection = ?2 WHERE id = ?1")?;
        update.execute(params![workspace, text])?;
        Ok(())
    }
}

pub fn status(name: &str) -> Status {
    use Status::*;
    let all = [Pending, InProgress, Streaming, Finished, Error, Cancelled, Skipped, Interrupted];
    all.into_iter().find(|status| status.name() == name).unwrap_or_default()
}

pub fn edit_state(name: &str, reason: Option<String>) -> EditState {
    let reason = reason.unwrap_or_default();
    match name {
        "applied" => EditState::Applied,
        "pending" => EditState::Pending { reason },
        "failed" => EditState::Failed { reason },
        "discarded" => EditState::Discarded,
        "reverted" => EditState::Reverted,
        _ => EditState::Sent,
    }
}

pub fn usage(row: &Row<'_>) -> rusqlite::Result<Usage> {
    let count = |column: &str| -> rusqlite::Result<u64> {
        Ok(u64::try_from(row.get::<_, Option<i64>>(column)?.unwrap_or_default()).unwrap_or_default())
    };
    Ok(Usage { input: count("input")?, cached: count("cached")?, output: count("output")?, cost: row.get("cost")? })
}

fn file(text: &str) -> Result<FileRef, Failure> {
    Ok(parsed::<KeptFile>(text)?.into())
}

fn parsed<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, Failure> {
    serde_json::from_str(text).map_err(|error| Failure::Said(format!("what it holds can't be read: {error}")))
}

fn limit(most: usize) -> i64 {
    i64::try_from(most).unwrap_or(i64::MAX)
}
