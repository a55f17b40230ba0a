//! I10: after each fault every worker consumes again.

use std::collections::{BTreeMap, BTreeSet};

use crate::lab::check::Findings;
use crate::lab::world::{Fault, World};

/// What queues of canaries begin with; the place that the worker fills follows.
pub(super) const CANARY: &str = "canary.";

/// When the canaries of each place were sent and began, by the time at which they were sent.
pub(super) fn canaries(world: &World) -> BTreeMap<&str, Vec<(u64, u64)>> {
    let mut canaries: BTreeMap<&str, Vec<(u64, u64)>> = BTreeMap::new();
    for ((queue, _), life) in &world.jobs {
        let Some(place) = queue.strip_prefix(CANARY) else { continue };
        if let (Some((sent, _)), Some((began, ..))) = (life.sent.first(), life.runs.first()) {
            canaries.entry(place).or_default().push((*sent, *began));
        }
    }
    canaries.values_mut().for_each(|times| times.sort_unstable());
    canaries
}

/// How long each worker needed after a fault, in microseconds; `None` is never.
pub(super) fn recoveries<'a>(
    fault: &Fault,
    canaries: &BTreeMap<&'a str, Vec<(u64, u64)>>,
) -> Vec<(&'a str, Option<u64>)> {
    let Some(over) = fault.ended else { return Vec::new() };
    let of = |times: &Vec<(u64, u64)>| {
        let since = times.partition_point(|(sent, _)| *sent < over);
        times[since..].iter().map(|(_, began)| began - over).min()
    };
    canaries.iter().map(|(place, times)| (*place, of(times))).collect()
}

pub(super) fn check(world: &World, findings: &mut Findings) {
    let canaries = canaries(world);
    for fault in &world.faults {
        if fault.ended.is_none() {
            findings.add("I10", None, format!("fault {} ({}) was never over", fault.number, fault.kind));
        }
        for (place, took) in recoveries(fault, &canaries) {
            if took.is_none() {
                let (number, kind) = (fault.number, &fault.kind);
                let what = format!("worker {place} never consumed after fault {number} ({kind})");
                findings.add("I10", None, what);
            }
        }
    }
    let places: BTreeSet<&str> = world.workers.values().map(|worker| worker.name.as_str()).collect();
    for place in places.iter().filter(|place| !place.is_empty() && !canaries.contains_key(**place)) {
        findings.add("I10", None, format!("worker {place} never ran a canary"));
    }
}
