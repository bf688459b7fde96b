//! Writes the facts of a run. Every one of them is refused unless the run is ours.

use rusqlite::{OptionalExtension, params};

use super::{
    blob::pack,
    database::Database,
    failure::Failure,
    kept::{KeptFile, KeptJob, KeptLeft},
    lease::{Holder, Owned},
};
use crate::{
    engine::{
        job::Job,
        journal::{EditEntry, EditId, EditState, Entry, Left, Planned, StepEntry},
        ports::{Message, Request, Usage},
    },
    workflow::Status,
};

/// Of a message's prompt, to tell messages apart.
const WORDS_CHARS: usize = 80;
/// Spending is asked for by the day.
const SPENDING_KEPT_MILLIS: i64 = 40 * 24 * 60 * 60 * 1000;
/// Sums of the same costs differ by less.
const MIN_COST: f64 = 1e-9;

impl Database {
    pub fn record(&mut self, workspace: &str, run: &str, entry: &Entry) -> Result<(), Failure> {
        match entry {
            Entry::Begin { job, nonce } => self.begin(workspace, run, job, nonce),
            Entry::Plan(steps) => self.plan(run, steps),
            Entry::Attempt { step, number, request } => self.attempt(run, *step, *number, request),
            Entry::Answer { step, number, text, usage } => self.answer(run, *step, *number, text, usage),
            Entry::Step(step) => self.step(run, step),
            Entry::Edited { edit, state } => {
                let id = self.own_or_ended(run)?;
                self.change_edit(id, *edit, state)
            }
            Entry::End { status, summary, usage } => self.end(run, *status, summary, usage),
        }
    }

    fn begin(&mut self, workspace: &str, run: &str, job: &Job, nonce: &str) -> Result<(), Failure> {
        let workspace_id = self.make_workspace(workspace)?;
        let known = self
            .connection()
            .prepare_cached("SELECT id, workspace, owner, host, pid, fence, lease FROM runs WHERE name = ?1")?
            .query_row([run], |row| Ok((row.get("id")?, row.get::<_, i64>("workspace")?, Holder::from_row(row)?)))
            .optional()?;
        let id = match known {
            None => self.insert_run(workspace_id, run, &job.id, &job.instruction, nonce)?,
            Some((_, of, _)) if of != workspace_id => {
                return Err(Failure::Said(format!("run `{run}` belongs to another workspace")));
            }
            Some((id, _, holder)) => {
                let claimed = self.owned.get(run).map(|owned| owned.fence);
                let taken_over = claimed.is_some_and(|fence| fence != holder.fence);
                if taken_over || holder.is_other(&self.place.process, self.now()) {
                    return Err(Failure::lost(run));
                }
                self.go_on(id, nonce)?;
                id
            }
        };
        let text = json(&KeptJob::from(job))?;
        let job_text = self.keep_text(id, &text)?;
        self.connection().prepare_cached("UPDATE runs SET job = ?2 WHERE id = ?1")?.execute([id, job_text])?;
        let fence = self.take(id)?;
        let owned = Owned {
            id,
            fence,
            running: true,
            workspace: workspace.to_owned(),
            workflow: job.id.clone(),
            instruction: job.instruction.clone(),
            nonce: nonce.to_owned(),
        };
        self.owned.insert(run.to_owned(), owned);
        Ok(())
    }

    pub fn insert_run(
        &self,
        workspace: i64,
        run: &str,
        workflow: &str,
        instruction: &str,
        nonce: &str,
    ) -> Result<i64, Failure> {
        let now = self.now();
        let status = Status::InProgress.name();
        let mut insert = self.connection().prepare_cached(
            "INSERT INTO runs (workspace, name, workflow, instruction, nonce, status, started, begun, touched, fence)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, ?7, 0)",
        )?;
        Ok(insert.insert(params![workspace, run, workflow, instruction, nonce, status, now])?)
    }

