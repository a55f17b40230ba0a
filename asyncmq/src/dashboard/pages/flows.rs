//! Flows, page by page, the newest first.

use askama::Template;

use super::rows::Moment;
use super::{Shell, Tab, page};
use crate::admin::{FlowFilter, FlowInfo};
use crate::client::FlowState;
use crate::clock::Timestamp;
use crate::dashboard::error::{Answer, Refusal};
use crate::dashboard::text::{many, short};
use crate::dashboard::visit::Visit;

/// How many a page has unless it is said, and at most.
pub(in crate::dashboard) const LIMITS: (usize, usize, usize) = (1, 50, 200);

/// A flow in a list.
pub(super) struct FlowRow {
    pub(super) id: String,
    pub(super) link: String,
    pub(super) state: FlowState,
    /// The state of a job whose colour it has.
    pub(super) tone: &'static str,
    /// How many of its jobs have ended, if they were counted.
    pub(super) ended: Option<usize>,
    pub(super) jobs: usize,
    pub(super) failed: Option<usize>,
    pub(super) queue: String,
    pub(super) queue_link: String,
    pub(super) began: Option<Moment>,
    pub(super) over: Option<Moment>,
    pub(super) took: String,
}

impl FlowRow {
    pub(super) fn of(visit: &Visit, info: &FlowInfo) -> Self {
        let moment = |time: std::time::SystemTime| Moment::from(Timestamp::from(time));
        let took = info.began.zip(info.over).and_then(|(began, over)| over.duration_since(began).ok());
        Self {
            id: info.id.clone(),
            link: visit.link("/flow", &[("id", &info.id)]),
            state: info.state,
            tone: match info.state {
                FlowState::Running => "active",
                FlowState::Completed => "completed",
                FlowState::Failed => "failed",
            },
            ended: info.ended,
            jobs: info.jobs,
            failed: info.failed,
            queue: info.queue.clone(),
            queue_link: visit.link("/queue", &[("name", &info.queue)]),
            began: info.began.map(moment),
            over: info.over.map(moment),
            took: took.map_or_else(|| "–".into(), short),
        }
    }
}

#[derive(Template)]
#[template(path = "flows.html")]
struct Flows {
    shell: Shell,
    tabs: Vec<Tab>,
    queue: String,
    state: &'static str,
    flows: Vec<FlowRow>,
    none: &'static str,
    shown: String,
    first: Option<String>,
    next: Option<String>,
}

/// Reads which flows are meant.
pub(in crate::dashboard) fn filter_of(visit: &Visit) -> Result<FlowFilter, Refusal> {
    let state = |name: &str| {
        FlowState::from_name(name).ok_or_else(|| {
            let shown: String = name.chars().take(40).collect();
            let names = FlowState::ALL.map(FlowState::name).join(", ");
            Refusal::bad(format!("state={shown:?} is none of {names}"))
        })
    };
    let queue = visit.query.get("queue").map(ToOwned::to_owned);
    Ok(FlowFilter { queue, state: visit.query.get("state").map(state).transpose()? })
}

/// Lists them.
pub(in crate::dashboard) async fn list(visit: Visit) -> Answer {
    let filter = filter_of(&visit)?;
    let limit = visit.query.number("limit", LIMITS)?;
    let after = visit.query.get("after");
    let found = visit.admin().flows(&filter, after, limit).await?;
    let queue = filter.queue.clone().unwrap_or_default();
    let state = filter.state.map_or("", FlowState::name);
    let link = |state: &str, after: &str| {
        let limit = visit.query.get("limit").unwrap_or_default();
        visit.link("/flows", &[("queue", &queue), ("state", state), ("limit", limit), ("after", after)])
    };
    let names = std::iter::once("").chain(FlowState::ALL.map(FlowState::name));
    let tab = |name: &'static str| Tab {
        name: if name.is_empty() { "all" } else { name },
        // How many there are is not known without looking at all of them.
        count: String::new(),
        link: link(name, ""),
        is_chosen: name == state,
    };
    page(&Flows {
        shell: Shell::new(&visit, "/flows", "Flows"),
        tabs: names.map(tab).collect(),
        flows: found.flows.iter().map(|info| FlowRow::of(&visit, info)).collect(),
        none: match (&found.next, filter == FlowFilter::default()) {
            (Some(_), _) => "None among those that were looked at so far.",
            (None, true) => {
                "No flow is kept. Code says `Flow::new()`, adds jobs that wait for each other, and enqueues them as a whole."
            }
            (None, false) => "No flow is like that.",
        },
        shown: format!("{} shown", many(found.flows.len() as u64, "flow")),
        first: after.map(|_| link(state, "")),
        next: found.next.as_deref().map(|next| link(state, next)),
        queue,
        state,
    })
}
