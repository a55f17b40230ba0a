//! The steps: what workers do, what befalls them, and what arrives.

use super::guards::Guard;
use super::model::{Action, MORTAL, Message, Place, Protocol, State};
use super::worker::{Phase, Stage};

impl Protocol {
    pub(super) fn has(&self, guard: Guard) -> bool {
        self.removed != Some(guard)
    }

    /// What a worker can do.
    pub(super) fn steps_of_a_worker(&self, state: &State, place: Place, actions: &mut Vec<Action>) {
        let worker = &state.workers[place];
        if worker.phase == Phase::Gone {
            return;
        }
        let free = worker.phase == Phase::Serving && worker.claiming.is_none() && worker.hand.is_empty();
        if free && state.store.claimable(place).is_some() {
            actions.push(Action::Claim(place));
        }
        for (number, attempt) in worker.hand.iter().enumerate() {
            let (worker, attempt, stage) = (place, number, attempt.stage);
            if stage == Stage::Running {
                actions.extend([true, false].map(|well| Action::End { worker, attempt, well }));
            }
            let is_told = stage == Stage::Running && state.workers[place].phase == Phase::Draining;
            if is_told || stage == Stage::Lost {
                actions.push(Action::Abandon { worker, attempt });
            }
        }
        let ended = |stage| matches!(stage, Stage::Ended(_));
        if worker.settling.is_none() && worker.hand.iter().any(|attempt| ended(attempt.stage)) {
            actions.push(Action::Settle(place));
        }
        if 0 < state.left.extensions && worker.phase < Phase::Leaving {
            actions.push(Action::Extend(place));
        }
        for request in state.under_way(place).into_iter().filter(|request| !state.network.contains(request)) {
            if !state.has_reply(&request) {
                actions.push(Action::Repeat(request));
            } else if 0 < state.left.repeats {
                actions.push(Action::RepeatTooSoon(request));
            }
        }
    }

    /// How the one that may go can go.
    pub(super) fn departures(state: &State, actions: &mut Vec<Action>) {
        let phase = state.workers[MORTAL].phase;
        if 0 < state.left.departures && phase == Phase::Serving {
            actions.extend([Action::Drain, Action::Crash]);
        }
        if phase == Phase::Draining {
            actions.push(Action::Leave);
        }
        let unheard = phase == Phase::Leaving && state.left.losses < 1;
        if unheard {
            actions.push(Action::Go);
        }
    }

    /// Carries a step out.
    pub(super) fn take(&self, state: &mut State, action: Action) {
        match action {
            Action::Claim(place) => {
                let sequence = state.workers[place].next_call();
                state.workers[place].claiming = Some(sequence);
                state.network.insert(Message::Claim(place, sequence));
            }
            Action::End { worker, attempt, well } => state.workers[worker].end(attempt, well),
            Action::Abandon { worker, attempt } => state.workers[worker].abandon(attempt),
            Action::Settle(place) => {
                if let Some((sequence, token, end)) = state.workers[place].begin_settle() {
                    state.network.insert(Message::Settle(place, sequence, token, end));
                }
            }
            Action::Repeat(request) => self.repeat(state, request),
            Action::RepeatTooSoon(request) => {
                state.left.repeats -= 1;
                self.repeat(state, request);
            }
            Action::Extend(place) => {
                state.left.extensions -= 1;
                let held = state.workers[place].hand.iter().map(|attempt| attempt.token).collect();
                state.network.insert(Message::Extend(place, held));
            }
            Action::Deliver(message) => {
                state.network.remove(&message);
                self.deliver(state, message);
            }
            Action::DeliverTwice(message) => {
                state.left.repeats -= 1;
                self.deliver(state, message);
            }
            Action::Lose(message) => {
                state.left.losses -= 1;
                state.network.remove(&message);
            }
            other => Self::take_what_befalls(state, other),
        }
    }

    /// Carries out a step that is not of the calls of a worker that serves.
    fn take_what_befalls(state: &mut State, action: Action) {
        match action {
            Action::LeaseRunsOut(place) => {
                let lives = state.workers[place].phase != Phase::Gone;
                state.left.expiries -= u8::from(lives);
                state.store.run_out(place);
                state.witness.ran_out(place);
            }
            Action::Rescue(place) => state.store.rescue(place),
            Action::Drain => {
                state.left.departures -= 1;
                state.workers[MORTAL].phase = Phase::Draining;
                state.network.insert(Message::Drain(MORTAL));
            }
            Action::Leave => {
                state.workers[MORTAL].leave(Phase::Leaving);
                state.network.insert(Message::Deregister(MORTAL));
            }
            Action::Go => state.workers[MORTAL].leave(Phase::Gone),
            Action::Crash => {
                state.left.departures -= 1;
                state.workers[MORTAL].leave(Phase::Gone);
            }
            _ => unreachable!("it is a step of a worker"),
        }
    }

    fn repeat(&self, state: &mut State, request: Message) {
        let request = match request {
            Message::Settle(place, _, token, end) if !self.has(Guard::SameCallId) => {
                let sequence = state.workers[place].next_call();
                state.workers[place].settling = Some((sequence, token, end));
                Message::Settle(place, sequence, token, end)
            }
            request => request,
        };
        state.network.insert(request);
    }

    fn deliver(&self, state: &mut State, message: Message) {
        let State { store, workers, network, witness, .. } = state;
        match message {
            Message::Claim(place, sequence) => {
                let given = store.claim(place, sequence);
                given.iter().for_each(|(token, _, anew)| witness.claimed(place, *token, *anew));
                let jobs = given.into_iter().map(|(token, attempt, _)| (token, attempt)).collect();
                network.insert(Message::Claimed(place, sequence, jobs));
            }
            Message::Settle(place, sequence, token, end) => {
                let before = store.clone();
                let applied = store.settle((place, sequence), token, end);
                // Under another id, it is the same word of the same worker all the same.
                let call = (place, if self.has(Guard::SameCallId) { sequence } else { token.claim });
                witness.settled((call, token), applied, (&before, store));
                network.insert(Message::Settled(place, sequence, applied));
            }
            Message::Extend(place, held) => {
                let lost = store.extend(place, &held);
                witness.confirmed(held.into_iter().filter(|token| !lost.contains(token)));
                network.insert(Message::Extended(place, lost));
            }
            Message::Drain(place) => store.drain(place),
            Message::Deregister(place) => {
                let before = store.clone();
                store.deregister(place);
                witness.went(place, &before, store);
                network.insert(Message::Deregistered(place));
            }
            Message::Claimed(place, sequence, jobs) => workers[place].claimed(sequence, &jobs),
            Message::Settled(place, sequence, _) => workers[place].settled(sequence),
            Message::Extended(place, lost) => workers[place].lost(&lost),
            Message::Deregistered(place) => workers[place].leave(Phase::Gone),
        }
    }
}
