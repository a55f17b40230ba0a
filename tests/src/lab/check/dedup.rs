//! I16: a deduplication key is held by one job, as long as it must be and no longer.

use std::collections::HashMap;

use crate::lab::check::Findings;
use crate::lab::event::Keyed;
use crate::lab::world::{Claim, Life, World};

type Key = (String, String);

/// The jobs that have a key, by queue and key.
pub(super) type ByKey<'a> = HashMap<(&'a str, &'a str), Vec<(&'a Key, &'a Life, &'a Keyed)>>;

pub(super) fn by_key(world: &World) -> ByKey<'_> {
    let mut by_key = ByKey::new();
    for (job, life) in &world.jobs {
        if let Some(keyed) = keyed(life) {
            by_key.entry((&job.0, &keyed.key)).or_default().push((job, life, keyed));
        }
    }
    by_key
}

fn keyed(life: &Life) -> Option<&Keyed> {
    life.first()?.dedup.as_ref()
}

/// Modes in which a key is held while its owner has not ended.
fn is_held_by_life(mode: &str) -> bool {
    matches!(mode, "simple" | "replace" | "keep_last")
}

pub(super) fn check(world: &World, findings: &mut Findings) {
    for jobs in by_key(world).values() {
        one_at_a_time(world, jobs, findings);
        one_a_window(jobs, findings);
    }
    for (job, life) in &world.jobs {
        left_out(world, job, life, findings);
    }
}

/// Tells whether another job of its key may have taken the place of one that is nowhere: it never ran, and one that was sent while
/// or after it came is there, or was.
pub(super) fn may_have_been_replaced(by_key: &ByKey<'_>, job: &Key, life: &Life) -> bool {
    let (Some(own), Some((sent, _))) = (keyed(life), life.sent.first()) else { return false };
    if !matches!(own.mode.as_str(), "debounce" | "replace" | "keep_last") || !life.claims.is_empty() {
        return false;
    }
    by_key.get(&(job.0.as_str(), own.key.as_str())).is_some_and(|jobs| {
        jobs.iter().any(|(other, life, _)| {
            let came_later =
                life.acknowledged.iter().any(|(_, at)| sent < at) || life.acknowledged.is_empty();
            let is_there = !life.last.is_empty() || life.was_ordered("remove", 0, u64::MAX);
            *other != job && came_later && is_there
        })
    })
}

/// Until when a claim was certainly held: until its worker began to settle it, and not without its lease.
fn until(world: &World, life: &Life, claim: &Claim) -> u64 {
    let lease = world.workers.get(&claim.worker).map_or(0, |session| session.lease - session.lease / 8);
    let settled = life.settles_of(claim.token).map(|settle| settle.began).min();
    settled.unwrap_or(u64::MAX).min(claim.began + lease)
}

/// Of jobs that hold their key while they live only one is in hand at a time.
fn one_at_a_time(world: &World, jobs: &[(&Key, &Life, &Keyed)], findings: &mut Findings) {
    let mut held: Vec<(u64, u64, &Key)> = Vec::new();
    for (job, life, _) in jobs.iter().filter(|(.., keyed)| is_held_by_life(&keyed.mode)) {
        held.extend(life.claims.iter().map(|claim| (claim.at, until(world, life, claim), *job)));
    }
    held.sort_unstable();
    let mut longest: Option<(u64, &Key)> = None;
    for (from, until, job) in held {
        if let Some((_, other)) = longest.filter(|(end, other)| from < *end && *other != job) {
            let what = format!("given out while {} was in hand, which has the same key", other.1);
            findings.add("I16", Some(job), what);
        }
        if longest.is_none_or(|(end, _)| end < until) {
            longest = Some((until, job));
        }
    }
}

/// Returns when a job was taken in at the latest.
fn taken_in(life: &Life) -> Option<u64> {
    life.acknowledged.iter().map(|(_, at)| *at).min()
}

/// Of throttled jobs one is taken in a window.
fn one_a_window(jobs: &[(&Key, &Life, &Keyed)], findings: &mut Findings) {
    let mut taken: Vec<(u64, u64, &Key, u64)> = Vec::new();
    for (job, life, keyed) in jobs.iter().filter(|(.., keyed)| keyed.mode == "throttle") {
        if let (Some((sent, _)), Some(at)) = (life.sent.first(), taken_in(life)) {
            taken.push((at, *sent, job, keyed.window));
        }
    }
    taken.sort_unstable();
    for pair in taken.windows(2) {
        let [(at, sent, other, window), (again, sent_again, job, _)] = pair else { continue };
        if at < sent_again && *again < sent + window {
            let what = format!("taken in within the window of {}, which has the same key", other.1);
            findings.add("I16", Some(job), what);
        }
    }
}

/// Who is left out is so for a job of its key, which holds it.
fn left_out(world: &World, job: &Key, life: &Life, findings: &mut Findings) {
    let (Some(own), Some((sent, _))) = (keyed(life), life.sent.first()) else { return };
    for owner in &life.left_out {
        let owner = (job.0.clone(), owner.clone());
        let Some(of_owner) = world.jobs.get(&owner) else { continue };
        let mut wrong = |what: String| findings.add("I16", Some(job), what);
        if keyed(of_owner).is_none_or(|theirs| theirs.key != own.key) {
            wrong(format!("left out for {}, which has another key", owner.1));
            continue;
        }
        let is_over = taken_in(of_owner).is_some_and(|at| at + own.window < *sent);
        if own.mode == "throttle" && is_over {
            wrong(format!("left out for {}, whose window was over", owner.1));
        }
        let has_ended = |(at, applied): (u64, bool)| applied && at < *sent;
        let mut ends = of_owner.settles.iter().filter(|settle| settle.ending.kind.is_end());
        let ended = ends.any(|settle| settle.answer.is_some_and(has_ended));
        if is_held_by_life(&own.mode) && ended && !of_owner.was_ordered("retry", 0, u64::MAX) {
            wrong(format!("left out for {}, which had ended", owner.1));
        }
    }
}
