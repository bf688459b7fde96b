//! Who has a run under way. A lease says for how long others keep off; the fence, which is larger for each owner, decides whose writes
//! count, whatever the clocks say.

use std::time::{Duration, Instant};

use rusqlite::{OptionalExtension, params};

use super::{database::Database, failure::Failure};

/// How long a run stays with its process without a sign of it.
pub const LEASE: Duration = Duration::from_secs(15);
const RENEWAL: Duration = Duration::from_secs(5);
/// A lease that ends later was made by a clock that was wrong.
const LONGEST_LEASE: Duration = Duration::from_secs(60);

/// Names a process, as others see it.
#[derive(Clone, Debug)]
pub struct Process {
    /// Random: process numbers are used again.
    pub owner: String,
    /// Where its process number means something.
    pub host: String,
    pub pid: i64,
}

/// A run that is ours.
#[derive(Clone, Debug)]
pub struct Owned {
    pub id: i64,
    pub fence: i64,
    /// It began, and didn't end yet: the lease is renewed.
    pub running: bool,
    /// What is known of it without the database.
    pub workspace: String,
    pub workflow: String,
    pub instruction: String,
    pub nonce: String,
}

/// What the database knows of a run's owner.
pub struct Holder {
    pub owner: Option<String>,
    pub host: Option<String>,
    pub pid: Option<i64>,
    pub fence: i64,
    pub lease: i64,
}

impl Process {
    pub fn this() -> Self {
        Self { owner: crate::engine::job::fresh_id(), host: host(), pid: i64::from(std::process::id()) }
    }
}

impl Holder {
    pub fn from_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            owner: row.get("owner")?,
            host: row.get("host")?,
            pid: row.get("pid")?,
            fence: row.get("fence")?,
            lease: row.get("lease")?,
        })
    }

    /// Whether a process other than `own` is, as far as can be told, at work on the run.
    pub fn is_other(&self, own: &Process, now: i64) -> bool {
        let Some(owner) = &self.owner else { return false };
        let left = self.lease.saturating_sub(now);
        *owner != own.owner && left > 0 && left <= in_millis(LONGEST_LEASE) && !self.is_dead(own)
    }

    fn is_dead(&self, own: &Process) -> bool {
        self.host.as_ref() == Some(&own.host) && self.pid.is_some_and(|pid| !is_alive(pid))
    }
}

impl Database {
    /// The id of a run whose facts we may write.
    pub fn own(&self, run: &str) -> Result<i64, Failure> {
        let known = self.owned.get(run);
        let Some(owned) = known.filter(|owned| owned.running) else {
            return Err(match self.holder(run)? {
                None => Failure::Said(format!("there is no run `{run}`")),
                Some((_, holder)) if known.is_some() || holder.is_other(&self.place.process, self.now()) => {
                    Failure::lost(run)
                }
                Some(_) => Failure::Said(format!("run `{run}` isn't under way; resume it first")),
            });
        };
        let fence: Option<i64> = self
            .connection()
            .prepare_cached("SELECT fence FROM runs WHERE id = ?1")?
            .query_row([owned.id], |row| row.get(0))
            .optional()?;
        if fence == Some(owned.fence) { Ok(owned.id) } else { Err(Failure::lost(run)) }
    }

    /// The id of a run that nobody else has under way: after its end, the user still decides about its edits.
    pub fn own_or_ended(&self, run: &str) -> Result<i64, Failure> {
        if self.owned.contains_key(run) {
            return self.own(run);
        }
        match self.holder(run)? {
            None => Err(Failure::Said(format!("there is no run `{run}`"))),
            Some((_, holder)) if holder.is_other(&self.place.process, self.now()) => Err(Failure::lost(run)),
            Some((id, _)) => Ok(id),
        }
    }

    fn holder(&self, run: &str) -> Result<Option<(i64, Holder)>, Failure> {
        let mut select =
            self.connection().prepare_cached("SELECT id, owner, host, pid, fence, lease FROM runs WHERE name = ?1")?;
        Ok(select.query_row([run], |row| Ok((row.get("id")?, Holder::from_row(row)?))).optional()?)
    }

    /// Makes a run ours, and nobody else's. Returns its fence.
    pub fn take(&self, id: i64) -> Result<i64, Failure> {
        let Process { owner, host, pid } = &self.place.process;
        let mut update = self.connection().prepare_cached(
            "UPDATE runs SET owner = ?2, host = ?3, pid = ?4, lease = ?5, fence = fence + 1 WHERE id = ?1 RETURNING fence",
        )?;
        Ok(update.query_row(params![id, owner, host, pid, self.lease_end()], |row| row.get(0))?)
    }

    /// When a lease ends that begins now.
    pub fn lease_end(&self) -> i64 {
        self.now().saturating_add(in_millis(LEASE))
    }

    /// How long the thread may sleep; `None`: until there is something to do.
    pub fn rest(&mut self) -> Option<Duration> {
        if !self.owned.values().any(|owned| owned.running) {
            self.renew_at = None;
            return None;
        }
        let at = *self.renew_at.get_or_insert_with(|| Instant::now() + RENEWAL);
        Some(at.saturating_duration_since(Instant::now()))
    }

    /// Renews the leases of runs under way, when it is time.
    pub fn renew(&mut self) {
        if self.renew_at.is_none_or(|at| at > Instant::now()) {
            return;
        }
        self.renew_at = None;
        let lease = self.lease_end();
        let ours = self.owned.values().filter(|owned| owned.running).map(|owned| (owned.id, owned.fence));
        for (id, fence) in ours.collect::<Vec<_>>() {
            let renewed = self
                .connection()
                .prepare_cached("UPDATE runs SET lease = ?3 WHERE id = ?1 AND fence = ?2")
                .and_then(|mut update| update.execute([id, fence, lease]));
            match renewed {
                Ok(0) => self.owned.values_mut().filter(|owned| owned.id == id).for_each(|owned| owned.running = false),
                Ok(_) => {}
                // The next write tells whoever waits for it.
                Err(error) => tracing::warn!("failed to renew the lease of a run: {error}"),
            }
        }
    }

    /// Nobody works on our runs any more.
    pub fn release(&self) {
        for owned in self.owned.values() {
            let release = "UPDATE runs SET owner = NULL, lease = 0 WHERE id = ?1 AND fence = ?2";
            if let Err(error) = self.connection().execute(release, [owned.id, owned.fence]) {
                tracing::warn!("failed to release a run: {error}");
            }
        }
    }

    /// Makes a row for a run of ours in a database that doesn't know it.
    pub fn insert_again(&self, name: &str, run: &Owned) -> Result<i64, Failure> {
        let workspace = self.make_workspace(&run.workspace)?;
        let id = self.insert_run(workspace, name, &run.workflow, &run.instruction, &run.nonce)?;
        self.connection().execute("UPDATE runs SET fence = ?2 WHERE id = ?1", [id, run.fence])?;
        Ok(id)
    }
}

pub fn in_millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Signals nothing, but asks.
#[cfg(unix)]
fn is_alive(pid: i64) -> bool {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    pid.is_some_and(|pid| rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
}

#[cfg(not(unix))]
fn is_alive(_: i64) -> bool {
    true
}

/// Two processes with the same answer see each other's numbers. Containers may share a name, but not a namespace.
#[cfg(unix)]
fn host() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let namespace = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    format!("{name} {}", namespace.display()).trim_end().to_owned()
}

#[cfg(not(unix))]
fn host() -> String {
    std::env::var("COMPUTERNAME").unwrap_or_default()
}
