//! One flow: how it stands, its graph, its jobs, and what can be ordered of it.

use askama::Template;

use super::flow_graph::{Drawing, MOST_DRAWN};
use super::flow_rows::{NodeRow, TaskRow, tasks};
use super::flows::FlowRow;
use super::{Shell, page};
use crate::admin::FlowInfo;
use crate::client::{FlowGraph, FlowNode};
use crate::dashboard::access::Role;
use crate::dashboard::error::Answer;
use crate::dashboard::text::{grouped, many};
use crate::dashboard::visit::Visit;
use crate::job::JobState;

/// Pages of flows of more jobs than this do not look again by themselves: each look looks all of them up.
const MOST_LIVE: usize = 2_000;

#[derive(Template)]
#[template(path = "flow.html")]
struct FlowShown {
    shell: Shell,
    row: FlowRow,
    ended: usize,
    failed: usize,
    /// How many jobs stand in each state in which any does: what the colours mean.
    legend: Vec<(&'static str, String)>,
    /// How many jobs each order reaches; nothing for those who may not give it.
    cancels: Option<String>,
    retries: Option<String>,
    can_remove: bool,
    drawing: Drawing,
    /// What is drawn, where it is not everything.
    drawn: Option<String>,
    nodes: Vec<NodeRow>,
    tasks: Vec<TaskRow>,
}

/// Shows it.
pub(in crate::dashboard) async fn show(visit: Visit) -> Answer {
    let graph = visit.admin().flow(visit.query.must("id")?).await?;
    let info = FlowInfo::from(&graph);
    let (meant, drawn) = to_draw(&graph);
    let shell = Shell::new(&visit, "/flows", info.id.as_str());
    page(&FlowShown {
        shell: if MOST_LIVE < info.jobs { shell.still() } else { shell },
        ended: info.ended.unwrap_or(0),
        failed: info.failed.unwrap_or(0),
        row: FlowRow::of(&visit, &info),
        legend: legend(&graph),
        cancels: reached(&visit, &graph, |state| !state.is_terminal()),
        // Who was not called because nothing failed has nothing to begin anew for.
        retries: reached(&visit, &graph, |state| {
            info.failed != Some(0) && state.is_terminal() && state != JobState::Completed
        }),
        can_remove: Role::Admin <= visit.role(),
        drawing: Drawing::of(&visit, &graph.id, &meant),
        nodes: meant.iter().map(|node| NodeRow::of(&visit, &graph.id, node)).collect(),
        tasks: if drawn.is_some() { tasks(&graph) } else { Vec::new() },
        drawn,
    })
}

/// Returns the jobs that are drawn: all, or of a large flow those that have not completed; and says so in a sentence.
fn to_draw(graph: &FlowGraph) -> (Vec<&FlowNode>, Option<String>) {
    let all: Vec<&FlowNode> = graph.nodes.iter().collect();
    if all.len() <= MOST_DRAWN {
        return (all, None);
    }
    let jobs = many(all.len() as u64, "job");
    let mut open: Vec<&FlowNode> = all
        .into_iter()
        .filter(|node| node.state().is_some_and(|state| state != JobState::Completed))
        .collect();
    let count = grouped(open.len() as u64);
    let says = match open.len() {
        0 => format!("{jobs} are too many to be drawn, and all of them have completed."),
        1..=MOST_DRAWN => {
            format!("{jobs} are too many to be drawn: here are the {count} that have not completed.")
        }
        _ => format!(
            "{jobs} are too many to be drawn: here are the first {MOST_DRAWN} of {count} that have not completed."
        ),
    };
    open.truncate(MOST_DRAWN);
    (open, Some(says))
}

/// Counts the jobs in each state; those whose records have gone come last.
fn legend(graph: &FlowGraph) -> Vec<(&'static str, String)> {
    let gone = graph.nodes.iter().filter(|node| node.job.is_none()).count();
    let states = JobState::ALL.into_iter().map(|state| (state.name(), graph.count(state)));
    let counted = states.chain([("gone", gone)]).filter(|(_, count)| *count != 0);
    counted.map(|(name, count)| (name, grouped(count as u64))).collect()
}

/// Counts the jobs that an order reaches, if there are any and whoever asks may give it.
fn reached(visit: &Visit, graph: &FlowGraph, reaches: impl Fn(JobState) -> bool) -> Option<String> {
    let count = graph.nodes.iter().filter(|node| node.state().is_some_and(&reaches)).count();
    (count != 0 && Role::Operator <= visit.role()).then(|| many(count as u64, "job"))
}
