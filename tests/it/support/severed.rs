//! A line that can be cut on order: before a call is sent, or after it was carried out and before its reply.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use asyncmq::backend::StoreError;
use asyncmq::backend::memory::MemoryStore;

use super::line::{Answer, Call, Line, Wire};
use crate::support::until;

pub(crate) use super::line::Verb;

/// What is cut off when everything is.
const ALL: [Verb; 9] = [
    Verb::Push,
    Verb::Claim,
    Verb::Settle,
    Verb::Report,
    Verb::Extend,
    Verb::Signals,
    Verb::Register,
    Verb::Deregister,
    Verb::Subscribe,
];

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It never reaches the store.
    Cut,
    /// It is carried out, and the reply is lost.
    Lost,
    /// The store refuses it.
    Refused,
}

#[derive(Default)]
struct Plan {
    faults: HashMap<Verb, (Fault, usize)>,
    calls: HashMap<Verb, usize>,
    hit: HashMap<Verb, usize>,
}

impl Plan {
    /// Counts a call. Returns what is to happen to it.
    fn next(&mut self, verb: Verb) -> Option<Fault> {
        *self.calls.entry(verb).or_default() += 1;
        let (fault, times) = self.faults.get_mut(&verb).filter(|(_, times)| *times != 0)?;
        *times -= 1;
        *self.hit.entry(verb).or_default() += 1;
        Some(*fault)
    }
}

/// A wire with faults on order.
#[derive(Default)]
pub(crate) struct OnOrder {
    plan: Mutex<Plan>,
    /// Whoever holds this holds the replies to claims back.
    claim_replies: Arc<tokio::sync::Mutex<()>>,
}

impl Wire for OnOrder {
    const JOINS: bool = false;

    async fn carry<T: Send + 'static>(&self, verb: Verb, call: impl Call<T>) -> Answer<T> {
        let fault = self.plan.lock().unwrap().next(verb);
        let answer = match fault {
            None => call().await,
            Some(Fault::Cut) => Err(StoreError::unanswered("cut off")),
            Some(Fault::Lost) => call().await.and(Err(StoreError::unanswered("the reply was lost"))),
            Some(Fault::Refused) => Err(StoreError::refused("not today")),
        };
        if verb == Verb::Claim {
            let _let_through = self.claim_replies.lock().await;
        }
        answer
    }
}

/// A store in memory with faults on order.
pub(crate) type Severed = Line<OnOrder>;

impl Severed {
    pub(crate) fn new() -> Arc<Self> {
        Self::over(MemoryStore::new(), OnOrder::default())
    }

    /// Lets the next calls of a verb go wrong.
    pub(crate) fn fail(&self, verb: Verb, fault: Fault, times: usize) {
        self.wire().plan.lock().unwrap().faults.insert(verb, (fault, times));
    }

    /// Holds the replies to claims back, not the claims, until what is returned is dropped.
    pub(crate) async fn hold_claim_replies(&self) -> tokio::sync::OwnedMutexGuard<()> {
        self.wire().claim_replies.clone().lock_owned().await
    }

    /// Cuts everything off until [`Severed::heal`].
    pub(crate) fn go_down(&self) {
        ALL.iter().for_each(|verb| self.fail(*verb, Fault::Cut, usize::MAX));
    }

    pub(crate) fn heal(&self) {
        self.wire().plan.lock().unwrap().faults.clear();
    }

    /// How many calls of a verb there were.
    pub(crate) fn calls(&self, verb: Verb) -> usize {
        self.wire().plan.lock().unwrap().calls.get(&verb).copied().unwrap_or_default()
    }

    /// Waits until so many calls of a verb went wrong.
    pub(crate) async fn was_hit(&self, verb: Verb, times: usize) {
        let hit =
            async || times <= self.wire().plan.lock().unwrap().hit.get(&verb).copied().unwrap_or_default();
        until(&format!("{times} failed calls of {verb:?}"), hit).await;
    }
}
