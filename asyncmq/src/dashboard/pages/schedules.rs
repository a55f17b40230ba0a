//! Recurring jobs, page by page, by how they stand and what was typed.

use askama::Template;

use super::rows::Moment;
use super::{Shell, Tab, page};
use crate::admin::view::schedule_status;
use crate::client::ScheduleInfo;
use crate::dashboard::access::Role;
use crate::dashboard::error::{Answer, Refusal};
use crate::dashboard::text::{grouped, many};
use crate::dashboard::visit::Visit;

/// How many a page has unless it is said.
const USUAL: usize = 50;
/// And at most.
const MOST: usize = 200;
/// How a schedule can stand.
const STATUSES: [&str; 4] = ["active", "paused", "orphaned", "over"];

/// A schedule in a list. Its job's arguments are not in it.
pub(super) struct ScheduleRow {
    pub(super) id: String,
    pub(super) link: String,
    pub(super) status: &'static str,
    pub(super) tone: &'static str,
    /// Whether somebody has to let it go on.
    pub(super) is_paused: bool,
    pub(super) words: String,
    pub(super) task: String,
    pub(super) queue: String,
    pub(super) queue_link: String,
    pub(super) next: Option<Moment>,
    pub(super) last: Option<Moment>,
    pub(super) fired: String,
    pub(super) skipped: String,
}

impl ScheduleRow {
    pub(super) fn of(visit: &Visit, info: &ScheduleInfo) -> Self {
        let status = schedule_status(info);
        let tone = match status {
            "active" => "good",
            "over" => "faint",
            _ => "warn",
        };
        let moment = |time: std::time::SystemTime| Moment::from(crate::clock::Timestamp::from(time));
        Self {
            id: info.id.clone(),
            link: visit.link("/schedule", &[("id", &info.id)]),
            status,
            tone,
            is_paused: info.paused.is_some(),
            words: info.schedule.describe(),
            task: info.task.to_string(),
            queue: info.queue.to_string(),
            queue_link: visit.link("/queue", &[("name", &info.queue)]),
            next: info.next.map(moment),
            last: info.last.map(moment),
            fired: grouped(info.fired),
            skipped: grouped(info.skipped),
        }
    }
}

#[derive(Template)]
#[template(path = "schedules.html")]
struct Schedules {
    shell: Shell,
    tabs: Vec<Tab>,
    typed: String,
    queue: String,
    status: String,
    can_operate: bool,
    schedules: Vec<ScheduleRow>,
    none: &'static str,
    looked: String,
    first: Option<String>,
    next: Option<String>,
}

/// Which of them are shown.
struct Choice<'a> {
    queue: &'a str,
    status: &'a str,
    /// A part of the id, the task or the queue.
    typed: &'a str,
}

impl<'a> Choice<'a> {
    fn of(visit: &'a Visit) -> Result<Self, Refusal> {
        let text = |name| visit.query.get(name).unwrap_or_default();
        let status = text("status");
        if !status.is_empty() && !STATUSES.contains(&status) {
            let shown: String = status.chars().take(40).collect();
            return Err(Refusal::bad(format!(
                "there is no status {shown:?}; there are {}",
                STATUSES.join(", ")
            )));
        }
        Ok(Self { queue: text("queue"), status, typed: text("q") })
    }

    /// Tells whether one is meant, whatever its status.
    fn means(&self, info: &ScheduleInfo) -> bool {
        let has = |text: &str| text.contains(self.typed);
        let is_named = has(&info.id) || has(&info.task) || has(&info.queue);
        is_named && (self.queue.is_empty() || *info.queue == *self.queue)
    }

    fn link(&self, visit: &Visit, status: &str, after: &str) -> String {
        let limit = visit.query.get("limit").unwrap_or_default();
        let params = [
            ("queue", self.queue),
            ("status", status),
            ("q", self.typed),
            ("limit", limit),
            ("after", after),
        ];
        visit.link("/schedules", &params)
    }
}

/// Lists them by id.
pub(in crate::dashboard) async fn list(visit: Visit) -> Answer {
    let choice = Choice::of(&visit)?;
    let limit = visit.query.number("limit", (1, USUAL, MOST))?;
    let after = visit.query.get("after");
    let mut meant = visit.admin().schedules().await?;
    meant.retain(|info| choice.means(info));
    // Ids are unique in a store, so one of them says where the next page begins, whatever comes and goes before it.
    meant.sort_by(|one, other| one.id.cmp(&other.id));
    let tabs = tabs(&visit, &choice, &meant);
    let of_status = |info: &&ScheduleInfo| choice.status.is_empty() || schedule_status(info) == choice.status;
    let all = meant.iter().filter(of_status).count();
    let from_here = |info: &&ScheduleInfo| after.is_none_or(|after| after < info.id.as_str());
    let rest: Vec<_> = meant.iter().filter(of_status).filter(from_here).collect();
    let shown: Vec<_> = rest.iter().take(limit).map(|info| ScheduleRow::of(&visit, info)).collect();
    let next = (shown.len() < rest.len()).then(|| shown.last()).flatten();
    page(&Schedules {
        shell: Shell::new(&visit, "/schedules", "Schedules"),
        tabs,
        typed: choice.typed.to_owned(),
        queue: choice.queue.to_owned(),
        status: choice.status.to_owned(),
        can_operate: Role::Operator <= visit.role(),
        none: match visit.query.has_any(&["q", "queue", "status"]) {
            true => "No schedule is like that.",
            false => {
                "Nothing recurs yet. A task says `every` or `cron`, code says `client.schedules().upsert(…)`, or make one here."
            }
        },
        looked: format!("{} shown of {}", grouped(shown.len() as u64), many(all as u64, "schedule")),
        first: after.map(|_| choice.link(&visit, choice.status, "")),
        next: next.map(|last| choice.link(&visit, choice.status, &last.id)),
        schedules: shown,
    })
}

fn tabs(visit: &Visit, choice: &Choice<'_>, meant: &[ScheduleInfo]) -> Vec<Tab> {
    let tab = |name: &'static str, status: &str, count: usize| Tab {
        name,
        count: grouped(count as u64),
        link: choice.link(visit, status, ""),
        is_chosen: choice.status == status,
    };
    let count = |status: &str| meant.iter().filter(|info| schedule_status(info) == status).count();
    let of_status = STATUSES.map(|status| tab(status, status, count(status)));
    std::iter::once(tab("all", "", meant.len())).chain(of_status).collect()
}
