//! Jobs by state and query, page by page, and the dead letters among them.

use askama::Template;

use super::rows::JobRow;
use super::{Shell, Tab, page};
use crate::admin::{JobPage, Query, QueueOverview};
use crate::dashboard::access::Role;
use crate::dashboard::error::{Answer, Refusal};
use crate::dashboard::text::{grouped, many};
use crate::dashboard::visit::Visit;
use crate::job::JobState;

/// How many jobs a page has unless it is said.
const USUAL: usize = 50;
/// And at most.
pub(in crate::dashboard) const MOST: usize = 200;

#[derive(Template)]
#[template(path = "jobs.html")]
struct Jobs {
    shell: Shell,
    heading: &'static str,
    chips: Vec<(String, String)>,
    query_error: Option<String>,
    tabs: Vec<Tab>,
    hidden: Vec<(&'static str, String)>,
    orders: Vec<(&'static str, &'static str)>,
    jobs: Vec<JobRow>,
    can_pick: bool,
    none: &'static str,
    looked: String,
    first: Option<String>,
    next: Option<String>,
}

/// Which list it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum List {
    Jobs,
    Dead,
}

impl List {
    const fn path(self) -> &'static str {
        match self {
            Self::Jobs => "/jobs",
            Self::Dead => "/dead",
        }
    }
}

/// Which jobs a list shows: a queue, a state, and what was typed.
pub(super) struct Choice {
    pub(super) queue: Option<String>,
    pub(super) state: Option<String>,
    pub(super) typed: String,
    /// All of it in one.
    pub(super) query: Result<Query, Refusal>,
}

impl Choice {
    /// Reads it off the parameters.
    pub(super) fn of(visit: &Visit) -> Result<Self, Refusal> {
        let text = |name| visit.query.get(name).map(ToOwned::to_owned);
        let (queue, state) = (text("queue"), text("state"));
        let mut query = visit.query.jobs("q");
        if let (Some(queue), Ok(query)) = (&queue, &mut query) {
            *query = std::mem::take(query).in_queue(queue);
        }
        if let Some(state) = &state {
            let states = states_of(state)?;
            query = query.map(|query| query.in_states(&states));
        }
        Ok(Self { queue, state, typed: text("q").unwrap_or_default(), query })
    }
}

fn states_of(name: &str) -> Result<Vec<JobState>, Refusal> {
    if name == "dead" {
        return Ok(vec![JobState::Failed, JobState::Expired]);
    }
    let unknown = || {
        Refusal::bad(format!(
            "there is no state {name:?}; there are {} and dead",
            JobState::ALL.map(JobState::name).join(", ")
        ))
    };
    JobState::from_name(name).map(|state| vec![state]).ok_or_else(unknown)
}

/// Lists jobs.
pub(in crate::dashboard) async fn list(visit: Visit) -> Answer {
    show(&visit, List::Jobs).await
}

/// Lists dead letters, which are the failed and expired jobs.
pub(in crate::dashboard) async fn dead(visit: Visit) -> Answer {
    show(&visit, List::Dead).await
}

async fn show(visit: &Visit, list: List) -> Answer {
    let choice = Choice::of(visit)?;
    let limit = visit.query.number("limit", (1, USUAL, MOST))?;
    let after = visit.query.get("after");
    let queues = match &choice.queue {
        Some(name) => visit.admin().queue(name).await.into_iter().collect(),
        None => visit.admin().queues().await?,
    };
    let (found, query_error) = match &choice.query {
        Ok(query) => {
            let of_list = match list {
                List::Dead => query.clone().in_states(&[JobState::Failed, JobState::Expired]),
                List::Jobs => query.clone(),
            };
            (Some(visit.admin().jobs(&of_list, after, limit).await?), None)
        }
        Err(refusal) => (None, Some(refusal.says.clone())),
    };
    let jobs = found.as_ref().map_or(&[][..], |page| &page.jobs);
    let can_operate = Role::Operator <= visit.role() && query_error.is_none();
    let heading = if list == List::Dead { "Dead letters" } else { "Jobs" };
    let next = found.as_ref().and_then(|page| page.next.clone());
    let there = |after: &str| link_to(visit, list, &choice, after);
    page(&Jobs {
        shell: Shell::new(visit, list.path(), heading).searching(&choice.typed),
        heading,
        chips: chips(visit, list, &choice),
        query_error,
        tabs: tabs(visit, list, &choice, &queues),
        hidden: hidden(list, &choice),
        orders: if can_operate { orders(visit, list, &choice) } else { Vec::new() },
        jobs: JobRow::list(visit, jobs),
        can_pick: can_operate,
        none: none(list, next.is_some()),
        looked: found.as_ref().map_or_else(String::new, looked),
        first: after.map(|_| there("")),
        next: next.map(|next| there(&next)),
    })
}

