//! What a worker has in its hand: every attempt from its claim until the store has settled it.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::fast::FixedState;

use crate::backend::Token;
use crate::job::{Envelope, JobId};
use crate::task::{Attempt, Stop};

/// How many orders to stop are kept for claims whose reply has not come yet.
const KEPT_ORDERS: usize = 1_024;

/// The attempts of one worker that are not settled yet.
#[derive(Debug, Default)]
pub(crate) struct Hand(Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    /// Stores mint the tokens, so the same ones may always lie in the same order.
    attempts: HashMap<Token, Arc<Attempt>, FixedState>,
    /// Cancelled before the claim's reply was here, or when it had just been let go: the latest.
    early: VecDeque<Token>,
}

impl Hand {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes attempts in.
    pub(crate) fn take_in(&self, attempts: &[Arc<Attempt>]) {
        let mut held = self.held();
        for attempt in attempts {
            let token = attempt.job.token;
            if held.early.contains(&token) {
                held.early.retain(|early| *early != token);
                attempt.stop(Stop::Cancelled);
            }
            held.attempts.insert(token, attempt.clone());
        }
    }

    /// Lets settled attempts go. Tells whether one of them was a suspect, which kept others from being claimed.
    pub(crate) fn let_go(&self, tokens: impl IntoIterator<Item = Token>) -> bool {
        let mut held = self.held();
        let mut suspects = 0;
        for attempt in tokens.into_iter().filter_map(|token| held.attempts.remove(&token)) {
            suspects += usize::from(attempt.job.crashes != 0);
        }
        suspects != 0
    }

    /// Tells these attempts to stop. Returns how many of them were still running.
    pub(crate) fn stop(&self, tokens: &[Token], why: Stop) -> usize {
        let mut held = self.held();
        let mut told = 0;
        for token in tokens {
            match held.attempts.get(token) {
                Some(attempt) if attempt.is_over() => {}
                Some(attempt) => {
                    attempt.stop(why);
                    told += 1;
                }
                None if why == Stop::Cancelled => {
                    if held.early.len() == KEPT_ORDERS {
                        held.early.pop_front();
                    }
                    held.early.push_back(*token);
                }
                None => {}
            }
        }
        told
    }

    /// Tells every attempt to stop.
    pub(crate) fn stop_all(&self, why: Stop) {
        for attempt in self.held().attempts.values() {
            attempt.stop(why);
        }
    }

    /// Gives every attempt no more time.
    pub(crate) fn stop_all_now(&self) {
        for attempt in self.held().attempts.values() {
            attempt.stop_now();
        }
    }

    /// Lists what is held, for the store.
    pub(crate) fn claims(&self) -> Vec<(Arc<Envelope>, Token)> {
        let held = self.held();
        held.attempts.values().map(|attempt| (attempt.job.envelope.clone(), attempt.job.token)).collect()
    }

    /// Lists the ids of what is held.
    pub(crate) fn ids(&self) -> Vec<JobId> {
        let held = self.held();
        let mut ids: Vec<_> = held.attempts.values().map(|attempt| attempt.job.envelope.id.clone()).collect();
        ids.sort();
        ids
    }

    /// Lists the ids of those whose handlers have not ended.
    pub(crate) fn running_ids(&self) -> Vec<JobId> {
        let held = self.held();
        let running = held.attempts.values().filter(|attempt| !attempt.is_over());
        running.map(|attempt| attempt.job.envelope.id.clone()).collect()
    }

    /// Returns the number of the attempt of this claim.
    pub(crate) fn attempt_number(&self, token: Token) -> u32 {
        self.held().attempts.get(&token).map_or(1, |attempt| attempt.job.attempt)
    }

    pub(crate) fn len(&self) -> usize {
        self.held().attempts.len()
    }
}