    /// A run that is known begins again. What was skipped isn't any more.
    fn go_on(&self, id: i64, nonce: &str) -> Result<(), Failure> {
        let mut run = self.connection().prepare_cached(
            "UPDATE runs SET status = ?2, summary = '', nonce = ?3, earlier = earlier + max(touched - begun, 0), begun = ?4, touched = ?4
             WHERE id = ?1",
        )?;
        run.execute(params![id, Status::InProgress.name(), nonce, self.now()])?;
        let mut steps =
            self.connection().prepare_cached("UPDATE steps SET status = ?2 WHERE run = ?1 AND status = ?3")?;
        steps.execute(params![id, Status::Pending.name(), Status::Skipped.name()])?;
        Ok(())
    }

    fn plan(&self, run: &str, steps: &[Planned]) -> Result<(), Failure> {
        let id = self.own(run)?;
        let mut insert = self.connection().prepare_cached(
            "INSERT INTO steps (run, step, path, module, status) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (run, step) DO UPDATE SET path = excluded.path, module = excluded.module",
        )?;
        for Planned { id: step, path, module } in steps {
            insert.execute(params![id, step, path, module, Status::Pending.name()])?;
        }
        Ok(())
    }

    fn attempt(&self, run: &str, step: u32, number: u32, request: &Request) -> Result<(), Failure> {
        let id = self.own(run)?;
        let Request { step: module, role, model, system, shared, prompt, nonce, max_output: _ } = request;
        let system = self.keep_text(id, system)?;
        let shared = self.keep_text(id, shared)?;
        let prompt = self.keep_text(id, prompt)?;
        let mut insert = self.connection().prepare_cached(
            "INSERT INTO attempts (run, step, number, module, role, model, nonce, system, shared, prompt)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?;
        insert.execute(params![id, step, number, module, role.name(), model, nonce, system, shared, prompt])?;
        let mut update = self.connection().prepare_cached(
            "INSERT INTO steps (run, step, path, module, status, started) VALUES (?1, ?2, '', ?3, ?4, ?5)
             ON CONFLICT (run, step) DO UPDATE SET
                started = iif(status = excluded.status, started, excluded.started), status = excluded.status, error = NULL, ended = NULL",
        )?;
        update.execute(params![id, step, module, Status::InProgress.name(), self.now()])?;
        self.touch(id)
    }

    fn answer(&self, run: &str, step: u32, number: u32, text: &str, usage: &Usage) -> Result<(), Failure> {
        let id = self.own(run)?;
        let text = self.keep_text(id, text)?;
        let (input, cached, output) = counts(usage);
        let connection = self.connection();
        let last: Option<i64> = connection
            .prepare_cached("SELECT max(id) FROM attempts WHERE run = ?1 AND step = ?2 AND number = ?3")?
            .query_row(params![id, step, number], |row| row.get(0))?;
        let last = last.ok_or_else(|| Failure::Said(format!("step {step} asked for no answer {number}")))?;
        connection
            .prepare_cached(
                "UPDATE attempts SET answer = ?2, input = ?3, cached = ?4, output = ?5, cost = ?6 WHERE id = ?1",
            )?
            .execute(params![last, text, input, cached, output, usage.cost])?;
        // One unknown cost makes the sum unknown.
        connection
            .prepare_cached(
                "UPDATE runs SET cost = iif(input IS NULL, ?5, cost + ?5), input = ifnull(input, 0) + ?2,
                    cached = ifnull(cached, 0) + ?3, output = ifnull(output, 0) + ?4 WHERE id = ?1",
            )?
            .execute(params![id, input, cached, output, usage.cost])?;
        self.spend(id, usage.cost.unwrap_or_default())?;
        self.touch(id)
    }

    fn spend(&self, run: i64, cost: f64) -> Result<(), Failure> {
        if cost < MIN_COST {
            return Ok(());
        }
        let connection = self.connection();
        connection
            .prepare_cached("INSERT INTO spending (at, cost) VALUES (?1, ?2)")?
            .execute(params![self.now(), cost])?;
        connection.prepare_cached("UPDATE runs SET spent = spent + ?2 WHERE id = ?1")?.execute(params![run, cost])?;
        Ok(())
    }

    fn step(&self, run: &str, entry: &StepEntry) -> Result<(), Failure> {
        let id = self.own(run)?;
        let StepEntry { id: step, module, status, error, left } = entry;
        let remains = match left {
            Some(left) => Some(self.keep_text(id, &json(&KeptLeft::from(left))?)?),
            None => None,
        };
        let ended = status.is_final().then(|| self.now());
        let connection = self.connection();
        connection
            .prepare_cached(
                "INSERT INTO steps (run, step, path, module, status, error, remains, started, ended)
                 VALUES (?1, ?2, '', ?3, ?4, ?5, ?6, ?7, ?8)
                 ON CONFLICT (run, step) DO UPDATE SET module = excluded.module, status = excluded.status, error = excluded.error,
                    remains = excluded.remains, started = ifnull(started, excluded.started), ended = excluded.ended",
            )?
            .execute(params![id, step, module, status.name(), error, remains, self.now(), ended])?;
        if *status == Status::Error {
            connection
                .prepare_cached("UPDATE attempts SET failed = 1 WHERE run = ?1 AND step = ?2")?
                .execute(params![id, step])?;
        }
        self.touch(id)
    }

    fn end(&mut self, run: &str, status: Status, summary: &str, usage: &Usage) -> Result<(), Failure> {
        let id = self.own(run)?;
        self.touch(id)?;
        let connection = self.connection();
        connection
            .prepare_cached("UPDATE runs SET status = ?2, summary = ?3, owner = NULL, lease = 0 WHERE id = ?1")?
            .execute(params![id, status.name(), summary])?;
        if *usage != Usage::default() {
            let (input, cached, output) = counts(usage);
            connection
                .prepare_cached("UPDATE runs SET input = ?2, cached = ?3, output = ?4, cost = ?5 WHERE id = ?1")?
                .execute(params![id, input, cached, output, usage.cost])?;
            let spent: f64 =
                connection.prepare_cached("SELECT spent FROM runs WHERE id = ?1")?.query_row([id], |row| row.get(0))?;
            // Answers that couldn't be used cost as much as others.
            self.spend(id, usage.cost.unwrap_or_default() - spent)?;
        }
        if status != Status::Interrupted {
            self.close_steps(id)?;
        }
        self.connection()
            .prepare_cached("DELETE FROM spending WHERE at < ?1")?
            .execute([self.now().saturating_sub(SPENDING_KEPT_MILLIS)])?;
        self.owned.remove(run);
        self.may_clean = true;
        Ok(())
    }

    /// Nobody comes back to them.
    pub fn close_steps(&self, run: i64) -> Result<(), Failure> {
        let mut close = self.connection().prepare_cached(
            "UPDATE steps SET status = iif(status = 'pending', 'skipped', 'cancelled'), ended = iif(status = 'pending', NULL, ?2)
             WHERE run = ?1 AND status IN ('pending', 'in-progress', 'streaming', 'interrupted')",
        )?;
        close.execute([run, self.now()])?;
        Ok(())
    }

    fn touch(&self, run: i64) -> Result<(), Failure> {
        let mut touch = self.connection().prepare_cached("UPDATE runs SET touched = max(touched, ?2) WHERE id = ?1")?;
        touch.execute([run, self.now()])?;
        Ok(())
    }

    /// A finished step with its message, whose id is given back.
    pub fn finish(&self, workspace: &str, run: &str, step: &StepEntry, message: &Message) -> Result<String, Failure> {
        let message = self.message(workspace, run, step.id, message)?;
        let left = Left { message: Some(message.clone()), ..step.left.clone().unwrap_or_default() };
        self.step(run, &StepEntry { left: Some(left), ..step.clone() })?;
        Ok(message)
    }

    fn message(&self, workspace: &str, run: &str, step: u32, message: &Message) -> Result<String, Failure> {
        let id = self.own(run)?;
        let workspace = self.make_workspace(workspace)?;
        let connection = self.connection();
        let known: Option<i64> = connection
            .prepare_cached("SELECT number FROM messages WHERE run = ?1 AND step = ?2")?
            .query_row(params![id, step], |row| row.get(0))
            .optional()?;
        let (prompt, reply) = (pack(&message.prompt), pack(&message.reply));
        let words = first_words(&message.prompt);
        if let Some(number) = known {
            connection
                .prepare_cached("UPDATE messages SET words = ?3, prompt = ?4, reply = ?5 WHERE run = ?1 AND step = ?2")?
                .execute(params![id, step, words, prompt, reply])?;
            return Ok(format!("m{number}"));
        }
        let number: i64 = connection
            .prepare_cached("UPDATE workspaces SET messages = messages + 1 WHERE id = ?1 RETURNING messages")?
            .query_row([workspace], |row| row.get(0))?;
        connection
            .prepare_cached(
                "INSERT INTO messages (workspace, number, run, step, words, prompt, reply) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![workspace, number, id, step, words, prompt, reply])?;
        Ok(format!("m{number}"))
    }

    pub fn keep_edit(&self, run: &str, edit: &EditEntry) -> Result<EditId, Failure> {
        let id = self.own_or_ended(run)?;
        let keep = |text: &Option<String>| text.as_ref().map(|text| self.keep_text(id, text)).transpose();
        let (base, before) = (keep(&edit.base)?, keep(&edit.before)?);
        let (text, after) = (self.keep_text(id, &edit.text)?, self.keep_text(id, &edit.after)?);
        let file = json(&KeptFile::from(&edit.file))?;
        let (state, reason) = words_of(&edit.state);
        let mut insert = self.connection().prepare_cached(
            "INSERT INTO edits (run, step, at, title, file, base, text, before, after, state, reason)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?;
        let now = self.now();
        let number =
            insert.insert(params![id, edit.step, now, edit.title, file, base, text, before, after, state, reason])?;
        self.supersede(id, number, &edit.state)?;
        Ok(number)
    }

    /// Sets what became of an edit of that run.
    pub fn change_edit(&self, run: i64, edit: EditId, becomes: &EditState) -> Result<(), Failure> {
        let (state, reason) = words_of(becomes);
        let changed = self
            .connection()
            .prepare_cached("UPDATE edits SET state = ?3, reason = ?4 WHERE id = ?2 AND run = ?1")?
            .execute(params![run, edit, state, reason])?;
        if changed == 0 {
            return Err(Failure::Said(format!("there is no edit {edit} in this run")));
        }
        self.supersede(run, edit, becomes)
    }

    /// An edit that counts holds what earlier ones of its run would do to the same file: those don't wait any more.
    fn supersede(&self, run: i64, edit: EditId, state: &EditState) -> Result<(), Failure> {
        if !matches!(state, EditState::Applied | EditState::Pending { .. }) {
            return Ok(());
        }
        let mut update = self.connection().prepare_cached(
            "UPDATE edits SET state = 'discarded', reason = 'a later edit of the run holds it'
             WHERE run = ?1 AND id < ?2 AND state = 'pending' AND file = (SELECT file FROM edits WHERE id = ?2)",
        )?;
        update.execute([run, edit])?;
        Ok(())
    }
}

/// The beginning of a text, on one line.
pub fn first_words(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(WORDS_CHARS) {
        None => line,
        Some((at, _)) => format!("{}…", line[..at].trim_end()),
    }
}

pub fn words_of(state: &EditState) -> (&'static str, Option<&str>) {
    match state {
        EditState::Sent => ("sent", None),
        EditState::Applied => ("applied", None),
        EditState::Pending { reason } => ("pending", Some(reason)),
        EditState::Failed { reason } => ("failed", Some(reason)),
        EditState::Discarded => ("discarded", None),
        EditState::Reverted => ("reverted", None),
    }
}

/// SQLite's whole numbers have a sign.
fn counts(usage: &Usage) -> (i64, i64, i64) {
    let count = |tokens: u64| i64::try_from(tokens).unwrap_or(i64::MAX);
    (count(usage.input), count(usage.cached), count(usage.output))
}

fn json(value: &impl serde::Serialize) -> Result<String, Failure> {
    serde_json::to_string(value).map_err(|error| Failure::Said(error.to_string()))
}
