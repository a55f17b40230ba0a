//! What the server or the network said, as what it means for the caller: try again, or do not.

use redis::{ErrorKind, RedisError, ServerErrorKind};

use super::codec::Garbled;
use crate::backend::StoreError;

/// Answers of a server that will have another one later.
const PASSING: [&str; 9] = [
    "BUSY",
    "MISCONF",
    "OOM",
    "NOREPLICAS",
    "UNKILLABLE",
    "MASTERDOWN",
    "LOADING",
    "TRYAGAIN",
    "CLUSTERDOWN",
];

/// Says what an error means.
pub(super) fn worded(error: RedisError) -> StoreError {
    if is_passing(&error) { StoreError::unanswered(error) } else { StoreError::refused(error) }
}

/// Says what an error of an enqueue means: at the server's memory limit nothing is taken in.
pub(super) fn worded_push(error: RedisError) -> StoreError {
    if error.code() == Some("OOM") {
        return StoreError::refused(
            "the Redis server is at its memory limit (`maxmemory`) and takes nothing in; jobs that it has go on",
        );
    }
    worded(error)
}

fn is_passing(error: &RedisError) -> bool {
    match error.kind() {
        ErrorKind::Io | ErrorKind::ClusterConnectionNotFound | ErrorKind::MasterNameNotFoundBySentinel => {
            true
        }
        ErrorKind::Parse => true,
        ErrorKind::Server(kind) => {
            matches!(
                kind,
                ServerErrorKind::BusyLoading
                    | ServerErrorKind::ClusterDown
                    | ServerErrorKind::MasterDown
                    | ServerErrorKind::Moved
                    | ServerErrorKind::Ask
                    | ServerErrorKind::TryAgain
                    | ServerErrorKind::ReadOnly
                    | ServerErrorKind::NoScript
            ) || is_passing_code(error)
        }
        _ => is_passing_code(error),
    }
}

fn is_passing_code(error: &RedisError) -> bool {
    error.code().is_some_and(|code| PASSING.contains(&code))
}

/// Tells whether a connection that gave this error is to be replaced.
pub(super) fn is_broken(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Io | ErrorKind::Parse | ErrorKind::ClusterConnectionNotFound)
        || error.is_unrecoverable_error()
        || is_demotion(error)
}

/// Tells whether the server has become a replica: the name may lead elsewhere now.
pub(super) fn is_demotion(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly)
}

impl From<Garbled> for StoreError {
    fn from(error: Garbled) -> Self {
        Self::refused(error)
    }
}
