//! Flows of ten jobs, drawn by lot, each with two lives, and what must become of them.

use std::time::Duration;

use asyncmq::{Dependency, Flow, JobState, OnFailure};
use asyncmq_tests::flows::{End, QUEUES, step};
use asyncmq_tests::servers::dice::Dice;

use super::oracle::{Edges, states};

/// How many jobs a flow has.
pub(super) const NODES: usize = 10;

/// A job of a flow.
pub(super) struct Planned {
    pub(super) parents: Vec<(usize, OnFailure)>,
    /// Those of its parents whose outputs it takes. They complete, or it does not run.
    fed_by: Vec<usize>,
    /// How its attempts end, in its first life and in its second.
    lives: [Vec<End>; 2],
    queue: &'static str,
    micros: u64,
    delay: Duration,
}

/// A flow.
pub(super) struct Plan {
    pub(super) id: String,
    pub(super) shape: &'static str,
    pub(super) nodes: Vec<Planned>,
    /// Whether what fails in it begins anew.
    pub(super) is_begun_anew: bool,
}

fn index(dice: &mut Dice, below: usize) -> usize {
    usize::try_from(dice.below(below as u64)).unwrap()
}

/// Returns for which earlier jobs each waits: a chain, a fan, three diamonds, or whatever is drawn.
fn shape(dice: &mut Dice) -> (&'static str, Vec<Vec<usize>>) {
    let last = NODES - 1;
    let each = |parents: &dyn Fn(usize) -> Vec<usize>| (0..NODES).map(parents).collect();
    match dice.below(4) {
        0 => ("chain", each(&|place| place.checked_sub(1).into_iter().collect())),
        1 => (
            "fan",
            each(&|place| match place {
                0 => Vec::new(),
                place if place == last => (1..last).collect(),
                _ => vec![0],
            }),
        ),
        // 0, then 1 and 2, then 3, from which 4 and 5 lead to 6, and so on.
        2 => (
            "diamonds",
            each(&|place| match place % 3 {
                0 if place == 0 => Vec::new(),
                0 => vec![place - 2, place - 1],
                rest => vec![place - rest],
            }),
        ),
        _ => {
            let parents = |place: usize| {
                let drawn = if place == 0 { 0 } else { dice.below(4) };
                let mut parents: Vec<usize> = (0..drawn).map(|_| index(dice, place)).collect();
                parents.sort_unstable();
                parents.dedup();
                parents
            };
            ("random", (0..NODES).map(parents).collect())
        }
    }
}

fn policy(dice: &mut Dice) -> OnFailure {
    match dice.below(20) {
        0..12 => OnFailure::Fail,
        12..17 => OnFailure::Run,
        _ => OnFailure::Cancel,
    }
}

fn life(dice: &mut Dice) -> Vec<End> {
    match dice.below(100) {
        0..80 => vec![End::Complete],
        80..88 => vec![End::Retry, End::Complete],
        88..92 => vec![End::Retry, End::Retry, End::Fail],
        92..97 => vec![End::Fail],
        _ => vec![End::Cancel],
    }
}

fn planned(parents: Vec<usize>, dice: &mut Dice) -> Planned {
    let parents: Vec<_> = parents.into_iter().map(|parent| (parent, policy(dice))).collect();
    let feeds = |(parent, policy): &(usize, OnFailure)| (*policy == OnFailure::Fail).then_some(*parent);
    let fed_by = parents.iter().filter_map(feeds).filter(|_| dice.below(2) == 0).collect();
    let delay = if dice.below(20) == 0 { 1 + dice.below(100) } else { 0 };
    Planned {
        parents,
        fed_by,
        lives: [life(dice), life(dice)],
        queue: QUEUES[index(dice, QUEUES.len())],
        micros: [0, 2_000, 10_000, 30_000][index(dice, 4)],
        delay: Duration::from_millis(delay),
    }
}

impl Plan {
    pub(super) fn draw(id: String, dice: &mut Dice) -> Self {
        let (shape, parents) = shape(dice);
        let nodes = parents.into_iter().map(|parents| planned(parents, dice)).collect();
        Self { id, shape, nodes, is_begun_anew: dice.below(2) == 0 }
    }

    /// Tells whether all of it completes at once.
    pub(super) fn completes(&self) -> bool {
        self.ends()[0].iter().all(|states| *states == [JobState::Completed])
    }

    /// The id of one of its jobs.
    pub(super) fn job(&self, place: usize) -> String {
        format!("{}.{place}", self.id)
    }

    pub(super) fn flow(&self) -> Flow {
        let mut flow = Flow::with_id(&self.id);
        let mut nodes = Vec::new();
        for planned in &self.nodes {
            let feeds: Vec<_> =
                planned.fed_by.iter().map(|parent| asyncmq::Node::clone(&nodes[*parent])).collect();
            let expected = planned.fed_by.iter().map(|parent| self.job(*parent)).collect::<Vec<_>>();
            let waits = planned.parents.iter().filter(|(parent, _)| !planned.fed_by.contains(parent));
            let waits = waits.map(|(parent, policy)| Dependency::from(&nodes[*parent]).on_failure(*policy));
            let waits: Vec<Dependency> = waits.collect();
            let [first, second] = planned.lives.clone();
            let job = step::with((first, second), planned.micros, expected, feeds);
            let job = job.depends_on(waits).queue(planned.queue);
            nodes.push(flow.add(if planned.delay.is_zero() { job } else { job.delay(planned.delay) }));
        }
        flow
    }

    fn edges(&self) -> impl Iterator<Item = &Edges> {
        self.nodes.iter().map(|node| node.parents.as_slice())
    }

    /// Returns in which states each job may be at the end of both lives.
    pub(super) fn ends(&self) -> [Vec<Vec<JobState>>; 2] {
        let own = |place: usize, life: usize| match self.nodes[place].lives[life].last() {
            Some(End::Fail | End::Retry) => JobState::Failed,
            Some(End::Cancel) => JobState::Cancelled,
            Some(End::Complete) | None => JobState::Completed,
        };
        let first = states(self.edges(), |place| own(place, 0));
        if !self.is_begun_anew {
            return [first.clone(), first];
        }
        // What completed stays, whatever becomes of its parents.
        let stays = |place: usize| first[place] == [JobState::Completed];
        let left = self.nodes.iter().enumerate();
        let left: Vec<_> =
            left.map(|(place, node)| if stays(place) { &[] } else { node.parents.as_slice() }).collect();
        let second = states(left, |place| if stays(place) { JobState::Completed } else { own(place, 1) });
        [first, second]
    }
}