const fn none(list: List, goes_on: bool) -> &'static str {
    match (list, goes_on) {
        (_, true) => "None so far is like that; there are more to look at.",
        (List::Dead, _) => "No dead letter is like that.",
        (List::Jobs, _) => "No job is like that.",
    }
}

fn looked(page: &JobPage) -> String {
    format!("{} shown, {} looked at", grouped(page.jobs.len() as u64), many(page.looked, "job"))
}

fn link_to(visit: &Visit, list: List, choice: &Choice, after: &str) -> String {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let limit = visit.query.get("limit").unwrap_or_default();
    let (queue, state) = (text(&choice.queue), text(&choice.state));
    let params = [
        ("queue", queue.as_str()),
        ("state", &state),
        ("q", &choice.typed),
        ("limit", limit),
        ("after", after),
    ];
    visit.link(list.path(), &params)
}

/// What narrows the list down and can be taken away again.
fn chips(visit: &Visit, list: List, choice: &Choice) -> Vec<(String, String)> {
    let mut chips = Vec::new();
    let state = choice.state.as_deref().unwrap_or_default();
    if let Some(queue) = &choice.queue {
        chips.push((
            format!("queue {queue}"),
            visit.link(list.path(), &[("state", state), ("q", &choice.typed)]),
        ));
    }
    if !choice.typed.is_empty() {
        let queue = choice.queue.as_deref().unwrap_or_default();
        let typed: String = choice.typed.chars().take(80).collect();
        chips.push((typed, visit.link(list.path(), &[("queue", queue), ("state", state)])));
    }
    chips
}

fn tabs(visit: &Visit, list: List, choice: &Choice, queues: &[QueueOverview]) -> Vec<Tab> {
    let is_meant =
        |queue: &&QueueOverview| choice.queue.as_deref().is_none_or(|name| *queue.info.name == *name);
    let count = |state: JobState| {
        queues.iter().filter(is_meant).map(|queue| queue.info.counts.of(state)).sum::<u64>()
    };
    let queue = choice.queue.as_deref().unwrap_or_default();
    let tab = |name: &'static str, state: &str, count: Option<u64>| Tab {
        name,
        count: count.filter(|count| *count != 0).map_or_else(String::new, grouped),
        link: visit.link(list.path(), &[("queue", queue), ("state", state), ("q", &choice.typed)]),
        is_chosen: choice.state.as_deref().unwrap_or_default() == state,
    };
    let states: &[JobState] = match list {
        List::Dead => &[JobState::Failed, JobState::Expired],
        List::Jobs => &JobState::ALL,
    };
    let all = tab("all", "", None);
    let of_states = states.iter().map(|state| tab(state.name(), state.name(), Some(count(*state))));
    std::iter::once(all).chain(of_states).collect()
}

fn hidden(list: List, choice: &Choice) -> Vec<(&'static str, String)> {
    let state = choice.state.clone().or_else(|| (list == List::Dead).then(|| "dead".into()));
    let typed = Some(choice.typed.clone()).filter(|typed| !typed.is_empty());
    let all = [("queue", choice.queue.clone()), ("state", state), ("q", typed)];
    all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// Lists the orders that reach any job of the list.
fn orders(visit: &Visit, list: List, choice: &Choice) -> Vec<(&'static str, &'static str)> {
    let state = choice.state.as_deref();
    let state = if list == List::Dead { state.or(Some("failed")) } else { state };
    let state = state.map_or(Some(None), |name| JobState::from_name(name).map(Some)).flatten();
    let reached = |order: crate::admin::Order| state.is_none_or(|state| order.reaches().contains(&state));
    let all = [
        (crate::admin::Order::Retry, "Retry"),
        (crate::admin::Order::Promote, "Promote"),
        (crate::admin::Order::Cancel { reason: None }, "Cancel"),
        (crate::admin::Order::Remove, "Remove"),
    ];
    let may = |verb: &str| verb != "remove" || Role::Admin <= visit.role();
    let offered = all.into_iter().filter(|(order, _)| may(order.verb()) && reached(order.clone()));
    offered.map(|(order, name)| (order.verb(), name)).collect()
}
