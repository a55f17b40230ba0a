//! The model's jobs that wait for others.

use asyncmq::{JobState, OnFailure};
use proptest::prelude::*;
use proptest::sample::Index;

use super::command::{Command, IDS, Mode, QUEUES, Sent, Target};
use super::reference::Model;

/// A job that another one waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Parent {
    pub(crate) target: Target,
    pub(crate) policy: OnFailure,
    pub(crate) passes: bool,
}

/// How a job stands to one that it waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Edge {
    Open,
    Counts,
    Broken,
}

/// What a job has to do with others.
#[derive(Debug, Clone, Default)]
pub(crate) struct Kin {
    edges: Vec<Edge>,
    /// What each that it waits for passed on.
    inputs: Vec<Option<u8>>,
    /// When it last looked at those: what they knew of it before is void.
    linked: u64,
    /// Those that wait for it, with the place of the edge and when they looked.
    children: Vec<(Target, usize, u64)>,
}

/// An end of which children are still to be told.
#[derive(Debug, Clone)]
pub(crate) struct Ending {
    children: Vec<(Target, usize, u64)>,
    ended: Option<JobState>,
    result: Option<u8>,
}

impl Ending {
    /// The end of a job that is removed.
    pub(crate) fn removed(kin: Kin) -> Self {
        Self { children: kin.children, ended: None, result: None }
    }
}

impl Model {
    /// Returns the place of the first job that is not there of those that a job is to wait for.
    pub(crate) fn gone_parent(&self, sent: &Sent) -> Option<usize> {
        sent.parents.iter().position(|parent| !self.jobs.contains_key(&parent.target))
    }

    /// Returns what the others passed on to a job; nothing if nobody did.
    pub(crate) fn inputs(&self, target: Target) -> Vec<Option<u8>> {
        let inputs = &self.jobs[&target].kin.inputs;
        if inputs.iter().all(Option::is_none) { Vec::new() } else { inputs.clone() }
    }

    /// Lets a blocked job look at those that it waits for.
    pub(crate) fn link(&mut self, target: Target) {
        let linked = self.number();
        let parents = self.jobs[&target].sent.parents.clone();
        let before = self.jobs[&target].kin.edges.clone();
        let mut inputs = self.jobs[&target].kin.inputs.clone();
        inputs.resize(parents.len(), None);
        let (mut edges, mut end) = (Vec::new(), None);
        for (place, parent) in parents.iter().enumerate() {
            let (found, result) =
                self.jobs.get(&parent.target).map_or((None, None), |job| (Some(job.state), job.result));
            let edge = match found {
                Some(state) if !state.is_terminal() => Edge::Open,
                None if before.get(place) == Some(&Edge::Counts) => Edge::Counts,
                ended => stands(parent.policy, ended),
            };
            if found.is_some() && self.jobs[&target].pins(place) {
                let born = self.jobs[&target].born;
                self.job(parent.target).pinned_by = Some(born);
            }
            match edge {
                Edge::Open => self.job(parent.target).kin.children.push((target, place, linked)),
                Edge::Counts if found.is_some() => inputs[place] = result.filter(|_| parent.passes),
                Edge::Counts => {}
                Edge::Broken => end = end.or(Some(parent.policy)),
            }
            edges.push(edge);
        }
        let kin = &mut self.job(target).kin;
        (kin.edges, kin.inputs, kin.linked) = (edges, inputs, linked);
        self.go_on(target, end);
    }

    /// Tells those that wait for a job that it has ended, or is removed.
    pub(crate) fn tell(&mut self, target: Target, ended: Option<JobState>) {
        let Some(job) = self.jobs.get_mut(&target) else { return };
        let children = std::mem::take(&mut job.kin.children);
        let result = job.result.filter(|_| ended == Some(JobState::Completed));
        self.tell_all(Ending { children, ended, result });
    }

    /// Tells those of them that are there, and those that wait for these.
    pub(crate) fn tell_all(&mut self, mut ending: Ending) {
        let is_there = |(child, _, linked): &(Target, usize, u64)| {
            self.jobs.get(child).is_some_and(|job| job.kin.linked == *linked)
        };
        ending.children.retain(is_there);
        if ending.children.is_empty() {
            return;
        }
        self.due.push_back(ending);
        if std::mem::replace(&mut self.telling, true) {
            return;
        }
        self.told += 1;
        while let Some(Ending { children, ended, result }) = self.due.pop_front() {
            for child in children {
                self.tell_child(child, ended, result);
            }
        }
        self.telling = false;
    }

