//! The connection, and what the thread that has it knows beside: which runs are ours, and who we are.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use rusqlite::{Connection, OptionalExtension};

use super::{
    failure::Failure,
    lease::{Owned, Process},
    open::{self, Unusable},
    writer::Task,
};

/// Where and how a history is kept.
#[derive(Clone)]
pub struct Place {
    pub folder: Option<PathBuf>,
    /// In memory is what was asked for.
    pub in_memory: bool,
    /// Of all that is kept.
    pub max_bytes: u64,
    pub clock: Arc<dyn Fn() -> SystemTime + Send + Sync>,
    pub process: Process,
}

/// An open history.
pub struct Database {
    connection: Connection,
    pub place: Place,
    /// Why it isn't on disk, until somebody has been told.
    pub notice: Option<String>,
    /// Runs by name.
    pub owned: HashMap<String, Owned>,
    pub renew_at: Option<Instant>,
    /// Something ended: there may be too much by now.
    pub may_clean: bool,
    /// There was too much, and a part of it is gone.
    pub cleaning: bool,
}

impl Database {
    /// Opens it, in memory if there is no other way.
    pub fn open(place: Place) -> Result<Self, Failure> {
        let opened = if place.in_memory { None } else { Some(open::open(place.folder.as_deref())) };
        let (connection, notice) = match opened {
            None => (open::in_memory()?, None),
            Some(Ok(connection)) => (connection, None),
            Some(Err(unusable)) => {
                let notice = open::notice(place.folder.as_deref(), &unusable);
                tracing::warn!("{notice}");
                (open::in_memory()?, Some(notice))
            }
        };
        Ok(Self { connection, place, notice, owned: HashMap::new(), renew_at: None, may_clean: true, cleaning: false })
    }

    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Milliseconds since 1970.
    pub fn now(&self) -> i64 {
        millis((self.place.clock)())
    }

    /// Does something in a transaction of its own.
    pub fn transaction(&self, work: impl FnOnce(&Self) -> Result<(), Failure>) -> Result<(), Failure> {
        self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let done = work(self).and_then(|()| Ok(self.connection.prepare_cached("COMMIT")?.execute([])?));
        if done.is_err() && !self.connection.is_autocommit() {
            self.connection.execute_batch("ROLLBACK")?;
        }
        done.map(drop)
    }

    /// Carries out tasks that write in one transaction. A task that fails takes back its own part only.
    pub fn write(&mut self, tasks: &mut [Box<dyn Task>]) -> Result<(), Failure> {
        let owned = self.owned.clone();
        let done = self.write_all(tasks);
        if done.is_err() {
            self.owned = owned;
            if !self.connection.is_autocommit() {
                // It fails only where SQLite has rolled back by itself.
                let _ = self.connection.execute_batch("ROLLBACK");
            }
        }
        done
    }

    fn write_all(&mut self, tasks: &mut [Box<dyn Task>]) -> Result<(), Failure> {
        self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        for task in tasks {
            let owned = self.owned.clone();
            self.connection.prepare_cached("SAVEPOINT task")?.execute([])?;
            if let Err(failure) = task.run(self) {
                // A full disk or a damaged file ends the whole transaction.
                if failure.is_damage() || self.connection.is_autocommit() {
                    return Err(failure);
                }
                self.connection.execute_batch("ROLLBACK TO task")?;
                self.owned = owned;
                task.fail(failure);
            }
            self.connection.prepare_cached("RELEASE task")?.execute([])?;
        }
        self.connection.prepare_cached("COMMIT")?.execute([])?;
        Ok(())
    }

    /// Goes on in memory, because the file turned out to be damaged. It isn't touched any more.
    pub fn leave_disk(&mut self, damage: &Failure) -> Result<(), Failure> {
        use rusqlite::config::DbConfig;
        let unusable = Unusable::Damaged(damage.to_string());
        let memory = open::in_memory()?;
        let _ = self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
        if !self.place.in_memory {
            let notice = open::notice(self.place.folder.as_deref(), &unusable);
            tracing::warn!("{notice}");
            self.notice = Some(notice);
        }
        self.place.in_memory = true;
        self.connection = memory;
        let mut owned = std::mem::take(&mut self.owned);
        for (name, run) in &mut owned {
            run.id = self.insert_again(name, run)?;
        }
        self.owned = owned;
        Ok(())
    }

    /// The id of a workspace.
    pub fn workspace(&self, key: &str) -> Result<Option<i64>, Failure> {
        let mut select = self.connection.prepare_cached("SELECT id FROM workspaces WHERE key = ?1")?;
        Ok(select.query_row([key], |row| row.get(0)).optional()?)
    }

    /// As [`Self::workspace`], for writing: there is one afterwards.
    pub fn make_workspace(&self, key: &str) -> Result<i64, Failure> {
        if let Some(id) = self.workspace(key)? {
            return Ok(id);
        }
        Ok(self.connection.prepare_cached("INSERT INTO workspaces (key) VALUES (?1)")?.insert([key])?)
    }
}

pub fn millis(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

pub fn time(millis: i64) -> SystemTime {
    UNIX_EPOCH + duration(millis)
}

/// Negative after the clock was set back, which counts as nothing.
pub fn duration(millis: i64) -> Duration {
    Duration::from_millis(u64::try_from(millis).unwrap_or_default())
}
