//! Opens the database in a folder, or says why that can't be. What is damaged, or a newer version's, is never written.

use std::{
    fs::{self, OpenOptions},
    io,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use rusqlite::{Connection, OpenFlags, TransactionBehavior, config::DbConfig};

use super::failure::Failure;

/// Our database's name.
const FILE: &str = "history.db";
/// Where copies go. The names stay the same, so that repeated starts don't fill the disk.
const DAMAGED_COPY: &str = "history-damaged.db";
const NEWER_COPY: &str = "history-newer.db";

/// The scripts that lead from each version of the schema to the next; the first makes version 1.
pub const MIGRATIONS: &[&str] = &[include_str!("schema/1.sql")];
/// "stpw": tells our databases from others.
const APPLICATION_ID: i64 = 0x7374_7077;

/// SQLite 3.7.0 to 3.51.2 can damage a database in WAL mode that two connections write.
pub const MIN_SQLITE: i32 = 3_051_003;
/// How long another process may keep the database locked.
const BUSY_PATIENCE: Duration = Duration::from_secs(5);
const BUSY_PAUSE: Duration = Duration::from_millis(10);
/// Larger ones aren't read as a whole before they are used.
const MAX_CHECKED_BYTES: u64 = 4 * 1024 * 1024;
/// Of pages in memory, in KiB.
const CACHE_KIB: i64 = 512;
/// Statements that stay compiled.
const STATEMENTS: usize = 48;
/// The write-ahead log is cut to this size when it has grown beyond.
const MAX_LOG_BYTES: i64 = 4 * 1024 * 1024;

/// What the write-ahead log's name ends with.
const LOG: &str = "-wal";
/// Of the smallest database.
const MIN_BYTES: u64 = 512;

/// Why there is no history on disk.
#[derive(Debug)]
pub enum Unusable {
    NoFolder,
    /// It can't be read or written.
    Denied(String),
    /// Another process keeps it locked.
    Busy(String),
    Newer(i64),
    Damaged(String),
}

/// Opens the database in the folder, after making both if they aren't there.
pub fn open(folder: Option<&Path>) -> Result<Connection, Unusable> {
    let folder = folder.ok_or(Unusable::NoFolder)?;
    if rusqlite::version_number() < MIN_SQLITE {
        return Err(Unusable::Denied(format!("SQLite {} has a fault that can damage it", rusqlite::version())));
    }
    let path = folder.join(FILE);
    let length = make(folder, &path).map_err(|error| Unusable::Denied(error.to_string()))?;
    let begun = Instant::now();
    loop {
        let checked = if length > 0 { recover(&path).and_then(|()| inspect(&path, length)) } else { Ok(()) };
        match checked.and_then(|()| prepare(&path).map_err(judge)) {
            // SQLite's own patience doesn't cover two processes that begin or end at the same moment.
            Err(Unusable::Busy(_)) if begun.elapsed() < BUSY_PATIENCE => thread::sleep(BUSY_PAUSE),
            opened => return opened,
        }
    }
}

/// A database that ends with the process.
pub fn in_memory() -> rusqlite::Result<Connection> {
    let mut connection = Connection::open_in_memory()?;
    set_up(&connection)?;
    migrate(&mut connection)?;
    Ok(connection)
}

/// Says why history isn't kept, and keeps a copy of what can't be used. Told to the user.
pub fn notice(folder: Option<&Path>, unusable: &Unusable) -> String {
    let path = folder.map(|folder| folder.join(FILE)).unwrap_or_default();
    let path = path.display();
    let copied = |name| match folder.map(|folder| copy_aside(folder, name)) {
        Some(Ok(copy)) => format!("; there is a copy at `{}`", copy.display()),
        _ => String::new(),
    };
    let why = match unusable {
        Unusable::NoFolder => {
            "there is no home folder; set HOME or XDG_STATE_HOME, so that runs can be resumed and reverted later"
                .to_owned()
        }
        Unusable::Denied(cause) => {
            format!("failed to open `{path}`: {cause}; make it writable, or set XDG_STATE_HOME to a folder that is")
        }
        Unusable::Busy(cause) => format!("failed to open `{path}`: {cause}"),
        Unusable::Newer(version) => format!(
            "`{path}` was written by a newer stepwright (its version {version}, ours {}), so it is left alone; update this one{}",
            MIGRATIONS.len(),
            copied(NEWER_COPY)
        ),
        Unusable::Damaged(cause) => format!(
            "`{path}` is damaged ({cause}), so it is left alone{}; move it away to begin a new history",
            copied(DAMAGED_COPY)
        ),
    };
    format!("history is kept only until stepwright ends: {why}")
}

/// Makes folder and file for the user alone. Returns the file's length.
fn make(folder: &Path, path: &Path) -> io::Result<u64> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)?;
    let mut options = OpenOptions::new();
    options.create_new(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    close_to_others(folder, 0o700)?;
    close_to_others(path, 0o600)?;
    Ok(metadata.len())
}

