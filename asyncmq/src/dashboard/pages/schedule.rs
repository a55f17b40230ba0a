//! One schedule: when it runs, what it enqueues, what became of that, and what can be ordered of it.

use std::time::SystemTime;

use askama::Template;

use super::rows::{JobRow, Moment};
use super::schedules::ScheduleRow;
use super::{Shell, page};
use crate::admin::view::ScheduleDetailView;
use crate::client::ScheduleInfo;
use crate::clock::Timestamp;
use crate::dashboard::access::Role;
use crate::dashboard::error::{Answer, Refusal};
use crate::dashboard::text::{grouped, pretty, visible};
use crate::dashboard::visit::Visit;
use crate::job::Job;
use crate::schedule::{Misfire, Overlap, ScheduleId, Short, job_of};

/// How many of the next runs are shown.
const NEXT: usize = 10;
/// How many of the last runs are looked for.
const LAST: usize = 10;

/// A run that is to come.
struct Run {
    /// What the clocks of its zone show.
    wall: String,
    when: Moment,
}

#[derive(Template)]
#[template(path = "schedule.html")]
struct SchedulePage {
    shell: Shell,
    row: ScheduleRow,
    why: Option<String>,
    zone: String,
    upcoming: Vec<Run>,
    none_upcoming: &'static str,
    args: String,
    headers: Vec<(String, String)>,
    tags: Vec<String>,
    facts: Vec<(&'static str, String)>,
    task_link: String,
    edit_link: String,
    can_operate: bool,
    can_remove: bool,
    jobs: Vec<JobRow>,
    can_pick: bool,
    none: &'static str,
}

/// Shows it.
pub(in crate::dashboard) async fn show(visit: Visit) -> Answer {
    let info = visit.admin().schedule(visit.query.must("id")?).await?;
    let view = ScheduleDetailView::hiding(&info, 0, &visit.dashboard.conceal);
    let last = last_runs(&visit, &info).await?;
    let row = ScheduleRow::of(&visit, &info);
    page(&SchedulePage {
        shell: Shell::new(&visit, "/schedules", info.id.as_str()),
        why: why(&view),
        zone: view.schedule.time_zone.clone().unwrap_or_else(|| "UTC".into()),
        upcoming: info.upcoming(NEXT).into_iter().map(|time| run(&info, time)).collect(),
        none_upcoming: if row.is_paused { "None while it is paused." } else { "None: it is over." },
        args: view.args.as_ref().map_or_else(|| "not JSON".into(), |json| visible(&pretty(json.get()))),
        headers: view.headers.clone(),
        tags: view.tags.clone(),
        facts: facts(&info, &view),
        task_link: visit
            .link("/jobs", &[("queue", &info.queue), ("q", &format!("task:{:?}", info.task.as_str()))]),
        edit_link: visit.link("/schedule/edit", &[("id", &info.id)]),
        can_operate: Role::Operator <= visit.role(),
        can_remove: Role::Admin <= visit.role(),
        jobs: JobRow::list(&visit, &last),
        can_pick: false,
        none: if info.last.is_none() {
            "It has not fired yet."
        } else {
            "No record of its last runs is kept."
        },
        row,
    })
}

/// Finds the jobs of its latest slots by their ids, which are made from the slots: nothing is searched.
async fn last_runs(visit: &Visit, info: &ScheduleInfo) -> Result<Vec<Job>, Refusal> {
    let (backend, id) = (visit.dashboard.client.backend(), ScheduleId::from_stored(&info.id));
    let ids = info.recent(LAST).into_iter().map(|slot| job_of(&info.queue, &id, slot.into()));
    let finds = ids.map(|job| async move { backend.find(&info.queue, &job).await });
    let found = futures_util::future::try_join_all(finds);
    let found = visit.dashboard.client.handle.ask("look jobs up", found).await?;
    Ok(found.into_iter().flatten().collect())
}

fn run(info: &ScheduleInfo, time: SystemTime) -> Run {
    Run { wall: info.schedule.wall(time), when: Timestamp::from(time).into() }
}

fn why(view: &ScheduleDetailView) -> Option<String> {
    let by = view.schedule.paused_by.as_deref()?;
    let reason = view.schedule.paused_reason.as_deref();
    Some(visible(&format!("by {by}{}", reason.map_or_else(String::new, |reason| format!(": {reason}")))))
}

fn facts(info: &ScheduleInfo, view: &ScheduleDetailView) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("As written", info.schedule.to_string()),
        ("Made by", if info.declared { "the task's attribute" } else { "code or people" }.into()),
        (
            "Missed slots",
            match info.schedule.misfire {
                Misfire::Skip => "are left out",
                Misfire::Once => "one job for all",
                Misfire::All => "each fires",
            }
            .into(),
        ),
        (
            "Overlap",
            match info.schedule.overlap {
                Overlap::Skip => "left out while the last job runs",
                Overlap::Allow => "allowed",
            }
            .into(),
        ),
        ("Fired", grouped(info.fired)),
        ("Left out", grouped(info.skipped)),
    ];
    facts.extend(view.start.clone().map(|at| ("From", at)));
    facts.extend(view.end.clone().map(|at| ("Until", at)));
    facts.extend(view.limit.map(|limit| ("At most", format!("{} times", grouped(limit)))));
    if !info.schedule.jitter.is_zero() {
        facts.push(("Jitter", format!("up to {}", Short(info.schedule.jitter))));
    }
    facts.push(("Priority", view.priority.to_string()));
    facts.push(("Attempts", view.max_attempts.to_string()));
    facts
}
