//! Keeps the history from growing without end. Works bit by bit, so that nobody waits long for it.

use rusqlite::OptionalExtension;

use super::{database::Database, failure::Failure};

/// Of the whole history. Beyond it, the oldest runs that ended lose their texts, and then go altogether.
pub const MAX_BYTES: u64 = 512 * 1024 * 1024;
/// Cleaning goes on until this part of the limit is free, so that it isn't needed after each run.
const FREED_PART: u64 = 8;
/// Texts that one transaction removes.
const MAX_TEXTS: i64 = 100;
/// Pages that one transaction gives back to the disk.
const MAX_PAGES: i64 = 1000;
/// Free pages that are worth giving back: this part of the limit.
const SPARE_PART: u64 = 16;

/// A run that has ended for good, and whose edits are settled.
const SETTLED: &str = "owner IS NULL AND status NOT IN ('in-progress', 'interrupted')
    AND NOT EXISTS (SELECT 1 FROM edits WHERE edits.run = runs.id AND edits.state = 'pending')";

impl Database {
    /// Removes a bit of what is too much. Returns whether that was all.
    pub fn clean(&mut self) -> bool {
        let more = self.clean_more().unwrap_or_else(|failure| {
            // Another try after the next run.
            tracing::warn!("failed to clean up the history: {failure}");
            false
        });
        self.may_clean = more;
        self.cleaning &= more;
        !more
    }

    /// Returns whether there may be more to do.
    fn clean_more(&mut self) -> Result<bool, Failure> {
        let (pages, free, page_size) =
            (self.pragma("page_count")?, self.pragma("freelist_count")?, self.pragma("page_size")?);
        let used = pages.saturating_sub(free).saturating_mul(page_size);
        let limit = self.place.max_bytes;
        let wanted = if self.cleaning { limit - limit / FREED_PART } else { limit };
        if used <= wanted {
            self.cleaning = false;
            let spare = free.saturating_mul(page_size) > limit / SPARE_PART;
            return if spare { self.give_back() } else { Ok(false) };
        }
        self.cleaning = true;
        let under_way = "SELECT id FROM runs WHERE cleaned = 1 ORDER BY id LIMIT 1";
        let oldest =
            |cleaned: u8| format!("SELECT id FROM runs WHERE cleaned = {cleaned} AND {SETTLED} ORDER BY id LIMIT 1");
        if let Some(run) = self.first(under_way)?.or(self.first(&oldest(0))?) {
            self.transaction(|database| database.remove_texts(run))?;
        } else if let Some(run) = self.first(&oldest(2))? {
            self.transaction(|database| database.remove_run(run))?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn remove_texts(&self, run: i64) -> Result<(), Failure> {
        let connection = self.connection();
        connection.prepare_cached("UPDATE runs SET cleaned = 1 WHERE id = ?1")?.execute([run])?;
        let mut select = connection.prepare_cached("SELECT blob FROM uses WHERE run = ?1 LIMIT ?2")?;
        let blobs = select.query_map([run, MAX_TEXTS], |row| row.get(0))?.collect::<Result<Vec<i64>, _>>()?;
        for blob in &blobs {
            connection.prepare_cached("DELETE FROM uses WHERE run = ?1 AND blob = ?2")?.execute([run, *blob])?;
            connection
                .prepare_cached("DELETE FROM blobs WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM uses WHERE blob = ?1)")?
                .execute([blob])?;
        }
        if blobs.is_empty() {
            connection.prepare_cached("UPDATE runs SET cleaned = 2 WHERE id = ?1")?.execute([run])?;
        }
        Ok(())
    }

    /// With its messages. Its texts are gone already.
    fn remove_run(&self, run: i64) -> Result<(), Failure> {
        for table in ["steps", "attempts", "messages", "edits"] {
            self.connection().execute(&format!("DELETE FROM {table} WHERE run = ?1"), [run])?;
        }
        self.connection().execute("DELETE FROM runs WHERE id = ?1", [run])?;
        Ok(())
    }

    /// Gives free pages back to the disk. Returns whether there were any.
    fn give_back(&self) -> Result<bool, Failure> {
        let before = self.pragma("freelist_count")?;
        let mut vacuum = self.connection().prepare(&format!("PRAGMA incremental_vacuum({MAX_PAGES})"))?;
        let mut rows = vacuum.query([])?;
        while rows.next()?.is_some() {}
        Ok(self.pragma("freelist_count")? < before)
    }

    fn pragma(&self, name: &str) -> Result<u64, Failure> {
        let value: i64 = self.connection().pragma_query_value(None, name, |row| row.get(0))?;
        Ok(u64::try_from(value).unwrap_or_default())
    }

    fn first(&self, sql: &str) -> Result<Option<i64>, Failure> {
        Ok(self.connection().prepare_cached(sql)?.query_row([], |row| row.get(0)).optional()?)
    }
}
