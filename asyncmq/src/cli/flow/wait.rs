//! `asyncmq flow wait`: hears the ends of a flow's jobs until there are no more to come.

use std::collections::HashSet;
use std::time::Duration;

use clap::ArgMatches;
use futures_util::StreamExt;
use indicatif::ProgressBar;

use super::took;
use crate::admin::view::FlowView;
use crate::admin::{FlowInfo, FlowState};
use crate::cli::flags::time;
use crate::cli::out::text::{clean, many};
use crate::cli::session::Session;
use crate::cli::{Ended, bulk};
use crate::client::{Events, FlowGraph, FlowHandle};
use crate::error::{Error, Result};
use crate::event::{EventFilter, EventKind};
use crate::job::JobState;

/// It looks for itself so often, should an event be lost.
const RECHECK: Duration = Duration::from_secs(5);

/// Runs it.
pub(super) async fn run(session: &Session, id: &str, flags: &ArgMatches) -> Result<Ended> {
    let flow = session.admin.flow_handle(id).await?;
    let bar = bulk::bar(session.out.json, template);
    let waiting = wait(session, &flow, &bar);
    let outcome = match time(flags, "timeout")? {
        Some(most) => tokio::time::timeout(most, waiting).await.ok().transpose(),
        None => waiting.await.map(Some),
    };
    bar.finish_and_clear();
    let graph = match outcome? {
        Some(graph) => graph,
        // How far it came by then.
        None => flow.graph().await?,
    };
    told(session, &FlowInfo::from(&graph))
}

const fn template(columns: u16) -> &'static str {
    match columns {
        60.. => "{wide_bar} {pos}/{len} jobs ended{msg}, {elapsed}",
        _ => "{pos}/{len}{msg}",
    }
}

fn told(session: &Session, flow: &FlowInfo) -> Result<Ended> {
    if session.out.json {
        session.out.json(&FlowView::from(flow))?;
    } else {
        let jobs = format!("{} of {} ended", flow.ended, many(flow.jobs as u64, "job"));
        let time = if flow.over.is_some() { format!(", in {}", took(flow)) } else { String::new() };
        session.out.line(&format!("{} is {}: {jobs}{time}", clean(&flow.id), flow.state))?;
    }
    Ok(if flow.state == FlowState::Completed { Ended::Done } else { Ended::No })
}

/// Waits for the end of every job. What it hears counts only until it looks again: a job that ended may have begun anew.
async fn wait(session: &Session, flow: &FlowHandle, bar: &ProgressBar) -> Result<FlowGraph> {
    let client = session.admin.client();
    loop {
        // Listens first and looks then, so that no end falls in between.
        let mut events = client.events_where(ends_in(flow)).await?;
        let graph = flow.graph().await?;
        if graph.is_over() {
            return Ok(graph);
        }
        hear(&mut events, &graph, bar).await?;
    }
}

fn ends_in(flow: &FlowHandle) -> EventFilter {
    let ends = [EventKind::Completed, EventKind::Failed, EventKind::Expired, EventKind::Cancelled];
    let filter = ends.into_iter().fold(EventFilter::all(), EventFilter::kind);
    let queues: HashSet<String> = flow.jobs().map(|job| job.queue().to_owned()).collect();
    queues.into_iter().fold(filter, EventFilter::queue)
}

/// Hears the ends of the jobs that have not ended, until all have, or it is time to look.
async fn hear(events: &mut Events, graph: &FlowGraph, bar: &ProgressBar) -> Result<()> {
    let is_open = |state: Option<JobState>| state.is_some_and(|state| !state.is_terminal());
    let mut open: Vec<_> = graph.nodes.iter().filter(|node| is_open(node.state())).collect();
    let mut failed = FlowInfo::from(graph).failed;
    loop {
        bar.set_length(graph.nodes.len() as u64);
        bar.set_position((graph.nodes.len() - open.len()) as u64);
        bar.set_message(if failed == 0 { String::new() } else { format!(", {failed} failed") });
        if open.is_empty() || events.missed() != 0 {
            return Ok(());
        }
        let event = match tokio::time::timeout(RECHECK, events.next()).await {
            Ok(Some(event)) => event,
            Ok(None) => return Err(Error::Startup("the store has closed the stream of events".into())),
            Err(_) => return Ok(()),
        };
        let before = open.len();
        open.retain(|node| event.queue() != Some(&node.queue) || event.job_id() != Some(&node.id));
        // Who is cancelled may not have been called for: that the end tells.
        let is_bad = matches!(event.kind(), EventKind::Failed | EventKind::Expired);
        failed += usize::from(is_bad && open.len() < before);
    }
}
