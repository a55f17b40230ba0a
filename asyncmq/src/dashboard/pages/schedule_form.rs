//! The form of a schedule: a new one with its job, or when one runs that is there.

use askama::Template;

use super::{Shell, page};
use crate::admin::view::rfc3339;
use crate::client::ScheduleInfo;
use crate::dashboard::error::Answer;
use crate::dashboard::visit::Visit;
use crate::schedule::{Misfire, Overlap, Short, Timing};

#[derive(Template)]
#[template(path = "schedule_form.html")]
struct Form {
    shell: Shell,
    heading: String,
    is_new: bool,
    form: Written,
    tasks: Vec<String>,
    back: String,
}

/// A schedule as it stands in the fields.
#[derive(Default)]
struct Written {
    id: String,
    when: String,
    tz: String,
    start: String,
    end: String,
    limit: String,
    jitter: String,
    misfire: Misfire,
    overlap: Overlap,
}

/// One of several things that can be chosen: what is sent, what it is called, and whether it is chosen now.
type Choice = (&'static str, &'static str, bool);

impl Written {
    fn of(info: &ScheduleInfo) -> Self {
        let schedule = &info.schedule;
        let (when, tz) = match schedule.timing() {
            Timing::Cron { expression, zone } => (expression.clone(), zone.clone().unwrap_or_default()),
            Timing::Every(_) => (schedule.to_string(), String::new()),
        };
        let jitter = schedule.jitter;
        Self {
            id: info.id.clone(),
            when,
            tz,
            start: schedule.start.map(rfc3339).unwrap_or_default(),
            end: schedule.end.map(rfc3339).unwrap_or_default(),
            limit: schedule.limit.map(|limit| limit.to_string()).unwrap_or_default(),
            jitter: if jitter.is_zero() { String::new() } else { Short(jitter).to_string() },
            misfire: schedule.misfire,
            overlap: schedule.overlap,
        }
    }

    fn misfires(&self) -> [Choice; 3] {
        [
            ("once", "one job for all of them", self.misfire == Misfire::Once),
            ("skip", "are left out", self.misfire == Misfire::Skip),
            ("all", "each fires", self.misfire == Misfire::All),
        ]
    }

    fn overlaps(&self) -> [Choice; 2] {
        [
            ("allow", "the next one is enqueued", self.overlap == Overlap::Allow),
            ("skip", "the slot is left out", self.overlap == Overlap::Skip),
        ]
    }
}

/// Shows the form: of the schedule that is named, else an empty one.
pub(in crate::dashboard) async fn show(visit: Visit) -> Answer {
    let Some(id) = visit.query.get("id") else { return new(&visit).await };
    let info = visit.admin().schedule(id).await?;
    page(&Form {
        shell: Shell::new(&visit, "/schedules", info.id.as_str()).still(),
        heading: format!("When {} runs", info.id),
        is_new: false,
        form: Written::of(&info),
        tasks: Vec::new(),
        back: visit.link("/schedule", &[("id", &info.id)]),
    })
}

async fn new(visit: &Visit) -> Answer {
    let tasks = visit.admin().tasks().await?;
    page(&Form {
        shell: Shell::new(visit, "/schedules", "New schedule").still(),
        heading: "New schedule".into(),
        is_new: true,
        form: Written::default(),
        tasks: tasks.iter().map(|task| task.info.name.to_string()).collect(),
        back: visit.link("/schedules", &[]),
    })
}
