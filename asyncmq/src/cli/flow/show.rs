//! `asyncmq flow show`: a flow's jobs, as a table or as a graph for other programs.

use std::time::SystemTime;

use clap::ArgMatches;

use super::{ended, since, tone_of, took};
use crate::admin::FlowInfo;
use crate::admin::view::{FlowDetailView, ran_for};
use crate::cli::Ended;
use crate::cli::job;
use crate::cli::out::Tone;
use crate::cli::out::table::Table;
use crate::cli::out::text::{clean, lines, short};
use crate::cli::session::Session;
use crate::client::{FlowGraph, FlowNode};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::job::{JobId, JobState, OnFailure};

/// How many of the jobs that one waits for are named.
const NAMED: usize = 6;

/// Runs it.
pub(super) async fn run(session: &Session, id: &str, flags: &ArgMatches) -> Result<Ended> {
    let graph = session.admin.flow(id).await?;
    if session.out.json {
        session.out.json(&FlowDetailView::from(&graph))?;
    } else if flags.get_flag("dot") {
        session.out.line(&lines(graph.to_dot().trim_end()))?;
    } else {
        facts(session, &FlowInfo::from(&graph))?;
        session.out.table(&table(&graph))?;
    }
    Ok(Ended::Done)
}

fn facts(session: &Session, flow: &FlowInfo) -> Result<()> {
    let failed = flow.failed.filter(|count| *count != 0);
    let failed = failed.map_or_else(String::new, |count| format!(", {count} not as they should"));
    let began = flow.began.map_or_else(String::new, |began| format!("{} ago", since(began)));
    let time = flow.over.map_or(began.clone(), |_| format!("{began}, took {}", took(flow)));
    let style = session.out.style;
    let facts = [
        ("flow", clean(&flow.id)),
        ("state", style.tint(tone_of(flow.state), flow.state.name())),
        ("jobs", ended(flow) + &failed),
        ("began", time),
    ];
    for (label, text) in facts {
        session.out.line(&format!("{} {text}", style.tint(Tone::Faint, &format!("{label:<10}"))))?;
    }
    session.out.line("")
}

/// Lists the jobs for people, in the order in which they were added.
fn table(graph: &FlowGraph) -> Table {
    let now = SystemTime::now().into();
    let mut table = Table::new(&["JOB", "STATE", "TASK", "QUEUE", "WAITS FOR", "#TIME", "ERROR"]);
    for node in &graph.nodes {
        let job = node.job.as_ref();
        let error = job.and_then(|job| job.errors().last()).map(|error| error.message().to_owned());
        let state = node.state();
        table.row([
            (node.id.to_string(), Tone::None),
            (state.map_or("gone", JobState::name).to_owned(), state.map_or(Tone::Faint, job::tone_of)),
            (job.map_or("-", |job| job.task()).to_owned(), Tone::Bold),
            (node.queue.clone(), Tone::None),
            (waits_for(&graph.id, node), Tone::Faint),
            (time_of(node, now), Tone::None),
            (error.unwrap_or_default(), Tone::Bad),
        ]);
    }
    table
}

/// Names the first of the jobs that one waits for; those of the same flow without the flow's id: `.0, .3 (run)`.
fn waits_for(flow: &str, node: &FlowNode) -> String {
    let name = |(id, on_failure): &(JobId, OnFailure)| {
        let own = id.as_str().strip_prefix(flow).filter(|rest| rest.starts_with('.'));
        let id = own.unwrap_or(id.as_str());
        match on_failure {
            OnFailure::Fail => id.to_owned(),
            other => format!("{id} ({})", other.name()),
        }
    };
    let named: Vec<_> = node.parents.iter().take(NAMED).map(name).collect();
    let rest = node.parents.len().saturating_sub(NAMED);
    let more = if rest == 0 { String::new() } else { format!(" and {rest} more") };
    named.join(", ") + &more
}

/// Says how long a job ran, or for how long it has.
fn time_of(node: &FlowNode, now: Timestamp) -> String {
    let Some(job) = &node.job else { return "-".into() };
    let running = job.status().started_at.filter(|_| job.state() == JobState::Active);
    let time = running.map(|started| now.since(started)).or_else(|| ran_for(job));
    time.map_or_else(|| "-".into(), short)
}
