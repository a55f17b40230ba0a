//! What can go wrong in a step, and what callers are told of it.

use std::fmt;

use rusqlite::ErrorCode;

use crate::backend::StoreError;

/// Why a step was not carried out.
#[derive(Debug)]
pub(super) enum Fault {
    /// What SQLite said.
    Sql(rusqlite::Error),
    /// What the operating system said about the files.
    Files(std::io::Error),
    /// A record that cannot be written or read.
    Json(serde_json::Error),
    /// A record that nobody of ours can have written.
    Unreadable(&'static str),
    /// The file is damaged: it is not touched any more.
    Damaged(String),
    /// The request cannot be.
    Refused(&'static str),
    /// The store is being closed.
    Closed,
}

/// A result whose error is a [`Fault`].
pub(super) type Step<T> = Result<T, Fault>;

impl Fault {
    /// Tells whether the same step may succeed later.
    fn is_passing(&self) -> bool {
        match self {
            Self::Sql(rusqlite::Error::SqliteFailure(error, _)) => matches!(
                error.code,
                ErrorCode::DatabaseBusy
                    | ErrorCode::DatabaseLocked
                    | ErrorCode::DiskFull
                    | ErrorCode::SystemIoFailure
                    | ErrorCode::CannotOpen
                    | ErrorCode::ReadOnly
                    | ErrorCode::OutOfMemory
                    | ErrorCode::OperationInterrupted
                    | ErrorCode::OperationAborted
                    | ErrorCode::FileLockingProtocolFailed
                    | ErrorCode::SchemaChanged
                    | ErrorCode::PermissionDenied
            ),
            Self::Files(_) => true,
            _ => false,
        }
    }

    /// Tells whether it befalls a whole transaction, whatever is in it.
    pub(super) fn is_of_all(&self) -> bool {
        match self {
            Self::Sql(rusqlite::Error::SqliteFailure(error, _)) => {
                error.code != ErrorCode::DiskFull && error.code != ErrorCode::ConstraintViolation
            }
            Self::Files(_) | Self::Damaged(_) | Self::Closed => true,
            _ => false,
        }
    }

    /// Returns the same once more, for another caller.
    pub(super) fn again(&self) -> Self {
        match self {
            Self::Sql(rusqlite::Error::SqliteFailure(error, text)) => {
                Self::Sql(rusqlite::Error::SqliteFailure(*error, text.clone()))
            }
            Self::Files(error) => Self::Files(std::io::Error::new(error.kind(), error.to_string())),
            Self::Refused(why) => Self::Refused(why),
            Self::Unreadable(what) => Self::Unreadable(what),
            Self::Closed => Self::Closed,
            Self::Sql(_) | Self::Json(_) | Self::Damaged(_) => Self::Damaged(self.to_string()),
        }
    }

    /// Tells whether SQLite found the file damaged, or not to be one of its own.
    pub(super) fn is_damage(&self) -> bool {
        let Self::Sql(rusqlite::Error::SqliteFailure(error, _)) = self else { return false };
        matches!(error.code, ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
    }

    /// Tells whether a new connection may help.
    pub(super) fn spoils_connection(&self) -> bool {
        let Self::Sql(rusqlite::Error::SqliteFailure(error, _)) = self else { return false };
        matches!(
            error.code,
            ErrorCode::SystemIoFailure
                | ErrorCode::CannotOpen
                | ErrorCode::ReadOnly
                | ErrorCode::FileLockingProtocolFailed
        )
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sql(error) => error.fmt(f),
            Self::Files(error) => error.fmt(f),
            Self::Json(error) => error.fmt(f),
            Self::Unreadable(what) => write!(f, "the file has {what} that this version cannot read"),
            Self::Damaged(what) => f.write_str(what),
            Self::Refused(why) => f.write_str(why),
            Self::Closed => f.write_str("the store is being closed"),
        }
    }
}

impl std::error::Error for Fault {}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<std::io::Error> for Fault {
    fn from(error: std::io::Error) -> Self {
        Self::Files(error)
    }
}

impl From<serde_json::Error> for Fault {
    fn from(error: serde_json::Error) -> Self {
        Self::Json(error)
    }
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        if fault.is_passing() { Self::unanswered(fault) } else { Self::refused(fault) }
    }
}
