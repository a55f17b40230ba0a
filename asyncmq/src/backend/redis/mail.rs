//! Carries what queues in different slots of a cluster say to each other; what that is stands at `scripts/mail.lua`.
//!
//! Whoever makes a step whose script leaves a message carries it on: at once, or behind the caller's back where that waits for the next job. What
//! gets lost on the way, as a process dies or a node does not answer, still lies in its outbox, and the next claim from that
//! queue or the next duty carries it. One carrier at a time has an outbox, so that work is not done twice.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::{RedisResult, Value};

use super::error::worded;
use super::reply::{bytes, next, number, opened, parts, strange};
use super::script::{ASK_AGAIN, COLLECT, Call, DELIVER, Mail};
use super::{RedisStore, micros};
use crate::backend::{Inspect, StoreError};
use crate::chance::random_bits;
use crate::job::Name;

/// How many bundles of messages a caller carries before he leaves the rest to others.
const AT_ONCE: usize = 100;
/// How long others leave an outbox to its carrier. One that cannot be carried, as the other queue's node does not answer, is
/// tried no more often.
const LEFT_ALONE: Duration = Duration::from_secs(1);

/// Which queues' messages are carried behind the callers' backs, and whether some have come since.
#[derive(Debug, Default)]
pub(super) struct Rounds(Mutex<HashMap<Name, bool>>);

impl Rounds {
    fn of(&self) -> MutexGuard<'_, HashMap<Name, bool>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells whether a round is to begin; one that is under way looks once more.
    fn begin(&self, queue: &Name) -> bool {
        self.of().insert(queue.clone(), true).is_none()
    }

    /// Tells whether there is something to look for.
    fn goes_on(&self, queue: &Name) -> bool {
        self.of().get_mut(queue).is_some_and(std::mem::take)
    }
}

/// Ends a round, also one that is dropped.
struct Round {
    store: Arc<RedisStore>,
    queue: Name,
}

impl Drop for Round {
    fn drop(&mut self) {
        self.store.rounds.of().remove(&self.queue);
    }
}

/// The connection with which it was known last that nothing is forgotten.
#[derive(Debug, Default)]
pub(super) struct Trusted(Mutex<Option<u64>>);

impl Trusted {
    fn of(&self) -> MutexGuard<'_, Option<u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether one takes over what others carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Haste {
    LeaveOthers,
    TakeOver,
}

/// Messages to a queue.
struct Bundle {
    to: Name,
    messages: Vec<Vec<u8>>,
}

/// What became of a bundle: how many messages were taken in, and the answers.
struct Brought {
    to: Name,
    count: i64,
    answers: Vec<Vec<u8>>,
}

impl RedisStore {
    /// Sees to what a call left behind; whatever fails is tried again by others.
    pub(super) async fn carry_for(&self, call: &Call) {
        let Some(queue) = call.base().and_then(|base| self.keys.queue_of(base)) else { return };
        match call.mail() {
            Mail::First => self.carry_first(queue).await,
            Mail::Behind => self.carry_behind(queue),
            Mail::Left => {}
        }
    }

    /// Carries a queue's messages, as far as one caller should wait for it.
    pub(super) async fn carry_first(&self, queue: Name) {
        match self.carry(queue.clone(), AT_ONCE, Haste::LeaveOthers).await {
            Ok(rest) => rest.into_iter().for_each(|queue| self.carry_behind(queue)),
            Err(error) => {
                tracing::debug!(%error, %queue, "messages to other queues could not be carried yet")
            }
        }
    }

    /// Carries a queue's messages behind the caller's back.
    fn carry_behind(&self, queue: Name) {
        let Some(store) = self.this.upgrade() else { return };
        if !self.rounds.begin(&queue) {
            return;
        }
        tokio::spawn(async move {
            let round = Round { store, queue };
            while round.store.rounds.goes_on(&round.queue) {
                let carried = round.store.carry(round.queue.clone(), usize::MAX, Haste::LeaveOthers).await;
                if let Err(error) = carried {
                    tracing::debug!(%error, queue = %round.queue, "messages to other queues could not be carried yet");
                }
            }
        });
    }

