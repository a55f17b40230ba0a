//! I12: each slot of a schedule fires one job, none is left out without a reason, and slots only grow.

use std::collections::BTreeMap;

use crate::lab::check::Findings;
use crate::lab::world::{Beat, Fault, Life, World};

type Key = (String, String);

/// The jobs of a schedule, by slot: several of one slot are wrong.
type BySlot<'a> = BTreeMap<u64, Vec<(&'a Key, &'a Life)>>;

/// What a history shows of its schedules.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kept {
    /// How many slots have a job.
    pub(super) fired: usize,
    /// How many have none, and for a reason.
    pub(super) left_out: usize,
}

pub(super) fn check(world: &World, findings: &mut Findings) -> Kept {
    let mut kept = Kept::default();
    let mut of_all = jobs(world);
    for (id, beat) in &world.schedules {
        let jobs = of_all.remove(id.as_str()).unwrap_or_default();
        once(id, &jobs, findings);
        increasing(id, beat, findings);
        if beat.plan.alone {
            apart(world, id, beat, &jobs, findings);
        }
        kept.fired += jobs.len();
        kept.left_out += complete(world, (id, beat), &jobs, findings);
    }
    kept
}

/// Tells whether a job is, or was, in the store for sure.
fn is_there(life: &Life) -> bool {
    !(life.acknowledged.is_empty() && life.claims.is_empty() && life.last.is_empty())
}

fn jobs(world: &World) -> BTreeMap<&str, BySlot<'_>> {
    let mut jobs: BTreeMap<&str, BySlot<'_>> = BTreeMap::new();
    for (job, life) in world.jobs.iter().filter(|(_, life)| is_there(life)) {
        if let Some(slot) = life.first().and_then(|sent| sent.slot.as_ref()) {
            let of_schedule = jobs.entry(&slot.schedule).or_default();
            of_schedule.entry(slot.time).or_default().push((job, life));
        }
    }
    jobs
}

/// One job a slot.
fn once(id: &str, jobs: &BySlot<'_>, findings: &mut Findings) {
    for (slot, jobs) in jobs.iter().filter(|(_, jobs)| 1 < jobs.len()) {
        let what = format!("slot {slot} of {id:?} has {} jobs", jobs.len());
        findings.add("I12", jobs.first().map(|(job, _)| *job), what);
    }
}

/// Of two calls, one after the other, the second one fired later slots.
fn increasing(id: &str, beat: &Beat, findings: &mut Findings) {
    let mut by_call: BTreeMap<&str, (u64, u64, &[u64])> = BTreeMap::new();
    for firing in &beat.firings {
        // A call whose reply was lost may be answered twice.
        by_call.entry(&firing.call).or_insert((firing.began, firing.at, &firing.slots));
    }
    let mut calls: Vec<_> = by_call.into_values().filter(|(.., slots)| !slots.is_empty()).collect();
    calls.sort_unstable();
    let mut fired: BTreeMap<u64, u64> = BTreeMap::new();
    for (began, at, slots) in calls {
        if !slots.is_sorted() {
            findings.add("I12", None, format!("slots of {id:?} fired out of order: {slots:?}"));
        }
        if let Some(slot) = slots.iter().find(|slot| fired.contains_key(slot)) {
            findings.add("I12", None, format!("slot {slot} of {id:?} fired in two steps"));
        } else if let Some((later, _)) = fired.range(slots[0]..).find(|(_, known)| **known < began) {
            let what = format!("slot {} of {id:?} fired after slot {later}", slots[0]);
            findings.add("I12", None, what);
        }
        for slot in slots {
            fired.entry(*slot).or_insert(at);
        }
    }
}

/// A job that must be alone does not come while the one before it has not ended.
fn apart(world: &World, id: &str, beat: &Beat, jobs: &BySlot<'_>, findings: &mut Findings) {
    for firing in &beat.firings {
        let Some(slot) = firing.slots.first() else { continue };
        let Some((before, earlier)) = jobs.range(..slot).next_back() else { continue };
        let has_not_ended =
            earlier.iter().all(|(_, life)| ends(life).next().is_some_and(|end| firing.at < end.0));
        if has_not_ended && world.phase("end").is_some() {
            let what = format!("slot {slot} of {id:?} fired while the job of slot {before} had not ended");
            findings.add("I12", earlier.first().map(|(job, _)| *job), what);
        }
    }
}

/// When settles that end a job were made, and answered.
fn ends(life: &Life) -> impl Iterator<Item = (u64, Option<u64>)> {
    let ends = life.settles.iter().filter(|settle| settle.ending.kind.is_end() && settle.may_hold());
    ends.map(|settle| (settle.began, settle.answer.map(|(at, _)| at)))
}

/// Every slot has a job, or a reason to have none. Returns how many have none.
fn complete(world: &World, (id, beat): (&str, &Beat), jobs: &BySlot<'_>, findings: &mut Findings) -> usize {
    let (interval, mut left_out) = (beat.plan.interval, 0);
    let end = beat.stopped.unwrap_or(world.end);
    let mut slot = beat.plan.first;
    // The latest one may not have been noticed yet.
    while interval != 0 && beat.at(slot) + 2 * interval < end {
        if !jobs.contains_key(&slot) {
            left_out += 1;
            let is_disturbed = !beat.plan.makes_up && is_disturbed(world, beat.at(slot), interval);
            if !is_disturbed && !is_taken(beat, jobs, slot) {
                let what = format!("slot {slot} of {id:?}, at {}, has no job", beat.at(slot));
                findings.add("I12", None, what);
            }
        }
        slot += interval;
    }
    left_out
}

/// Tells whether the job of an earlier slot may not have ended when that of a slot should have come.
fn is_taken(beat: &Beat, jobs: &BySlot<'_>, slot: u64) -> bool {
    let Some((_, earlier)) = jobs.range(..slot).next_back() else { return false };
    let has_ended = |life: &Life| ends(life).any(|(_, at)| at.is_some_and(|at| at < beat.at(slot)));
    beat.plan.alone && !earlier.iter().any(|(_, life)| has_ended(life))
}

/// Tells whether something hit all workers when a slot should have fired, so that it may be one of those that the schedule does not
/// make up for.
fn is_disturbed(world: &World, at: u64, interval: u64) -> bool {
    let lease = world.workers.values().map(|worker| worker.lease).max().unwrap_or_default();
    let hits = |fault: &Fault| {
        let is_near =
            fault.began <= at + interval && at <= fault.ended.unwrap_or(u64::MAX).saturating_add(lease);
        is_near && fault.target.is_empty() && !matches!(fault.kind.as_str(), "queue-pause" | "script-flush")
    };
    world.faults.iter().any(hits)
}
