//! The jobs of the laboratory that wait for others: families that are sent at once, and latecomers behind jobs that may have ended.

use std::collections::VecDeque;
use std::time::Duration;

use asyncmq::{Dependency, JobId, OnFailure};

use crate::lab::event::{Fate, Wait};
use crate::lab::load::{self, Drawn, PAUSED, Payload};
use crate::servers::dice::Dice;

/// One of so many calls sends a family.
const FAMILIES: u64 = 35;
/// One of so many calls sends a latecomer.
const LATECOMERS: u64 = 70;
/// How many of the jobs that were sent last a latecomer may stand behind.
const KNOWN: usize = 200;

/// For which of the earlier ones each job of a family waits.
const SHAPES: [&[&[usize]]; 5] = [
    // A chain.
    &[&[], &[0], &[1]],
    // A diamond.
    &[&[], &[0], &[0], &[1, 2]],
    // Two that may end in one step, and one behind both.
    &[&[], &[], &[0, 1]],
    // A fan.
    &[&[], &[0], &[0], &[0], &[1, 2, 3]],
    // Generations that skip one.
    &[&[], &[0], &[0, 1], &[0, 1, 2]],
];

/// The jobs that somebody has sent, the latest ones.
#[derive(Default)]
pub struct Known(VecDeque<(String, String)>);

impl Known {
    /// Takes a job in; not one that may be left out for its key, or that makes room for another one.
    pub fn add(&mut self, drawn: &Drawn) {
        if drawn.sent.dedup.is_none() {
            self.0.push_front((drawn.sent.queue.clone(), drawn.sent.job.clone()));
            self.0.truncate(KNOWN);
        }
    }
}

/// Draws jobs of which some wait for others, now and then.
pub fn draw(dice: &mut Dice, known: &Known, mut id: impl FnMut() -> String) -> Option<Vec<Drawn>> {
    if dice.below(FAMILIES) == 0 {
        return Some(family(dice, id));
    }
    if dice.below(LATECOMERS) != 0 || known.0.is_empty() {
        return None;
    }
    let parents = 1 + dice.below(2);
    let parents = (0..parents).map(|_| known.0[index(dice, known.0.len())].clone());
    let parents: Vec<_> = parents.collect();
    let drawn = member(dice, id());
    Some(vec![behind(drawn, &parents, dice)])
}

fn index(dice: &mut Dice, below: usize) -> usize {
    usize::try_from(dice.below(below as u64)).unwrap_or_default()
}

fn family(dice: &mut Dice, mut id: impl FnMut() -> String) -> Vec<Drawn> {
    let shape = SHAPES[index(dice, SHAPES.len())];
    let (mut names, mut family) = (Vec::<(String, String)>::new(), Vec::new());
    for parents in shape {
        let drawn = member(dice, id());
        names.push((drawn.sent.queue.clone(), drawn.sent.job.clone()));
        let parents: Vec<_> = parents.iter().map(|parent| names[*parent].clone()).collect();
        family.push(behind(drawn, &parents, dice));
    }
    // One that is ordered about is the first that is sent; it may be any.
    let first = index(dice, family.len());
    family.rotate_left(first);
    family
}

/// Draws a job of a family: most complete at once, so that several end in one step.
fn member(dice: &mut Dice, id: String) -> Drawn {
    let payload = Payload::draw(dice);
    let wait = |payload, micros| Drawn::new("lab.wait", id.clone(), payload, load::micros_of(micros));
    let drawn = match dice.below(100) {
        0..60 => wait(payload, 0),
        60..78 => wait(payload, dice.below(100_000)),
        78..86 => load::stumbles(id, payload, dice.below(2) == 0),
        _ => load::fails(id, payload),
    };
    match dice.below(20) {
        0 => drawn.delay(Duration::from_millis(1 + dice.below(800))),
        1..4 if drawn.sent.fate == Fate::Completes => drawn.queue(PAUSED),
        _ => drawn,
    }
}

/// Lets a job wait for others, under policies drawn by lot.
fn behind(drawn: Drawn, parents: &[(String, String)], dice: &mut Dice) -> Drawn {
    let mut waits: Vec<Wait> = Vec::new();
    for (queue, job) in parents {
        let policy = OnFailure::ALL[index(dice, OnFailure::ALL.len())];
        if !waits.iter().any(|known| known.job == *job) {
            waits.push(Wait { queue: queue.clone(), job: job.clone(), policy: policy.name().to_owned() });
        }
    }
    drawn.waiting_for(waits)
}

impl Drawn {
    /// Lets it wait for others of its queue.
    #[must_use]
    pub fn behind<const N: usize>(self, others: [(&str, OnFailure); N]) -> Self {
        let queue = self.sent.queue.clone();
        let wait = |(job, policy): (&str, OnFailure)| Wait {
            queue: queue.clone(),
            job: job.to_owned(),
            policy: policy.name().to_owned(),
        };
        self.waiting_for(others.map(wait).into())
    }

    fn waiting_for(mut self, waits: Vec<Wait>) -> Self {
        let dependency = |wait: &Wait| {
            let policy = OnFailure::from_name(&wait.policy).unwrap_or_default();
            Dependency::from(JobId::from_stored(&wait.job)).on_failure(policy)
        };
        self.job = self.job.depends_on(waits.iter().map(dependency).collect::<Vec<_>>());
        self.sent.waits = waits;
        self
    }
}
