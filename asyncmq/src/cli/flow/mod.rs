//! `asyncmq flow`: lists, looks at, steers and waits for flows.

mod orders;
mod show;
mod wait;

use std::time::{Instant, SystemTime};

use clap::{ArgMatches, Command};

use super::Ended;
use super::flags::{dry_run, leaf, noun, number, switch, text, value, word, yes};
use super::job::{MOMENT, quoted};
use super::out::Tone;
use super::out::object;
use super::out::table::Table;
use super::out::text::{grouped, many, short};
use super::session::Session;
use crate::admin::view::FlowView;
use crate::admin::{FlowFilter, FlowInfo};
use crate::client::FlowState;
use crate::error::{Error, Result};

/// Describes the command.
pub(super) fn command() -> Command {
    let id = || word("ID", "The flow's id");
    noun("flow", "Lists, looks at, steers and waits for flows: jobs that were enqueued as a whole")
        .subcommand(
            leaf("list", "Lists flows, the newest first")
                .arg(value("queue", "QUEUE", "Only those whose first job is in this queue"))
                .arg(value("state", "STATE", "Only those that stand so: running, completed or failed"))
                .arg(value("limit", "N", "How many at most").default_value("50"))
                .arg(value("after", "CURSOR", "Goes on where an earlier list ended"))
                .arg(switch(
                    "all",
                    "Looks for them among all jobs, where that takes longer than a moment too",
                )),
        )
        .subcommand(
            leaf("show", "Shows a flow's jobs: where each stands, what it waits for, how long it took")
                .arg(id())
                .arg(switch("dot", "Prints the graph in the language of Graphviz").conflicts_with("json")),
        )
        .subcommand(
            leaf("cancel", "Cancels what has not ended of a flow; running jobs are told")
                .arg(id())
                .args([yes(), dry_run()]),
        )
        .subcommand(
            leaf("retry", "Lets what did not complete begin anew, each job behind those that it waits for")
                .arg(id())
                .args([yes(), dry_run()]),
        )
        .subcommand(
            leaf(
                "remove",
                "Cancels what has not ended of a flow, and removes all that is kept of it; while jobs of it run, nothing is removed",
            )
            .arg(id())
            .args([yes(), dry_run()]),
        )
        .subcommand(
            leaf("wait", "Waits until every job of a flow has ended: exit code 0 if it completed, else 1")
                .arg(id())
                .arg(value("timeout", "TIME", "No longer than this: 90s, 5m")),
        )
}

/// Runs one of its commands.
pub(super) async fn run(session: &Session, verb: &str, flags: &ArgMatches) -> Result<Ended> {
    let id = || text(flags, "ID").unwrap_or_default();
    match verb {
        "list" => list(session, flags).await,
        "show" => show::run(session, id(), flags).await,
        "wait" => wait::run(session, id(), flags).await,
        "cancel" => orders::run(session, orders::Verb::Cancel, id(), flags).await,
        "retry" => orders::run(session, orders::Verb::Retry, id(), flags).await,
        _ => orders::run(session, orders::Verb::Remove, id(), flags).await,
    }
}

fn filter_of(flags: &ArgMatches) -> Result<FlowFilter> {
    let state = |name: &str| {
        FlowState::from_name(name).ok_or_else(|| {
            let names = FlowState::ALL.map(FlowState::name).join(", ");
            Error::Invalid(format!("--state {name:?} is none of {names}"))
        })
    };
    let queue = text(flags, "queue").map(ToOwned::to_owned);
    Ok(FlowFilter { queue, state: text(flags, "state").map(state).transpose()? })
}

/// Lists flows, page by page until there are as many as were asked for, or a moment is over.
async fn list(session: &Session, flags: &ArgMatches) -> Result<Ended> {
    let (filter, limit) = (filter_of(flags)?, number::<usize>(flags, "limit")?.unwrap_or(50));
    let (start, is_patient) = (Instant::now(), flags.get_flag("all"));
    let (mut flows, mut next) = (Vec::new(), text(flags, "after").map(ToOwned::to_owned));
    loop {
        let page = session.admin.flows(&filter, next.as_deref(), limit.saturating_sub(flows.len())).await?;
        flows.extend(page.flows);
        next = page.next;
        let is_over = !is_patient && MOMENT <= start.elapsed();
        if next.is_none() || limit <= flows.len() || is_over {
            break;
        }
    }
    if session.out.json {
        let flows: Vec<FlowView> = flows.iter().map(Into::into).collect();
        session.out.json(&object!({ flows: flows, next: next }))?;
        return Ok(Ended::Done);
    }
    if flows.is_empty() && next.is_none() {
        let is_all = filter == FlowFilter::default();
        session.out.note(if is_all { "There is no flow." } else { "No flow is like that." });
    } else if !flows.is_empty() {
        session.out.table(&table(&flows))?;
    }
    if let Some(next) = next {
        let after = quoted(&next);
        session.out.note(&match limit <= flows.len() {
            true => format!("{} shown; more: --after {after}", flows.len()),
            false => format!("{} found so far; go on: --after {after}, or look at all: --all", flows.len()),
        });
    }
    Ok(Ended::Done)
}

fn table(flows: &[FlowInfo]) -> Table {
    let mut table = Table::new(&["FLOW", "STATE", "#ENDED", "#FAILED", "QUEUE", "#BEGAN", "#TOOK"]);
    for flow in flows {
        table.row([
            (flow.id.clone(), Tone::Bold),
            (flow.state.name().to_owned(), tone_of(flow.state)),
            (format!("{}/{}", number_of(flow.ended), grouped(flow.jobs as u64)), Tone::None),
            (number_of(flow.failed), if flow.failed.unwrap_or(0) == 0 { Tone::Faint } else { Tone::Bad }),
            (flow.queue.clone(), Tone::None),
            (flow.began.map_or_else(|| "-".into(), |began| format!("{} ago", since(began))), Tone::Faint),
            (took(flow), Tone::None),
        ]);
    }
    table
}

/// Writes how many jobs it are, if they were counted.
fn number_of(count: Option<usize>) -> String {
    count.map_or_else(|| "-".into(), |count| grouped(count as u64))
}

/// Says how far a flow is.
fn ended(flow: &FlowInfo) -> String {
    format!("{} of {} ended", number_of(flow.ended), many(flow.jobs as u64, "job"))
}

const fn tone_of(state: FlowState) -> Tone {
    match state {
        FlowState::Running => Tone::Warning,
        FlowState::Completed => Tone::Good,
        FlowState::Failed => Tone::Bad,
    }
}

/// Says how long ago a time is.
fn since(time: SystemTime) -> String {
    short(SystemTime::now().duration_since(time).unwrap_or_default())
}

/// Says how long a flow took, if it is over.
fn took(flow: &FlowInfo) -> String {
    let time = flow.began.zip(flow.over).and_then(|(began, over)| over.duration_since(began).ok());
    time.map_or_else(|| "-".into(), short)
}
