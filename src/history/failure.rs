//! What can go wrong with the database, and how it is said.

use rusqlite::ErrorCode;

use crate::engine::journal::JournalError;

/// Why something wasn't kept, or found.
#[derive(Debug)]
pub enum Failure {
    Sql(rusqlite::Error),
    /// A sentence for the user.
    Said(String),
}

impl Failure {
    /// Another process has the run by now.
    pub fn lost(run: &str) -> Self {
        Self::Said(format!("another stepwright has taken over run `{run}`, and goes on with it"))
    }

    /// Whether the database itself is broken.
    pub fn is_damage(&self) -> bool {
        let Self::Sql(error) = self else { return false };
        matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
    }

    pub fn is_busy(&self) -> bool {
        let Self::Sql(error) = self else { return false };
        matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let error = match self {
            Self::Said(text) => return f.write_str(text),
            Self::Sql(error) => error,
        };
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => f.write_str("the disk is full; free some space and go on"),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                f.write_str("another process keeps the database locked; end it, or try again")
            }
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => f.write_str("it can't be written"),
            _ => write!(f, "{error}"),
        }
    }
}

impl From<Failure> for JournalError {
    fn from(failure: Failure) -> Self {
        Self(failure.to_string())
    }
}
