//! The graph of a flow, drawn: boxes that link to their jobs, and curves from each to those that wait for it.

use std::collections::HashMap;

use super::flow_rows::{parent_in_words, state_of, time_of, within};
use crate::client::FlowNode;
use crate::dashboard::layout::{NODE, lay_out};
use crate::dashboard::text::visible;
use crate::dashboard::visit::Visit;
use crate::job::{JobId, JobState, OnFailure};

/// More boxes than this are no picture any more.
pub(super) const MOST_DRAWN: usize = 300;
/// How many letters fit into a box.
const LETTERS: usize = 20;
/// The longest number of a job that is shown in its box.
const LONGEST_NUMBER: usize = 6;
/// What is free around the drawing, for lines that are thicker than nothing.
const MARGIN: f64 = 2.0;

/// A drawing.
pub(super) struct Drawing {
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) box_width: f64,
    pub(super) box_height: f64,
    pub(super) boxes: Vec<Box>,
    pub(super) lines: Vec<Line>,
    /// Whether some lines say that who waits does not fail with the other.
    pub(super) has_tolerant: bool,
}

/// A job.
pub(super) struct Box {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) link: Option<String>,
    pub(super) state: &'static str,
    pub(super) name: String,
    pub(super) says: String,
    /// Its id without the flow's.
    pub(super) number: String,
    /// All of it, for those who point at it, or hear it read.
    pub(super) title: String,
}

/// Who waits for whom.
pub(super) struct Line {
    pub(super) path: String,
    /// `fail`, `run` or `cancel`: what the failure of the one means for the other.
    pub(super) policy: &'static str,
    /// Whether it has been waited for.
    pub(super) is_over: bool,
}

impl Drawing {
    /// Draws these jobs of a flow, and what they wait for among each other.
    pub(super) fn of(visit: &Visit, flow: &str, nodes: &[&FlowNode]) -> Self {
        let policies = edges_among(nodes);
        let mut edges: Vec<_> = policies.keys().copied().collect();
        edges.sort_unstable();
        let layout = lay_out(nodes.len(), &edges);
        let boxes = nodes.iter().zip(&layout.nodes).map(|(node, corner)| Box::of(visit, flow, node, *corner));
        let has_ended = |place: usize| {
            nodes.get(place).is_some_and(|node| node.state().is_none_or(JobState::is_terminal))
        };
        let lines = layout.edges.into_iter().map(|route| Line {
            policy: policies.get(&route.ends).copied().unwrap_or_default().name(),
            is_over: has_ended(route.ends.0),
            path: route.path,
        });
        Self {
            width: layout.width + 2.0 * MARGIN,
            height: layout.height + 2.0 * MARGIN,
            box_width: NODE.0,
            box_height: NODE.1,
            boxes: boxes.collect(),
            lines: lines.collect(),
            has_tolerant: policies.values().any(|policy| *policy != OnFailure::Fail),
        }
    }
}

/// Returns who waits for whom among these, and what the failure of the one means for the other. A job that is made of an element of a list waits for
/// nobody, but it is there only once the list is: so it stands behind those for which the job that made it had to wait.
fn edges_among(nodes: &[&FlowNode]) -> HashMap<(usize, usize), OnFailure> {
    let places: HashMap<&str, usize> =
        (0..).zip(nodes).map(|(place, node)| (node.id.as_str(), place)).collect();
    let mut edges = HashMap::new();
    for (to, node) in nodes.iter().enumerate() {
        let has_made = |id: &JobId| {
            let rest = id.as_str().strip_prefix(node.id.as_str());
            let rest = rest.and_then(|rest| rest.strip_prefix('[')?.strip_suffix(']'));
            rest.is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
        };
        let (made, own): (Vec<_>, Vec<_>) = node.parents.iter().partition(|(id, _)| has_made(id));
        let at = |list: &[&(JobId, OnFailure)]| -> Vec<(usize, OnFailure)> {
            list.iter().filter_map(|(id, policy)| Some((*places.get(id.as_str())?, *policy))).collect()
        };
        let (made, own) = (at(&made), at(&own));
        edges.extend(made.iter().chain(&own).map(|(from, policy)| ((*from, to), *policy)));
        for (from, policy) in &own {
            edges.extend(made.iter().map(|(made, _)| ((*from, *made), *policy)));
        }
    }
    edges
}

impl Box {
    fn of(visit: &Visit, flow: &str, node: &FlowNode, (x, y): (f64, f64)) -> Self {
        let task = visible(node.job.as_ref().map_or("record gone", |job| job.task()));
        let (state, number) = (state_of(node), visible(within(flow, &node.id)));
        let time = time_of(node).map_or_else(String::new, |time| format!(" · {time}"));
        let waits =
            node.parents.iter().take(10).map(|parent| parent_in_words(flow, parent)).collect::<Vec<_>>();
        let waits = match waits.len() {
            0 => "waits for nobody".into(),
            _ if waits.len() < node.parents.len() => format!("waits for {} jobs", node.parents.len()),
            _ => format!("waits for {}", waits.join(", ")),
        };
        Self {
            x,
            y,
            link: node.job.as_ref().map(|_| visit.link("/job", &[("queue", &node.queue), ("id", &node.id)])),
            state,
            name: cut(&task),
            says: format!("{state}{time}"),
            number: if number.len() <= LONGEST_NUMBER { number.clone() } else { String::new() },
            title: format!("{task}, {state}{time}: job {number} in {}, {waits}", visible(&node.queue)),
        }
    }
}

/// Cuts a name to what fits; the end of a task's name tells more than its beginning.
fn cut(name: &str) -> String {
    let count = name.chars().count();
    if count <= LETTERS {
        return name.to_owned();
    }
    let end: String = name.chars().skip(count - LETTERS + 1).collect();
    format!("…{end}")
}
