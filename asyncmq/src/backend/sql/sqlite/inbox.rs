//! What is to be written, until the writer comes for it: many steps at once, the urgent ones first.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::fault::{Fault, Step};
use super::tx::Tx;
use crate::backend::StoreError;

/// How much is taken into one transaction, in jobs: others wait for as long as it takes.
const MOST_AT_ONCE: usize = 4_000;

/// What a step is worth.
#[derive(Debug, Clone, Copy)]
pub(super) struct Weight {
    /// Whether it goes before those that are not.
    pub(super) urgent: bool,
    /// Whether it is confirmed only once it is on the disk.
    pub(super) durable: bool,
    /// How many jobs it is about.
    pub(super) jobs: usize,
}

impl Weight {
    /// What has to be on the disk before it is confirmed.
    pub(super) const fn durable(jobs: usize) -> Self {
        Self { urgent: false, durable: true, jobs }
    }

    /// What a power cut undoes anyway: leases and claims are void once their worker has died.
    pub(super) const fn fleeting(jobs: usize) -> Self {
        Self { urgent: false, durable: false, jobs }
    }

    /// The same, and it must not wait behind the others.
    pub(super) const fn urgent(jobs: usize) -> Self {
        Self { urgent: true, durable: false, jobs }
    }
}

/// One step that waits for its transaction.
pub(super) struct Item {
    pub(super) weight: Weight,
    pub(super) work: Box<dyn Work>,
}

/// A step, whatever it returns. It may be carried out again, should its transaction fail.
pub(super) trait Work: Send {
    fn run(&mut self, tx: &mut Tx<'_>) -> Step<()>;
    fn reply(self: Box<Self>, outcome: Step<()>);
}

/// A step with the place where its caller waits for what it returns.
struct Task<T, F> {
    work: F,
    value: Option<T>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T: Send, F: FnMut(&mut Tx<'_>) -> Step<T> + Send> Work for Task<T, F> {
    fn run(&mut self, tx: &mut Tx<'_>) -> Step<()> {
        self.value = Some((self.work)(tx)?);
        Ok(())
    }

    fn reply(self: Box<Self>, outcome: Step<()>) {
        let Self { value, reply, .. } = *self;
        let answer = outcome.and_then(|()| value.ok_or(Fault::Closed));
        // Who has stopped waiting needs no answer.
        let _ = reply.send(answer.map_err(Into::into));
    }
}

/// The steps that wait.
#[derive(Default)]
pub(super) struct Inbox {
    queue: Mutex<Queue>,
    arrived: Condvar,
}

#[derive(Default)]
struct Queue {
    urgent: VecDeque<Item>,
    ordinary: VecDeque<Item>,
    closed: bool,
}

impl Inbox {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands a step in; the receiver gets what it returned once it is committed.
    pub(super) fn submit<T: Send + 'static>(
        &self,
        weight: Weight,
        work: impl FnMut(&mut Tx<'_>) -> Step<T> + Send + 'static,
    ) -> oneshot::Receiver<Result<T, StoreError>> {
        let (reply, receiver) = oneshot::channel();
        let item = Item { weight, work: Box::new(Task { work, value: None, reply }) };
        let mut queue = self.queue();
        if queue.closed {
            drop(queue);
            item.work.reply(Err(Fault::Closed));
            return receiver;
        }
        let line = if weight.urgent { &mut queue.urgent } else { &mut queue.ordinary };
        line.push_back(item);
        self.arrived.notify_one();
        receiver
    }

    /// Waits for steps and returns as many as go into one transaction; `None` once it is closed and empty.
    pub(super) fn next_batch(&self) -> Option<Vec<Item>> {
        let mut queue = self.queue();
        loop {
            if !queue.urgent.is_empty() || !queue.ordinary.is_empty() {
                return Some(queue.take());
            }
            if queue.closed {
                return None;
            }
            queue = self.arrived.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Takes no more; what is in is still carried out.
    pub(super) fn close(&self) {
        self.queue().closed = true;
        self.arrived.notify_one();
    }
}

impl Queue {
    fn take(&mut self) -> Vec<Item> {
        let mut batch = Vec::new();
        let mut jobs = 0;
        while jobs < MOST_AT_ONCE
            && let Some(item) = self.urgent.pop_front().or_else(|| self.ordinary.pop_front())
        {
            jobs += item.weight.jobs.max(1);
            batch.push(item);
        }
        batch
    }
}
