//! I2 to I6: what may be claimed, when, and by whom it may be settled.

use crate::lab::check::Findings;
use crate::lab::event::Kind;
use crate::lab::world::{Claim, Fault, Life, World};

type Key = (String, String);

pub(super) fn check(world: &World, findings: &mut Findings) {
    for (key, life) in &world.jobs {
        integrity(key, life, findings);
        repeats(world, key, life, findings);
        exclusive(world, key, life, findings);
        fenced(key, life, findings);
        ended(key, life, findings);
    }
    for seen in &world.doubled {
        findings.add("I4", Some(&seen.job), "a token came a second time");
    }
    extensions(world, findings);
}

/// I2: what runs was sent, as it was sent.
fn integrity(key: &Key, life: &Life, findings: &mut Findings) {
    let sent_before = |time: u64| life.sent.iter().any(|(at, _)| *at <= time);
    if let Some(claim) = life.claims.iter().find(|claim| !sent_before(claim.at)) {
        findings.add("I2", Some(key), format!("claimed at {} and never sent before", claim.at));
    }
    for (at, _, attempt, digest) in &life.runs {
        if !life.sent.is_empty() && life.sent.iter().all(|(_, sent)| sent.digest != *digest) {
            findings.add("I2", Some(key), format!("attempt {attempt} at {at} got other arguments"));
        }
    }
}

/// I3: no more attempts than it has, no more crashes than are borne.
fn repeats(world: &World, key: &Key, life: &Life, findings: &mut Findings) {
    let Some(sent) = life.first() else { return };
    let is_retried = life.orders.iter().any(|(_, _, order, _)| order == "retry");
    for claim in &life.claims {
        let Some(session) = world.workers.get(&claim.worker) else { continue };
        if !is_retried && sent.attempts < claim.attempt {
            let (attempt, of) = (claim.attempt, sent.attempts);
            findings.add("I3", Some(key), format!("attempt {attempt} of {of}"));
        }
        if session.max_crashes != 0 && session.max_crashes <= claim.crashes {
            let (crashes, most) = (claim.crashes, session.max_crashes);
            findings.add("I18", Some(key), format!("given out after {crashes} crashes of at most {most}"));
        }
    }
}

/// Why a job was given out again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cause {
    Retry,
    GivenBack,
    Lease,
    Ordered,
}

/// Returns what let a job be claimed again after a claim, if anything did.
pub(super) fn cause(world: &World, life: &Life, before: &Claim, again: &Claim) -> Option<Cause> {
    orders(before, again).find_map(|(before, again)| cause_in_order(world, life, before, again))
}

/// The orders in which the store may have carried two claims out, of which the answers came in this one: an answer that
/// was long under way, or that its process could not read for long, may be that of the earlier claim, unless it counts more.
fn orders<'a>(before: &'a Claim, again: &'a Claim) -> impl Iterator<Item = (&'a Claim, &'a Claim)> {
    let may_be_earlier = again.attempt <= before.attempt && again.crashes <= before.crashes;
    let swapped = (again.began < before.at && may_be_earlier).then_some((again, before));
    std::iter::once((before, again)).chain(swapped)
}

fn cause_in_order(world: &World, life: &Life, before: &Claim, again: &Claim) -> Option<Cause> {
    if life.was_ordered("retry", before.began, again.at) {
        return Some(Cause::Ordered);
    }
    let settles = life.settles_of(before.token).filter(|settle| settle.began <= again.at);
    for settle in settles.filter(|settle| settle.may_hold()) {
        match settle.ending.kind {
            Kind::Retry | Kind::Snooze => return Some(Cause::Retry),
            Kind::Release => return Some(Cause::GivenBack),
            // If it was carried out, the other invariant says so.
            Kind::Complete | Kind::Fail | Kind::Cancel => {}
        }
    }
    let session = world.workers.get(&before.worker)?;
    if session.leaving.is_some_and(|leaving| leaving <= again.at) {
        return Some(Cause::GivenBack);
    }
    session.may_have_lapsed(before, again).then_some(Cause::Lease)
}