    fn tell_child(
        &mut self,
        (child, place, linked): (Target, usize, u64),
        ended: Option<JobState>,
        result: Option<u8>,
    ) {
        let Some(job) = self.jobs.get_mut(&child).filter(|job| job.kin.linked == linked) else { return };
        let parent = job.sent.parents[place];
        let edge = stands(parent.policy, ended);
        job.kin.edges[place] = edge;
        if parent.passes {
            job.kin.inputs[place] = result;
        }
        if job.state == JobState::Blocked {
            self.go_on(child, (edge == Edge::Broken).then_some(parent.policy));
        }
    }

    /// Ends a blocked job with another one, or lets it go on once it waits for nobody.
    fn go_on(&mut self, target: Target, end: Option<OnFailure>) {
        match end {
            Some(OnFailure::Cancel) => self.retire(target, JobState::Cancelled),
            Some(_) => {
                self.job(target).errors += 1;
                self.retire(target, JobState::Failed);
            }
            None if self.jobs[&target].kin.edges.contains(&Edge::Open) => {}
            None => self.unblock(target),
        }
    }

    /// Tells whether a command is one whose outcome is promised. Where one step ends several jobs in no certain order, no more than one
    /// has others that wait for it; and a claim that throws out one that expired may let others wait before or after it gives jobs out.
    pub(crate) fn is_certain(&self, command: &Command) -> bool {
        let may_end = match command {
            Command::Claim { .. } => 0,
            Command::Rescue | Command::Expire | Command::Deregister { .. } => 1,
            Command::Drain { .. } | Command::Clean { .. } | Command::Obliterate { .. } => 1,
            _ => return true,
        };
        let mut after = self.clone();
        after.reply = after.carry_out(command);
        // Who is let go on by one that expires may have expired too, and be found at once or the next time.
        let expires = matches!(command, Command::Expire);
        after.told <= may_end && !(expires && after.jobs.values().any(|job| job.is_over(after.now)))
    }
}

fn stands(policy: OnFailure, ended: Option<JobState>) -> Edge {
    let goes_on = ended == Some(JobState::Completed) || policy == OnFailure::Run;
    if goes_on { Edge::Counts } else { Edge::Broken }
}

/// For whom a job waits, as it is drawn: a job by its name, or one of those before it in its push.
#[derive(Debug, Clone)]
pub(crate) enum Drawn {
    Named(Target),
    Sibling(Index),
}

/// For whom a job waits as it is drawn, each with its policy, and whether its output is passed on.
pub(crate) type Waits = Vec<(Drawn, OnFailure, bool)>;

/// Draws for whom a job waits: often for nobody, and mostly for jobs that are there.
pub(crate) fn parents(model: &Model) -> BoxedStrategy<Waits> {
    let named = (0..QUEUES, 0..IDS).prop_map(Drawn::Named);
    let sibling = any::<Index>().prop_map(Drawn::Sibling);
    let kept: Vec<Target> = model.jobs.keys().copied().collect();
    let parent = match kept.is_empty() {
        true => prop_oneof![1 => named, 4 => sibling].boxed(),
        false => {
            let kept = prop::sample::select(kept).prop_map(Drawn::Named);
            prop_oneof![1 => named, 6 => sibling, 10 => kept].boxed()
        }
    };
    let parent = (parent, prop::sample::select(OnFailure::ALL.to_vec()), any::<bool>());
    prop_oneof![3 => Just(Vec::new()), 2 => prop::collection::vec(parent, 1..4)].boxed()
}

/// Puts jobs together for a push: each waits once for a job, and not for itself, and none with a mode that blocks it otherwise.
pub(crate) fn pushed(queue: usize, drawn: Vec<(Sent, Waits)>) -> Vec<Sent> {
    let ids: Vec<u8> = drawn.iter().map(|(sent, _)| sent.id).collect();
    let put = |(place, (mut sent, parents)): (usize, (Sent, Waits))| {
        for (of, policy, passes) in parents {
            let target = match of {
                Drawn::Named(target) => target,
                Drawn::Sibling(_) if place == 0 => continue,
                Drawn::Sibling(index) => (queue, ids[index.index(place)]),
            };
            let is_new = sent.parents.iter().all(|parent| parent.target != target);
            if is_new && target != (queue, sent.id) && sent.dedup != Some(Mode::KeepLast) {
                sent.parents.push(Parent { target, policy, passes });
            }
        }
        sent
    };
    drawn.into_iter().enumerate().map(put).collect()
}
