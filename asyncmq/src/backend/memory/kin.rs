//! Who waits for whom: a job knows the jobs that wait for it, and how far its own parents are.
//!
//! What the end of a job means for another one is decided in `lifecycle`; a job that neither waits nor is waited for never comes here.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use super::pins::Mark;
use super::state::State;
use crate::backend::store::withheld;
use crate::clock::Timestamp;
use crate::job::{Envelope, JobId, JobState, Parent};
use crate::lifecycle::{Edge, Transition, end_with, stand};

/// What a job has to do with others.
#[derive(Default)]
pub(super) struct Kin {
    /// Those that wait for it.
    children: Vec<Child>,
    /// How each of its parents stands to it, in their order.
    edges: Vec<Edge>,
    /// How many of those are open.
    open: usize,
    /// What each of them passed on.
    inputs: Vec<Option<Bytes>>,
    /// Who pins it: the latest that did.
    pub(super) pinned_by: Option<Mark>,
    /// By what those that it pins know it.
    pub(super) mark: Option<Mark>,
    /// The number of the latest time at which it looked at its parents: what they knew of it before is void.
    linked: u64,
}

/// A job that waits for another one.
struct Child {
    queue: u32,
    id: JobId,
    /// The place of the other one among its parents.
    edge: usize,
    /// When it began to wait; ids come again.
    linked: u64,
}

/// The end of a job that others wait for.
pub(super) struct Ending {
    children: Vec<Child>,
    ended: Option<JobState>,
    result: Option<Bytes>,
}

/// The ends that a step has still to tell of.
#[derive(Default)]
pub(super) struct Endings {
    due: VecDeque<Ending>,
    /// Whether somebody is telling already: one end may bring others about, and nobody knows how deep.
    telling: bool,
}

impl State {
    /// Returns the first parent of a job that is not known.
    pub(super) fn gone_parent(&self, job: &Envelope) -> Option<usize> {
        job.extras().parents.iter().position(|parent| self.find(&parent.queue, &parent.id).is_none())
    }

    /// Lets a blocked job wait for its parents, as far as they have not ended; those that have count at once.
    pub(super) fn link(&mut self, place: u32, now: Timestamp) {
        self.link_from(place, 0, now);
    }

    /// Lets a blocked job wait for these beside those that it has waited for.
    pub(super) fn wait_for_more(&mut self, place: u32, parents: Vec<Parent>, now: Timestamp) {
        let Some(slot) = self.slot_mut(place) else { return };
        let mut envelope = Envelope::clone(&slot.envelope);
        let known = &mut envelope.extras_mut().parents;
        let from = known.len();
        known.extend(parents);
        slot.envelope = Arc::new(envelope);
        self.link_from(place, from, now);
    }

    /// Looks at the parents of a blocked job from one of them on; to those before it stands as it did.
    fn link_from(&mut self, place: u32, from: usize, now: Timestamp) {
        let linked = self.number();
        let Some(slot) = self.slot_mut(place) else { return };
        let (envelope, queue) = (slot.envelope.clone(), slot.queue);
        let parents = &envelope.extras().parents;
        let kin = slot.kin.get_or_insert_default();
        kin.linked = linked;
        let pins = envelope.extras().pins;
        if pins.is_some() {
            kin.mark.get_or_insert(linked);
        }
        let mark = kin.mark;
        let mut inputs = std::mem::take(&mut kin.inputs);
        inputs.resize(parents.len(), None);
        let before = std::mem::take(&mut kin.edges);
        let mut edges = Vec::with_capacity(parents.len());
        let mut end = None;
        edges.extend(before.iter().take(from));
        for (edge, parent) in parents.iter().enumerate().skip(from) {
            let found = self.find(&parent.queue, &parent.id);
            let state = found.and_then(|found| self.slot(found)).map(|slot| slot.status.state);
            if let (Some(found), Some(mark)) =
                (found, mark.filter(|_| pins.is_some_and(|pins| pins.has(edge))))
            {
                self.pin(found, mark);
            }
            let stands = stand(state, before.get(edge).copied(), parent.on_failure);
            match (stands, found) {
                (Edge::Open, Some(found)) => {
                    self.wait_for(found, Child { queue, id: envelope.id.clone(), edge, linked })
                }
                (Edge::Counts, Some(found)) => inputs[edge] = self.output(found, parent),
                (Edge::Counts, None) => {}
                _ => end = end.or_else(|| end_with(parent, state)),
            }
            edges.push(stands);
        }
        if let Some(kin) = self.slot_mut(place).and_then(|slot| slot.kin.as_mut()) {
            kin.open = edges.iter().filter(|edge| **edge == Edge::Open).count();
            (kin.edges, kin.inputs) = (edges, inputs);
        }
        self.go_on(place, end, now);
    }

