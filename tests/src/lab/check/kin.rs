//! I15: who waits for others starts when these have ended as it wants, and is not left behind.

use serde::{Deserialize, Serialize};

use crate::lab::check::Findings;
use crate::lab::check::report::Times;
use crate::lab::event::{Kind, Wait};
use crate::lab::world::{Life, World};

type Key = (String, String);

/// What is counted of jobs that wait for others.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Kin {
    /// How many were taken in.
    pub children: usize,
    /// How many of them ended with one that they waited for.
    pub ended_with: usize,
    /// How many came after all that they wait for had ended.
    pub late: usize,
    /// How long after the last of those had ended the others were given out.
    pub given_after: Times,
}

/// When a job may have ended, at the earliest: in one way or the other. A call that was made may have been carried out at once.
#[derive(Debug, Clone, Copy, Default)]
struct Ends {
    completed: Option<u64>,
    otherwise: Option<u64>,
}

impl Ends {
    fn of(world: &World, life: &Life) -> Self {
        let settled = |is: fn(Kind) -> bool| {
            let settles =
                life.settles.iter().filter(move |settle| is(settle.ending.kind) && settle.may_hold());
            settles.map(|settle| settle.began).min()
        };
        let is_order = |order: &str| matches!(order, "cancel" | "remove");
        let ordered =
            life.orders.iter().filter(|(_, at, order, done)| is_order(order) && (at.is_none() || *done));
        let given_up = life.last.iter().filter(|(state, crashes)| state == "failed" && *crashes != 0);
        let with = waits(life).iter().filter(|wait| wait.policy != "run");
        let with = with.filter_map(|wait| Self::of(world, world.jobs.get(&parent(wait))?).otherwise);
        let otherwise = settled(|kind| matches!(kind, Kind::Fail | Kind::Cancel))
            .into_iter()
            .chain(ordered.map(|(began, ..)| *began))
            .chain(given_up.filter_map(|_| Some(life.claims.last()?.at)))
            .chain(with);
        Self { completed: settled(|kind| kind == Kind::Complete), otherwise: otherwise.min() }
    }

    /// When one that waits under this policy may have gone on.
    fn counts(self, policy: &str) -> Option<u64> {
        let otherwise = self.otherwise.filter(|_| policy == "run");
        self.completed.into_iter().chain(otherwise).min()
    }
}

fn waits(life: &Life) -> &[Wait] {
    life.first().map_or(&[], |sent| &sent.waits)
}

fn parent(wait: &Wait) -> Key {
    (wait.queue.clone(), wait.job.clone())
}

/// Tells whether a job that never ran may have ended so with another one.
pub(super) fn may_have_ended_with(world: &World, life: &Life, state: &str) -> bool {
    let policy = match state {
        "failed" => "fail",
        "cancelled" => "cancel",
        _ => return false,
    };
    let of = |wait: &&Wait| world.jobs.get(&parent(wait)).map(|life| Ends::of(world, life));
    let mut broken = waits(life).iter().filter(|wait| wait.policy == policy);
    (life.claims.is_empty() || life.was_ordered("retry", 0, u64::MAX))
        && broken.any(|wait| of(&wait).is_some_and(|ends| ends.otherwise.is_some()))
}

pub(super) fn check(world: &World, findings: &mut Findings) -> Kin {
    let (mut kin, mut times) = (Kin::default(), Vec::new());
    for (key, life) in world.jobs.iter().filter(|(_, life)| !waits(life).is_empty()) {
        early(world, key, life, findings);
        left_behind(world, key, life, findings);
        kin.count(world, life, &mut times);
    }
    kin.given_after = Times::of(times, None);
    kin
}

/// Nobody starts before each that it waits for has ended, as it wants it.
fn early(world: &World, key: &Key, life: &Life, findings: &mut Findings) {
    for wait in waits(life) {
        let ends = world.jobs.get(&parent(wait)).map_or_else(Ends::default, |life| Ends::of(world, life));
        let may_go_on = ends.counts(&wait.policy).unwrap_or(u64::MAX);
        if let Some(claim) = life.claims.iter().find(|claim| claim.at < may_go_on) {
            let (at, job, policy) = (claim.at, &wait.job, &wait.policy);
            let what = if ends.otherwise.is_some_and(|end| end <= at) {
                format!("given out at {at}, though {job} did not complete and its policy is {policy}")
            } else {
                format!("given out at {at}, and {job}, which it waits for, had not ended")
            };
            findings.add("I15", Some(key), what);
        }
    }
}

/// Nobody is blocked any more once all that it waits for have ended or are gone.
fn left_behind(world: &World, key: &Key, life: &Life, findings: &mut Findings) {
    let is_left = |life: &Life| life.last.iter().any(|(state, _)| is_unfinished(state));
    let waits_for = |wait: &Wait| world.jobs.get(&parent(wait)).is_some_and(is_left);
    if life.last.iter().any(|(state, _)| state == "blocked") && !waits(life).iter().any(waits_for) {
        findings.add("I15", Some(key), "it is still blocked, and nobody is left that it waits for");
    }
}

fn is_unfinished(state: &str) -> bool {
    matches!(state, "waiting" | "delayed" | "active" | "blocked")
}

impl Kin {
    fn count(&mut self, world: &World, life: &Life, times: &mut Vec<u64>) {
        let (Some((sent, own)), Some((_, acknowledged))) = (life.sent.first(), life.acknowledged.first())
        else {
            return;
        };
        self.children += 1;
        if life.claims.is_empty()
            && life.last.iter().any(|(state, _)| may_have_ended_with(world, life, state))
        {
            self.ended_with += 1;
        }
        let answered = |wait: &Wait| {
            let ends =
                world.jobs.get(&parent(wait))?.settles.iter().filter(|settle| settle.ending.kind.is_end());
            ends.filter_map(|settle| settle.answer.filter(|(_, applied)| *applied)).map(|(at, _)| at).min()
        };
        let Some(ended) = waits(life).iter().map(answered).collect::<Option<Vec<u64>>>() else { return };
        let ended = ended.into_iter().max().unwrap_or_default();
        self.late += usize::from(ended < *sent);
        let is_paused = world.pauses.iter().any(|pause| pause.queue == own.queue);
        if let Some(claim) =
            life.claims.first().filter(|_| *acknowledged < ended && own.delay == 0 && !is_paused)
        {
            times.push(claim.at.saturating_sub(ended));
        }
    }
}
