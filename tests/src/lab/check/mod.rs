//! The invariants: what must hold of every history.
//!
//! Each is named as in the plan of the laboratory (docs/guarantees.md says what they mean for users).

mod claims;
mod dedup;
mod ends;
pub mod kin;
mod limits;
mod liveness;
mod order;
mod processes;
pub mod report;
mod schedules;
mod show;
pub mod table;
#[cfg(test)]
mod tests;
mod time;

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::{Deserialize, Serialize};

use crate::lab::event::{Event, Line};
use crate::lab::world::World;
pub use report::Report;

/// How many violations of one invariant are told; all are counted.
const TOLD: usize = 5;

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// The invariant: `I1` to `I19`.
    pub invariant: String,
    /// The queue and the id of the job that it is about, if it is about one.
    pub job: Option<(String, String)>,
    /// What is wrong.
    pub what: String,
}

/// The violations found so far.
#[derive(Debug, Default)]
pub struct Findings {
    /// The first few of each invariant.
    pub told: Vec<Violation>,
    /// How many there are of each.
    pub counts: BTreeMap<String, usize>,
}

impl Findings {
    fn add(&mut self, invariant: &str, job: Option<&(String, String)>, what: impl Into<String>) {
        let count = self.counts.entry(invariant.to_owned()).or_default();
        *count += 1;
        if *count <= TOLD {
            let (invariant, job) = (invariant.to_owned(), job.cloned());
            self.told.push(Violation { invariant, job, what: what.into() });
        }
    }
}

/// Checks a history, whose lines are in the order of time, and counts what is worth knowing.
#[must_use]
pub fn check(lines: &[Line]) -> Report {
    let (world, mut findings) = (World::of(lines), Findings::default());
    claims::check(&world, &mut findings);
    ends::check(&world, &mut findings);
    time::check(&world, &mut findings);
    order::check(&world, &mut findings);
    dedup::check(&world, &mut findings);
    processes::check(&world, &mut findings);
    liveness::check(&world, &mut findings);
    let (kept, used) = (schedules::check(&world, &mut findings), limits::check(&world, &mut findings));
    let kin = kin::check(&world, &mut findings);
    for (invariant, name, wrong) in &world.audits {
        if let Some(wrong) = wrong {
            findings.add(invariant, None, format!("{name}: {wrong}"));
        }
    }
    Report { kin, ..Report::of(&world, findings, (kept, used)) }
}

/// Tells the whole story of a job, a line for each thing that happened to it.
#[must_use]
pub fn story(lines: &[Line], (queue, job): &(String, String)) -> String {
    let start = lines.first().map_or(0, |line| line.at);
    let mut story = format!("{job} in {queue}:\n");
    for line in lines.iter().filter(|line| mentions(&line.event, queue, job)) {
        let seconds = (line.at - start) as f64 / 1e6;
        let told = tell(&line.event, job);
        let _ = writeln!(story, "  {seconds:11.6} s  process {:6}  {told}", line.pid);
    }
    story
}

fn mentions(event: &Event, in_queue: &str, of: &str) -> bool {
    match event {
        Event::Send(sent) => sent.job == of && sent.queue == in_queue,
        Event::Acknowledged { queue, job, .. }
        | Event::Refused { queue, job, .. }
        | Event::Unknown { queue, job }
        | Event::LeftOut { queue, job, .. }
        | Event::Began { queue, job, .. }
        | Event::Effect { queue, job, .. }
        | Event::Ordering { queue, job, .. }
        | Event::Ordered { queue, job, .. }
        | Event::Final { queue, job, .. } => job == of && queue == in_queue,
        Event::Claimed { jobs, .. } => jobs.iter().any(|given| given.job == of && given.queue == in_queue),
        Event::Settling { jobs, .. } => {
            jobs.iter().any(|ending| ending.job == of && ending.queue == in_queue)
        }
        _ => false,
    }
}

/// Shows of an event what is about one job.
fn tell(event: &Event, of: &str) -> String {
    match event {
        Event::Claimed { worker, began, jobs } => {
            let given = jobs.iter().find(|given| given.job == of);
            format!("claimed by {worker} (call at {began}): {given:?}")
        }
        Event::Settling { worker, call, jobs } => {
            let ending = jobs.iter().find(|ending| ending.job == of);
            format!("settling, call {call} of {worker}: {ending:?}")
        }
        other => format!("{other:?}"),
    }
}