/// Prompts and files are nobody else's business, whoever made the folder.
#[cfg(unix)]
fn close_to_others(path: &Path, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let permissions = fs::metadata(path)?.permissions();
    if permissions.mode() & 0o077 != 0 {
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn close_to_others(_: &Path, _: u32) -> io::Result<()> {
    Ok(())
}

/// Takes back what a process wrote in part, killed before the database had its log: only who may write can read it until then.
fn recover(path: &Path) -> Result<(), Unusable> {
    if !fs::metadata(beside(path, "-journal")).is_ok_and(|journal| journal.len() > 0) {
        return Ok(());
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(judge)?;
    connection.busy_timeout(BUSY_PATIENCE).map_err(judge)?;
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())).map_err(judge)
}

/// Looks at a database without writing to it.
fn inspect(path: &Path, length: u64) -> Result<(), Unusable> {
    // Not read by ourselves: closing a file takes SQLite's locks on it away from the whole process.
    if length < MIN_BYTES {
        return Err(Unusable::Damaged(format!("it has only {length} bytes")));
    }
    let connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)
            .map_err(judge)?;
    connection.busy_timeout(BUSY_PATIENCE).map_err(judge)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map_err(judge)?;
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map_err(judge);
    check_version(pragma("user_version")?, pragma("application_id")?)?;
    let expected = u64::try_from(pragma("page_count")?.saturating_mul(pragma("page_size")?)).unwrap_or_default();
    let has_log = fs::metadata(beside(path, LOG)).is_ok_and(|log| log.len() > 0);
    // Asked last: what another process has moved out of the log by now is in the file.
    let length = fs::metadata(path).map_err(|error| Unusable::Denied(error.to_string()))?.len();
    if length < expected && !has_log {
        return Err(Unusable::Damaged(format!("it has {length} of {expected} bytes")));
    }
    if length <= MAX_CHECKED_BYTES {
        let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(judge)?;
        if verdict != "ok" {
            let first = verdict.lines().last().unwrap_or_default();
            return Err(Unusable::Damaged(first.to_owned()));
        }
    }
    Ok(())
}

fn check_version(version: i64, application: i64) -> Result<(), Unusable> {
    // A process that was killed right after it made the file leaves neither.
    if application != APPLICATION_ID && (version, application) != (0, 0) {
        return Err(Unusable::Damaged("it is another program's database".to_owned()));
    }
    if usize::try_from(version).map_or(true, |version| version > MIGRATIONS.len()) {
        return Err(Unusable::Newer(version));
    }
    Ok(())
}

fn prepare(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_PATIENCE)?;
    if connection.is_readonly(rusqlite::MAIN_DB)? {
        // SQLite makes do with reading, and would fail the first run instead.
        return Err(rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_READONLY), None));
    }
    set_up(&connection)?;
    // Survives kills; where the file system has no shared memory, SQLite keeps its older, slower journal.
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update_and_check(None, "journal_size_limit", MAX_LOG_BYTES, |_| Ok(()))?;
    migrate(&mut connection)?;
    Ok(connection)
}

fn set_up(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection.pragma_update(None, "temp_store", "memory")?;
    // Has an effect only before there are tables: what is removed can be given back to the disk bit by bit.
    connection.pragma_update(None, "auto_vacuum", "incremental")
}

fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    let version = |connection: &Connection| connection.pragma_query_value(None, "user_version", |row| row.get(0));
    if usize::try_from(version(connection)?) == Ok(MIGRATIONS.len()) {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Asked again, because another process may have been faster.
    let from: i64 = version(&transaction)?;
    for script in MIGRATIONS.iter().skip(usize::try_from(from).unwrap_or(usize::MAX)) {
        transaction.execute_batch(script)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX))?;
    transaction.commit()
}

fn judge(error: rusqlite::Error) -> Unusable {
    let failure = Failure::from(error);
    let text = failure.to_string();
    match () {
        () if failure.is_damage() => Unusable::Damaged(text),
        () if failure.is_busy() => Unusable::Busy(text),
        () => Unusable::Denied(text),
    }
}

/// Copies the database, unless that was done before.
fn copy_aside(folder: &Path, name: &str) -> io::Result<PathBuf> {
    let copy = folder.join(name);
    if fs::symlink_metadata(&copy).is_ok() {
        return Ok(copy);
    }
    let original = folder.join(FILE);
    // The log first: a copy without it would be older than it looks.
    if fs::metadata(beside(&original, LOG)).is_ok_and(|log| log.len() > 0) {
        fs::copy(beside(&original, LOG), beside(&copy, LOG))?;
    }
    let partial = folder.join(format!("{name}.partial"));
    fs::copy(&original, &partial)?;
    fs::rename(&partial, &copy)?;
    Ok(copy)
}

/// A file that SQLite keeps for a database.
fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(suffix);
    PathBuf::from(path)
}
