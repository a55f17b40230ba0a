//! I9 and I14: nothing runs early, nor while its queue is paused.

use crate::lab::check::Findings;
use crate::lab::event::Kind;
use crate::lab::world::{Claim, Life, World};

type Key = (String, String);

pub(super) fn check(world: &World, findings: &mut Findings) {
    for (key, life) in &world.jobs {
        early(key, life, findings);
        paused(world, key, life, findings);
    }
}

/// How far a store's clock, which is set right now and then, and the clock of the lines may drift apart, in microseconds.
const DRIFT: u64 = 1_000;

/// I9: a job that is delayed is claimed no sooner than it is due.
fn early(key: &Key, life: &Life, findings: &mut Findings) {
    let due = life.sent.iter().map(|(at, sent)| at + sent.delay).min();
    if let (Some(due), Some(claim)) = (due, life.claims.first())
        && claim.at + DRIFT < due
        && !life.orders.iter().any(|(_, _, order, _)| matches!(order.as_str(), "promote" | "retry"))
    {
        findings.add("I9", Some(key), format!("claimed {} us before it was due", due - claim.at));
    }
    for settle in life.settles.iter().filter(|settle| settle.answer.is_some_and(|(_, applied)| applied)) {
        let is_retry = matches!(settle.ending.kind, Kind::Retry | Kind::Snooze);
        let due = settle.began + settle.ending.after;
        // The next claim may have been made in the same call, so it may have begun before the answer.
        let own = life.claims.iter().find(|claim| claim.token == settle.ending.token);
        let behind =
            |claim: &&Claim| own.is_some_and(|own| own.at <= claim.began && own.token != claim.token);
        let next = life.claims.iter().find(behind);
        if let Some(next) = next.filter(|next| is_retry && next.at + DRIFT < due) {
            findings.add("I9", Some(key), format!("tried again {} us before it was due", due - next.at));
        }
    }
}

/// I14: between the answer to a pause and the order to resume a queue gives nothing out.
fn paused(world: &World, key: &Key, life: &Life, findings: &mut Findings) {
    for pause in world.pauses.iter().filter(|pause| pause.queue == key.0) {
        let within = life.claims.iter().find(|claim| pause.from < claim.began && claim.at < pause.until);
        if let Some(claim) = within {
            let (at, from) = (claim.at, pause.from);
            findings.add("I14", Some(key), format!("claimed at {at}, though paused since {from}"));
        }
    }
}