    /// Carries a queue's messages, and those that they give rise to, until none are left but those that others carry. Returns
    /// whose messages are left after so many bundles.
    pub(super) async fn carry(
        &self,
        from: Name,
        most: usize,
        haste: Haste,
    ) -> Result<VecDeque<Name>, StoreError> {
        let mark = random_bits().to_be_bytes();
        let (mut senders, mut brought, mut bundles) = (VecDeque::from([from]), None, 0);
        while let Some(sender) = senders.front().cloned() {
            let Some(bundle) = self.collect(&sender, &mark[..8], haste, brought.take()).await? else {
                senders.pop_front();
                continue;
            };
            if bundles == most {
                return Ok(senders);
            }
            bundles += 1;
            match self.deliver(bundle, &mut senders).await {
                Ok(answer) => brought = Some(answer),
                Err(error) if haste == Haste::TakeOver => return Err(error),
                // It is left alone for a while; others may be within reach.
                Err(error) => {
                    tracing::debug!(%error, queue = %sender, "messages of this queue could not be brought")
                }
            }
        }
        Ok(senders)
    }

    /// Says what was brought, and takes up what is to be carried next.
    async fn collect(
        &self,
        sender: &Name,
        mark: &[u8],
        haste: Haste,
        brought: Option<Brought>,
    ) -> Result<Option<Bundle>, StoreError> {
        let mut call = self.call(&COLLECT, std::slice::from_ref(sender)).await.map_err(worded)?;
        call.arg(mark).number(micros(LEFT_ALONE)).arg(if haste == Haste::TakeOver { "1" } else { "0" });
        match brought {
            Some(Brought { to, count, answers }) => {
                call.arg(self.keys.queue(&to)).number(count);
                answers.iter().for_each(|answer| {
                    call.arg(answer);
                });
            }
            None => {
                call.arg("").number(0);
            }
        }
        let mut answer = parts(self.transmit(&call).await.map_err(worded)?)?.into_iter();
        let Some(to) = answer.next() else { return Ok(None) };
        let to = self.keys.queue_of(&bytes(to)?).ok_or_else(strange)?;
        let messages = parts(next(&mut answer)?)?.into_iter().map(bytes).collect::<Result<_, _>>()?;
        Ok(Some(Bundle { to, messages }))
    }

    /// Brings messages to their queue, which is noted if it has something to say in its turn.
    async fn deliver(&self, bundle: Bundle, senders: &mut VecDeque<Name>) -> Result<Brought, StoreError> {
        let Bundle { to, messages } = bundle;
        let mut call = self.call(&DELIVER, std::slice::from_ref(&to)).await.map_err(worded)?;
        messages.iter().for_each(|message| {
            call.arg(message);
        });
        let (answer, has_mail) = opened(self.transmit(&call).await.map_err(worded)?);
        if has_mail && !senders.contains(&to) {
            senders.push_back(to.clone());
        }
        let mut answer = parts(answer)?.into_iter();
        let count = number(&next(&mut answer)?)?;
        let answers = parts(next(&mut answer)?)?.into_iter().map(bytes).collect::<Result<_, _>>()?;
        Ok(Brought { to, count, answers })
    }

    /// Asks once more for what jobs wait for, if the connection is another one: a node that died may have been asked and have
    /// forgotten it. While a connection lasts nothing is forgotten.
    pub(super) async fn ask_again_if_lost(&self) -> Result<(), StoreError> {
        let connection = self.link.connection();
        let trusted = *self.trusted.of();
        if trusted.is_some() && connection != trusted {
            for queue in self.queues().await? {
                self.ask_again_in(&queue).await?;
            }
        }
        *self.trusted.of() = connection.or(trusted);
        Ok(())
    }

    async fn ask_again_in(&self, queue: &Name) -> Result<(), StoreError> {
        let mut behind = b"-1".to_vec();
        loop {
            let mut call = self.call(&ASK_AGAIN, std::slice::from_ref(queue)).await.map_err(worded)?;
            call.arg(&behind);
            behind = bytes(self.send(&call).await.map_err(worded)?)?;
            if behind.is_empty() {
                return Ok(());
            }
        }
    }

    /// Makes a call that changes jobs, and leaves what it may have left behind.
    pub(super) async fn transmit(&self, call: &Call) -> RedisResult<Value> {
        match self.link.settings().replicated {
            Some(replicas) => call.send_replicated(&self.link, replicas).await,
            None => call.send(&self.link).await,
        }
    }
}
