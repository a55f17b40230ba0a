//! I1, I7, I8 and I18: what becomes of each job.

use crate::lab::check::Findings;
use crate::lab::check::claims::{Cause, cause};
use crate::lab::check::{dedup, kin};
use crate::lab::event::{Fate, Kind};
use crate::lab::world::{Life, World};

type Key = (String, String);

pub(super) fn check(world: &World, findings: &mut Findings) {
    // A run that was not looked at when it was over says nothing of how jobs end.
    let is_over = world.phase("end").is_some();
    let max_crashes = world.workers.values().map(|worker| worker.max_crashes).max().unwrap_or(u32::MAX);
    let by_key = dedup::by_key(world);
    for (key, life) in &world.jobs {
        let was_replaced = life.last.is_empty() && dedup::may_have_been_replaced(&by_key, key, life);
        if is_over && !was_replaced {
            end(world, key, life, max_crashes, findings);
        }
        refused(key, life, findings);
        poison(world, key, life, max_crashes, findings);
    }
}

fn end(world: &World, key: &Key, life: &Life, max_crashes: u32, findings: &mut Findings) {
    if life.sent.is_empty() {
        if !life.last.is_empty() {
            findings.add("I7", Some(key), "it is in the store, and nobody sent it");
        }
        return;
    }
    match life.last.as_slice() {
        [] => absent(key, life, findings),
        [(state, crashes)] => {
            if *state == "failed" && max_crashes <= *crashes && life.fate() != Fate::Kills {
                return given_up(world, key, life, *crashes, findings);
            }
            if !kin::may_have_ended_with(world, life, state) {
                stands(key, life, (state, *crashes), max_crashes, findings);
            }
        }
        [_, more @ ..] => {
            let what = format!("it is in the store {} times", more.len() + 1);
            findings.add(if 1 < life.sent.len() { "I8" } else { "I7" }, Some(key), what);
        }
    }
}

/// I1: an acknowledged job is nowhere.
fn absent(key: &Key, life: &Life, findings: &mut Findings) {
    if life.acknowledged.is_empty() || life.was_ordered("remove", 0, u64::MAX) {
        return;
    }
    let vanishes = life.first().is_some_and(|sent| sent.vanishes);
    if !vanishes || !life.may_have_ended_as(Kind::Complete) {
        findings.add("I1", Some(key), "it was acknowledged and is nowhere");
    } else if life.effects.is_empty() {
        findings.add("I1", Some(key), "it completed and had no effect");
    }
}

/// I1: an acknowledged job has ended, as it had to.
fn stands(key: &Key, life: &Life, (state, crashes): (&str, u32), max_crashes: u32, findings: &mut Findings) {
    let mut wrong = |what: String| findings.add("I1", Some(key), what);
    let cancelled = life.was_ordered("cancel", 0, u64::MAX);
    match state {
        "completed" => {
            if life.effects.is_empty() {
                wrong("it completed and had no effect".into());
            }
            if life.fate() != Fate::Completes {
                wrong(format!("it completed, though it {:?}", life.fate()));
            }
        }
        "failed" => {
            let is_given_up = max_crashes <= crashes && life.fate() == Fate::Kills;
            let has_failed = life.fate() == Fate::Fails && life.may_have_ended_as(Kind::Fail);
            if !is_given_up && !has_failed {
                wrong(format!("it failed, though it {:?}", life.fate()));
            }
            let (attempts, runs) = (life.first().map_or(0, |sent| sent.attempts), life.runs.len());
            if has_failed && runs < attempts as usize {
                wrong(format!("it failed after {runs} of its {attempts} attempts"));
            }
        }
        "cancelled" if cancelled => {}
        "cancelled" => wrong("it was cancelled, and nobody said so".into()),
        other => wrong(format!("it is still {other}")),
    }
}

/// I18: no job is given up that has not lost as many processes as are borne.
fn given_up(world: &World, key: &Key, life: &Life, crashes: u32, findings: &mut Findings) {
    let seen = life.deaths(|before, again| cause(world, life, before, again) == Some(Cause::Lease));
    let deaths = seen + unseen_deaths(world, life);
    if deaths < crashes as usize {
        let what = format!("it was given up for {crashes} deaths, and had lost {deaths} processes");
        findings.add("I18", Some(key), what);
    }
}

/// Counts the deaths with claims that nobody had the time to write down: a later claim told of one more, and a process ended
/// meanwhile.
fn unseen_deaths(world: &World, life: &Life) -> usize {
    let (mut from, mut told, mut unseen) = (life.sent.first().map_or(0, |(at, _)| *at), 0, 0);
    for (place, claim) in life.claims.iter().enumerate() {
        let before = place.checked_sub(1).and_then(|place| life.claims.get(place));
        let seen = before.is_some_and(|before| cause(world, life, before, claim) == Some(Cause::Lease));
        let has_ended = |at: u64| (from..claim.at).contains(&at);
        let mut exits = world.processes.values().filter_map(|process| process.exit);
        if told + u32::from(seen) < claim.crashes && exits.any(|(at, _)| has_ended(at)) {
            unseen += 1;
        }
        (from, told) = (claim.at, claim.crashes);
    }
    unseen
}

/// I7: what the store refused is not there.
fn refused(key: &Key, life: &Life, findings: &mut Findings) {
    let was_refused = !life.sent.is_empty() && life.refused == life.sent.len();
    if was_refused && !(life.claims.is_empty() && life.runs.is_empty() && life.last.is_empty()) {
        findings.add("I7", Some(key), "it was refused and is there all the same");
    }
}

/// I18: a job that kills its process does so no more often than is borne; nothing is held against it where its worker was
/// about to stop.
fn poison(world: &World, key: &Key, life: &Life, max_crashes: u32, findings: &mut Findings) {
    let was_told = |pid: u32, until: u64| {
        let process = world.processes.get(&pid);
        process.is_some_and(|process| {
            process.signals.iter().any(|(at, signal)| signal == "SIGTERM" && *at < until)
        })
    };
    let costs = life.runs.iter().filter(|(at, pid, ..)| !was_told(*pid, *at)).count();
    if life.fate() == Fate::Kills && (max_crashes as usize) < costs {
        findings.add("I18", Some(key), format!("it cost {costs} processes, of at most {max_crashes}"));
    }
}
