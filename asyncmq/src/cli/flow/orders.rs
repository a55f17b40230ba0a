//! `asyncmq flow cancel`, `retry` and `remove`: shown first, confirmed, and on record.

use clap::ArgMatches;

use crate::admin::FlowInfo;
use crate::cli::out::object;
use crate::cli::out::text::{clean, many};
use crate::cli::session::Session;
use crate::cli::{Ended, confirm};
use crate::client::FlowGraph;
use crate::error::Result;
use crate::job::JobState;

/// What is ordered of a flow.
#[derive(Debug, Clone, Copy)]
pub(super) enum Verb {
    Cancel,
    Retry,
    Remove,
}

impl Verb {
    const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Cancel => ("cancel", "cancelled"),
            Self::Retry => ("retry", "retried"),
            Self::Remove => ("remove", "removed"),
        }
    }

    /// Tells whether it reaches a job where that stands.
    const fn reaches(self, state: JobState) -> bool {
        match self {
            Self::Cancel => !state.is_terminal(),
            Self::Retry => state.is_terminal() && !matches!(state, JobState::Completed),
            Self::Remove => !matches!(state, JobState::Active),
        }
    }

    fn reached(self, graph: &FlowGraph) -> usize {
        // Who was not called because nothing failed is not called by a retry of nothing either.
        if matches!(self, Self::Retry) && FlowInfo::from(graph).failed == Some(0) {
            return 0;
        }
        graph.nodes.iter().filter_map(|node| node.state()).filter(|state| self.reaches(*state)).count()
    }
}

/// Carries one out.
pub(super) async fn run(session: &Session, verb: Verb, id: &str, flags: &ArgMatches) -> Result<Ended> {
    let ((order, past), is_trial) = (verb.names(), flags.get_flag("dry-run"));
    if is_trial || !flags.get_flag("yes") {
        let count = verb.reached(&session.admin.flow(id).await?);
        if is_trial && session.out.json {
            session.out.json(&object!({ flow: id, order: order, would_change: count }))?;
            return Ok(Ended::Done);
        }
        if count == 0 {
            return nothing(session, id, order);
        }
        let says = format!("This would {order} {} of the flow {}.", many(count as u64, "job"), clean(id));
        if is_trial {
            session.out.line(&says)?;
            return Ok(Ended::Done);
        }
        eprintln!("{says}");
        if !confirm::ask(&count.to_string())? {
            return Ok(confirm::not_confirmed());
        }
    }
    let changed = match verb {
        Verb::Cancel => session.admin.cancel_flow(id).await?,
        Verb::Retry => session.admin.retry_flow(id).await?,
        Verb::Remove => session.admin.remove_flow(id).await?,
    };
    match session.out.json {
        true => session.out.json(&object!({ flow: id, order: order, changed: changed }))?,
        false => session.out.line(&format!("{past} {}", many(changed as u64, "job")))?,
    }
    Ok(Ended::Done)
}

fn nothing(session: &Session, id: &str, order: &str) -> Result<Ended> {
    if session.out.json {
        session.out.json(&object!({ flow: id, order: order, changed: 0 }))?;
    }
    session.out.note(&format!("There is nothing to {order} in the flow {}.", clean(id)));
    Ok(Ended::Done)
}
