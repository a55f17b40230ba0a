//! The model as a whole: its state, what can happen next, and what must hold.

use std::collections::BTreeSet;

use stateright::{Model, Property};

use super::guards::Guard;
use super::store::{End, Store, Token};
use super::witness::Witness;
use super::worker::{Phase, Worker};

/// Which worker.
pub(super) type Place = usize;

/// How many workers there are. The first one may die or go; the other one stays.
pub(super) const WORKERS: usize = 2;
/// Who may die or go.
pub(super) const MORTAL: Place = 0;

/// How much may go wrong.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(super) struct Budget {
    /// Requests and replies that are lost.
    pub(super) losses: u8,
    /// Requests that arrive once more, and calls that are repeated although their reply is on its way.
    pub(super) repeats: u8,
    /// Leases that run out although their worker lives.
    pub(super) expiries: u8,
    /// Extensions of a lease besides those that claims make.
    pub(super) extensions: u8,
    /// Crashes, and orders to drain.
    pub(super) departures: u8,
}

/// The model.
#[derive(Debug, Clone)]
pub(super) struct Protocol {
    pub(super) jobs: usize,
    pub(super) budget: Budget,
    /// The guard that is missing.
    pub(super) removed: Option<Guard>,
}

/// Something on its way.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Message {
    Claim(Place, u8),
    Claimed(Place, u8, Vec<(Token, u32)>),
    Settle(Place, u8, Token, End),
    Settled(Place, u8, bool),
    Extend(Place, Vec<Token>),
    Extended(Place, Vec<Token>),
    Drain(Place),
    Deregister(Place),
    Deregistered(Place),
}

/// Everything.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct State {
    pub(super) store: Store,
    pub(super) workers: [Worker; WORKERS],
    pub(super) network: BTreeSet<Message>,
    pub(super) left: Budget,
    pub(super) witness: Witness,
}

/// One step.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Action {
    Claim(Place),
    End {
        worker: Place,
        attempt: usize,
        well: bool,
    },
    Abandon {
        worker: Place,
        attempt: usize,
    },
    Settle(Place),
    /// A call that nothing is under way of any more is made again.
    Repeat(Message),
    /// The same although the reply is on its way.
    RepeatTooSoon(Message),
    Extend(Place),
    LeaseRunsOut(Place),
    Rescue(Place),
    Drain,
    Leave,
    /// The farewell is not waited for any longer.
    Go,
    Crash,
    Deliver(Message),
    DeliverTwice(Message),
    Lose(Message),
}

impl State {
    /// Lists the calls of a worker that it waits for.
    pub(super) fn under_way(&self, worker: Place) -> Vec<Message> {
        let (own, place) = (&self.workers[worker], worker);
        let claim = own.claiming.map(|sequence| Message::Claim(place, sequence));
        let settle = own.settling.map(|(sequence, token, end)| Message::Settle(place, sequence, token, end));
        let farewell = (own.phase == Phase::Leaving).then_some(Message::Deregister(place));
        [claim, settle, farewell].into_iter().flatten().collect()
    }

    /// Tells whether the reply to a call is on its way.
    pub(super) fn has_reply(&self, request: &Message) -> bool {
        self.network.iter().any(|message| match (request, message) {
            (Message::Claim(worker, number), Message::Claimed(to, of, _))
            | (Message::Settle(worker, number, ..), Message::Settled(to, of, _)) => {
                (worker, number) == (to, of)
            }
            (Message::Deregister(worker), Message::Deregistered(to)) => worker == to,
            _ => false,
        })
    }

    fn has_ended(&self) -> bool {
        self.store.jobs.iter().all(|job| job.state.is_terminal())
    }
}

impl Model for Protocol {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            store: Store::new(self.jobs, self.removed),
            workers: [const { Worker::new() }; WORKERS],
            network: BTreeSet::new(),
            left: self.budget,
            witness: Witness::new(self.jobs),
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        for place in 0..WORKERS {
            self.steps_of_a_worker(state, place, actions);
            let lasts = state.store.sessions[place].as_ref().is_some_and(|session| !session.has_run_out);
            if lasts && (0 < state.left.expiries || state.workers[place].phase == Phase::Gone) {
                actions.push(Action::LeaseRunsOut(place));
            }
            if state.store.can_rescue(place) {
                actions.push(Action::Rescue(place));
            }
        }
        Self::departures(state, actions);
        for message in &state.network {
            actions.push(Action::Deliver(message.clone()));
            if 0 < state.left.losses {
                actions.push(Action::Lose(message.clone()));
            }
            if 0 < state.left.repeats {
                actions.push(Action::DeliverTwice(message.clone()));
            }
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        state.witness.begin();
        self.take(&mut state, action);
        state.witness.look(&state.store);
        (state != *last).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("a job has one holder at a time", |_, state: &State| {
                !state.witness.breaches.two_holders
            }),
            Property::always("a claim settles at most once, and only the latest", |_, state: &State| {
                !state.witness.breaches.not_fenced
            }),
            Property::always("an end is final", |_, state: &State| !state.witness.breaches.not_final),
            Property::always("a worker learns what became of its settle", |_, state: &State| {
                !state.witness.breaches.misled
            }),
            Property::always("a worker that has gone is given nothing", |_, state: &State| {
                !state.witness.breaches.given_to_the_gone
            }),
            Property::always("no job is stuck", |model: &Self, state: &State| {
                let mut actions = Vec::new();
                model.actions(state, &mut actions);
                !actions.is_empty() || state.has_ended()
            }),
            Property::sometimes("every job ends", |_, state: &State| state.has_ended()),
            Property::sometimes("a late settle is refused", |_, state: &State| {
                state.witness.reached.refused_late_settle
            }),
            Property::sometimes("a settle after the rescue is accepted", |_, state: &State| {
                state.witness.reached.accepted_after_rescue
            }),
            Property::sometimes("a repeated claim is answered as before", |_, state: &State| {
                state.witness.reached.repeated_claim
            }),
            Property::sometimes("who goes gives back what it holds", |_, state: &State| {
                state.witness.reached.given_back
            }),
        ]
    }
}
