//! `asyncmq dead`: the dead letters, jobs that failed for good or expired.

use clap::{ArgMatches, Command};

use super::bulk::{self, Target};
use super::flags::{noun, query_of};
use super::session::Session;
use super::{Ended, job};
use crate::admin::{Order, Query};
use crate::error::Result;
use crate::job::JobState;

/// Describes the command.
pub(super) fn command() -> Command {
    noun("dead", "Lists, retries and removes dead letters: jobs that failed for good or expired")
        .subcommand(job::list_command("Lists dead letters, the latest first"))
        .subcommand(bulk::command("retry", "Puts dead letters back with fresh attempts"))
        .subcommand(bulk::command("remove", "Removes dead letters with all that is kept of them"))
}

/// Runs one of its commands.
pub(super) async fn run(session: &Session, verb: &str, flags: &ArgMatches) -> Result<Ended> {
    let dead = Query::all().in_states(&[JobState::Failed, JobState::Expired]);
    match verb {
        "list" => job::list(session, dead.and(query_of(flags)?), flags).await,
        "retry" => bulk::run(session, &Order::Retry, Target::of(flags, dead)?, flags).await,
        _ => bulk::run(session, &Order::Remove, Target::of(flags, dead)?, flags).await,
    }
}