/// I4 (and I3 without a fault): a job is given out again only when its claim is settled, given back or run out.
fn exclusive(world: &World, key: &Key, life: &Life, findings: &mut Findings) {
    let calm = world.phase("calm");
    for pair in life.claims.windows(2) {
        let [before, again] = pair else { continue };
        let Some(cause) = cause(world, life, before, again) else {
            findings.add(
                "I4",
                Some(key),
                format!("claimed at {}, while the lease of a claim stood", again.at),
            );
            continue;
        };
        let is_calm = calm.is_some_and(|(from, until)| from < again.began && again.at < until);
        if is_calm && matches!(cause, Cause::Lease | Cause::GivenBack) {
            findings.add("I3", Some(key), format!("given out again ({cause:?}) while nothing was wrong"));
        } else if cause == Cause::Lease && !is_explained(world, life, before, again) {
            let what = "its lease ran out, and nobody had done anything to its process";
            findings.add("I3", Some(key), what);
        }
    }
}

/// Tells whether, in one of the orders that two claims may have had, more than a lease that ran out by itself explains
/// the second.
fn is_explained(world: &World, life: &Life, before: &Claim, again: &Claim) -> bool {
    orders(before, again).any(|(before, again)| match cause_in_order(world, life, before, again) {
        Some(Cause::Lease) => is_somebodys_doing(world, before, again),
        cause => cause.is_some(),
    })
}

/// Tells whether a process was killed, stopped or cut off between two claims, or ended by itself.
///
/// Only where faults are written down: a simulation's weather is not.
fn is_somebodys_doing(world: &World, before: &Claim, again: &Claim) -> bool {
    let (from, until) = (before.began, again.at);
    let Some(session) = world.workers.get(&before.worker).filter(|_| world.phase("faults").is_some()) else {
        return true;
    };
    let process = world.processes.get(&before.pid);
    let was_hit = process.is_some_and(|process| {
        let signalled = process.signals.iter().any(|(at, _)| (from..=until).contains(at));
        signalled || process.exit.is_some_and(|(at, _)| at <= until + session.lease)
    });
    let cuts_off = |fault: &Fault| {
        let is_near =
            fault.began <= until && from <= fault.ended.unwrap_or(u64::MAX).saturating_add(session.lease);
        let reaches = fault.target.is_empty() || fault.target == session.name;
        is_near && reaches && !matches!(fault.kind.as_str(), "poison" | "queue-pause" | "script-flush")
    };
    was_hit || world.faults.iter().any(cuts_off)
}

/// I5: of all settles only that of the latest claim is carried out, once.
fn fenced(key: &Key, life: &Life, findings: &mut Findings) {
    for claim in &life.claims {
        let applied = life.settles_of(claim.token).filter(|settle| settle.answer.is_some_and(|(_, yes)| yes));
        if 1 < applied.count() {
            findings.add("I5", Some(key), "one claim was settled twice");
        }
    }
    for settle in life.settles.iter().filter(|settle| settle.answer.is_some_and(|(_, yes)| yes)) {
        let own = life.claims.iter().find(|claim| claim.token == settle.ending.token);
        let later = |claim: &&Claim| own.is_some_and(|own| own.at < claim.began) && claim.at < settle.began;
        if let Some(later) = life.claims.iter().find(later) {
            findings.add(
                "I5",
                Some(key),
                format!("settled by a claim of the past: another one was given at {}", later.at),
            );
        }
    }
}

/// I5: a claim that is past is not extended.
fn extensions(world: &World, findings: &mut Findings) {
    for (began, token) in &world.extended {
        let Some(seen) = world.tokens.get(token) else { continue };
        let Some(life) = world.jobs.get(&seen.job) else { continue };
        let later = |claim: &&Claim| seen.at < claim.began && claim.at < *began;
        if let Some(later) = life.claims.iter().find(later) {
            let (at, given) = (began, later.at);
            findings.add("I5", Some(&seen.job), format!("extended at {at}, though given out at {given}"));
        }
    }
}

/// I6: what has ended is not given out again, unless somebody ordered it.
fn ended(key: &Key, life: &Life, findings: &mut Findings) {
    let ends = life.settles.iter().filter(|settle| settle.ending.kind.is_end());
    for settle in ends {
        let Some((at, true)) = settle.answer else { continue };
        let again = life.claims.iter().find(|claim| at < claim.began);
        if let Some(again) = again
            && !life.was_ordered("retry", settle.began, again.at)
        {
            let what =
                format!("ended ({:?}) at {at} and given out again at {}", settle.ending.kind, again.at);
            findings.add("I6", Some(key), what);
        }
    }
}
