//! `asyncmq flow wait`: hears the ends of a flow's jobs until there are no more to come.

use std::collections::HashSet;

use clap::ArgMatches;
use futures_util::StreamExt;
use indicatif::ProgressBar;

use super::{ended, took};
use crate::admin::FlowInfo;
use crate::admin::view::FlowView;
use crate::cli::flags::time;
use crate::cli::out::text::clean;
use crate::cli::session::Session;
use crate::cli::{Ended, bulk};
use crate::client::{FlowGraph, FlowHandle, FlowNode, FlowState};
use crate::error::Result;
use crate::job::JobId;

/// Runs it.
pub(super) async fn run(session: &Session, id: &str, flags: &ArgMatches) -> Result<Ended> {
    let flow = session.admin.flow_handle(id).await?;
    let bar = bulk::bar(session.out.json, template);
    let waiting = wait(&flow, &bar);
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
        60.. => "{wide_bar} {pos}/{len} jobs ended, {elapsed}",
        _ => "{pos}/{len}",
    }
}

fn told(session: &Session, flow: &FlowInfo) -> Result<Ended> {
    if session.out.json {
        session.out.json(&FlowView::from(flow))?;
    } else {
        let jobs = ended(flow);
        let time = if flow.over.is_some() { format!(", in {}", took(flow)) } else { String::new() };
        session.out.line(&format!("{} is {}: {jobs}{time}", clean(&flow.id), flow.state))?;
    }
    Ok(if flow.state == FlowState::Completed { Ended::Done } else { Ended::No })
}

/// Waits for the end of the flow, and shows on the way how many jobs have ended. What is heard is for those who watch alone: an event may be lost.
async fn wait(flow: &FlowHandle, bar: &ProgressBar) -> Result<FlowGraph> {
    if bar.is_hidden() {
        return flow.wait().await;
    }
    let mut events = flow.events().await?;
    let mut open = open_jobs(&flow.graph().await?);
    bar.set_length(open.1 as u64);
    let mut waiting = std::pin::pin!(flow.wait());
    loop {
        bar.set_position((open.1 - open.0.len()) as u64);
        tokio::select! {
            graph = &mut waiting => return graph,
            Some(event) = events.next() => {
                if let Some(id) = event.job_id().filter(|_| event.kind().is_terminal()) {
                    open.0.remove(id);
                }
            }
        }
    }
}

/// Returns which jobs have not ended, and how many there are.
fn open_jobs(graph: &FlowGraph) -> (HashSet<JobId>, usize) {
    let is_open = |node: &&FlowNode| node.state().is_some_and(|state| !state.is_terminal());
    let open = graph.nodes.iter().filter(is_open).map(|node| node.id.clone());
    (open.collect(), graph.nodes.len())
}
