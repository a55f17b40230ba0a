//! I13: never more jobs run, or start in a time, than what they are held to lets.

use std::collections::HashMap;

use crate::lab::check::Findings;
use crate::lab::event::{Hold, Rate};
use crate::lab::world::{Claim, Life, World};

type Key = (String, String);

/// How far a store's clock and that of the lines may drift apart within a window, in microseconds.
const DRIFT: u64 = 1_000;

/// What a history shows of the jobs that limits hold.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Used {
    /// How many starts there were.
    pub(super) starts: usize,
    /// Of the most crowded group, how many were certainly in hand at once.
    pub(super) most: usize,
}

/// A claim of a job that a limit holds: when the call was made and answered, and until when the job was certainly in hand.
#[derive(Debug, Clone, Copy)]
struct Start<'a> {
    began: u64,
    at: u64,
    until: u64,
    job: &'a Key,
}

pub(super) fn check(world: &World, findings: &mut Findings) -> Used {
    let mut used = Used::default();
    for hold in &world.holds {
        for starts in by_place(world, hold).values_mut() {
            starts.sort_by_key(|start| (start.began, start.at));
            used.starts += starts.len();
            if let Some(most) = hold.most {
                used.most = used.most.max(at_once(starts, most as usize, findings));
            }
            if let Some(rate) = hold.rate {
                in_a_time(starts, rate, findings);
            }
        }
    }
    used
}

/// The starts of a task's jobs, by their key: a task whose jobs have none is one group.
fn by_place<'a>(world: &'a World, hold: &Hold) -> HashMap<Option<&'a str>, Vec<Start<'a>>> {
    let mut groups: HashMap<_, Vec<_>> = HashMap::new();
    for (job, life) in &world.jobs {
        let Some(sent) = life.first().filter(|sent| job.0 == hold.queue && sent.task == hold.task) else {
            continue;
        };
        let group = groups.entry(sent.turn.as_deref()).or_default();
        for (place, claim) in life.claims.iter().enumerate() {
            let until = until(world, life, claim, life.claims.get(place + 1));
            group.push(Start { began: claim.began, at: claim.at, until, job });
        }
    }
    groups
}

/// Until when a claim was certainly held: neither settled nor given back nor out of its lease.
fn until(world: &World, life: &Life, claim: &Claim, next: Option<&Claim>) -> u64 {
    let Some(session) = world.workers.get(&claim.worker) else { return claim.at };
    let lease = session.stood_until(claim, u64::MAX);
    let settled = life.settles_of(claim.token).map(|settle| settle.began);
    let ordered = life.orders.iter().filter(|order| order.2 == "remove").map(|order| order.0);
    let ends = settled.chain(ordered).chain(session.leaving).chain(next.map(|next| next.began));
    ends.filter(|end| claim.began <= *end).fold(lease, u64::min)
}

/// Returns how many were in hand at once, at most.
fn at_once(starts: &[Start<'_>], most: usize, findings: &mut Findings) -> usize {
    let mut by_answer: Vec<_> = starts.iter().filter(|start| start.at < start.until).collect();
    by_answer.sort_by_key(|start| start.at);
    let (mut held, mut greatest): (Vec<&Start<'_>>, usize) = (Vec::new(), 0);
    for start in by_answer {
        held.retain(|other| start.at < other.until);
        held.push(start);
        greatest = greatest.max(held.len());
        if most < held.len() {
            let what = format!("in hand at {} with {} others, of at most {most}", start.at, held.len() - 1);
            findings.add("I13", Some(start.job), what);
        }
    }
    greatest
}

/// Whatever was asked for after a time and answered before another one started between them.
fn in_a_time(starts: &[Start<'_>], rate: Rate, findings: &mut Findings) {
    let permits = u64::from(rate.permits);
    for (place, first) in starts.iter().enumerate() {
        let longest = if rate.sliding { rate.interval.saturating_sub(DRIFT) } else { 3 * rate.interval };
        let within = starts[place..].iter().take_while(|start| start.began < first.began + longest);
        let mut answers: Vec<_> = within.map(|start| start.at - first.began).collect();
        answers.retain(|after| *after < longest);
        answers.sort_unstable();
        let allowed = |after: u64| match rate.sliding {
            true => permits,
            false => permits + permits * (after + DRIFT) / rate.interval,
        };
        let above = (1_u64..).zip(&answers).find(|(count, after)| allowed(**after) < *count);
        if let Some((count, after)) = above {
            let what = format!("{count} started within {after} us, of at most {}", allowed(*after));
            findings.add("I13", Some(first.job), what);
        }
    }
}