    fn wait_for(&mut self, parent: u32, child: Child) {
        if let Some(slot) = self.slot_mut(parent) {
            slot.kin.get_or_insert_default().children.push(child);
        }
    }

    fn output(&self, place: u32, parent: &Parent) -> Option<Bytes> {
        let slot = self.slot(place).filter(|slot| slot.status.state == JobState::Completed)?;
        parent.passes.kept(slot.status.result.clone().unwrap_or_default())
    }

    /// Tells those that wait for a job that it has ended, or is removed.
    pub(super) fn tell_children(&mut self, place: u32, now: Timestamp) {
        let Some(slot) = self.slot_mut(place) else { return };
        let Some(kin) = slot.kin.as_mut().filter(|kin| !kin.children.is_empty()) else { return };
        let state = slot.status.state;
        let ending = Ending {
            children: std::mem::take(&mut kin.children),
            ended: state.is_terminal().then_some(state),
            result: slot.status.result.clone(),
        };
        self.endings.due.push_back(ending);
        if std::mem::replace(&mut self.endings.telling, true) {
            return;
        }
        while let Some(ending) = self.endings.due.pop_front() {
            for child in &ending.children {
                self.tell_child(child, &ending, now);
            }
        }
        self.endings.telling = false;
    }

    /// Tells one of them. One that has ended with another parent meanwhile takes note, as it may begin anew.
    fn tell_child(&mut self, child: &Child, ending: &Ending, now: Timestamp) {
        let found = self.find_in(&self.queues[child.queue as usize], &child.id);
        let Some(place) = found else { return };
        let Some(slot) = self.slot_mut(place) else { return };
        let (envelope, is_blocked) = (slot.envelope.clone(), slot.status.state == JobState::Blocked);
        let Some(parent) = envelope.extras().parents.get(child.edge) else { return };
        let Some(kin) = slot.kin.as_mut().filter(|kin| kin.linked == child.linked) else { return };
        if kin.edges.get(child.edge) != Some(&Edge::Open) {
            return;
        }
        kin.edges[child.edge] = stand(ending.ended, None, parent.on_failure);
        kin.open -= 1;
        kin.inputs[child.edge] = match ending.ended {
            Some(JobState::Completed) => parent.passes.kept(ending.result.clone().unwrap_or_default()),
            _ => None,
        };
        if is_blocked {
            self.go_on(place, end_with(parent, ending.ended), now);
        }
    }

    /// Ends a blocked job with its parent, or lets it go on once it waits for nobody.
    fn go_on(&mut self, place: u32, end: Option<Transition>, now: Timestamp) {
        if let Some(transition) = end {
            self.displace(place);
            self.carry_out(place, transition, now);
        } else if self
            .slot(place)
            .and_then(|slot| slot.kin.as_ref())
            .is_some_and(|kin| kin.waits_for_nobody())
        {
            self.unblock(place, now);
        }
    }
}

impl Kin {
    fn waits_for_nobody(&self) -> bool {
        self.open == 0
    }

    /// Returns what the parents passed on, by their places, or how much it is if that is too much.
    pub(super) fn inputs(&self) -> (Vec<Option<Bytes>>, u64) {
        match withheld(self.inputs.iter().flatten().map(|input| input.len() as u64).sum()) {
            0 => (self.inputs.clone(), 0),
            bytes => (Vec::new(), bytes),
        }
    }
}
