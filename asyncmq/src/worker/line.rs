//! The line of attempts that are about to start, and the tasks that take from it.
//!
//! As many tasks take from the line as the runtime has threads, so that an attempt which is ready at once costs no task of
//! its own. One whose handler waits for something keeps its task, and another takes its place at the line. Should all
//! of them be held up by handlers that block their threads, others are added.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use crate::backend::Settlement;
use crate::job::{Failure, FailureKind, TraceContext};
use crate::lifecycle::Transition;
use crate::task::Attempt;
use crate::worker::execute::execute;
use crate::worker::shared::{Shared, give_way};

/// How many attempts a task takes before it lets others of its thread have a turn.
const TURNS: u32 = 32;

/// The attempts that are about to start.
#[derive(Debug, Default)]
pub(crate) struct Line {
    standing: Mutex<Standing>,
    /// How many there are, to be read without the lock.
    length: AtomicUsize,
}

#[derive(Debug, Default)]
struct Standing {
    attempts: VecDeque<Arc<Attempt>>,
    /// Tasks that take from the line, or are on their way to it.
    takers: usize,
    /// How many attempts have left the line.
    taken: u64,
}

impl Line {
    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.length.load(Ordering::SeqCst) == 0
    }

    /// Takes the next attempt; whoever finds none has left the line.
    fn take(&self) -> Option<Arc<Attempt>> {
        let mut standing = self.standing();
        match standing.attempts.pop_front() {
            Some(attempt) => {
                standing.taken += 1;
                self.length.store(standing.attempts.len(), Ordering::SeqCst);
                Some(attempt)
            }
            None => {
                standing.takers -= 1;
                None
            }
        }
    }

    /// Leaves the line. Tells whether somebody is to come in place.
    fn leave(&self) -> bool {
        let mut standing = self.standing();
        let wanted = !standing.attempts.is_empty();
        standing.takers -= usize::from(!wanted);
        wanted
    }

    /// Comes back to the line if somebody is wanted there.
    fn come_back(&self, most: usize) -> bool {
        let mut standing = self.standing();
        let wanted = !standing.attempts.is_empty() && standing.takers < most;
        standing.takers += usize::from(wanted);
        wanted
    }
}

/// Lets attempts stand in line, and calls as many tasks as they keep busy.
pub(crate) fn add(shared: &Arc<Shared>, attempts: Vec<Arc<Attempt>>) {
    let most = threads();
    let called = {
        let mut standing = shared.line.standing();
        standing.attempts.extend(attempts);
        shared.line.length.store(standing.attempts.len(), Ordering::SeqCst);
        let called = most.min(standing.attempts.len()).saturating_sub(standing.takers);
        standing.takers += called;
        called
    };
    (0..called).for_each(|_| call(shared));
}

/// Calls one task more if nothing has left the line since `taken` had. Returns how many have left by now.
pub(crate) fn relieve(shared: &Arc<Shared>, taken: u64) -> u64 {
    let mut standing = shared.line.standing();
    let now = standing.taken;
    if now == taken && !standing.attempts.is_empty() {
        standing.takers += 1;
        drop(standing);
        call(shared);
    }
    now
}

fn call(shared: &Arc<Shared>) {
    tokio::spawn(take_turns(shared.clone()));
}

fn threads() -> usize {
    tokio::runtime::Handle::current().metrics().num_workers()
}

/// Takes one attempt after the other, until the line is empty or has takers enough.
async fn take_turns(shared: Arc<Shared>) {
    let most = threads();
    let mut turns = 0;
    while let Some(attempt) = shared.line.take() {
        let mut running = Running { shared: &shared, attempt: Some(attempt.clone()), at_line: true };
        // Nobody comes after the last one, whose handler may take long: what has ended is not to wait for it.
        if shared.line.is_empty() && shared.settle_now() {
            give_way().await;
        }
        let mut execution = pin!(run(&shared, &attempt));
        let settlement = match poll_fn(|poller| Poll::Ready(execution.as_mut().poll(poller))).await {
            Poll::Ready(settlement) => settlement,
            Poll::Pending => {
                running.leave_line();
                execution.await
            }
        };
        let at_line = running.end();
        let woke_the_loop = shared.finish(settlement);
        if !at_line && !shared.line.come_back(most) {
            return;
        }
        turns += 1;
        if turns == TURNS || (woke_the_loop && !shared.line.is_empty()) {
            turns = 0;
            give_way().await;
        }
    }
}

/// An attempt under way. Should its task end otherwise than in order, the attempt has failed and its place is given on.
struct Running<'a> {
    shared: &'a Arc<Shared>,
    attempt: Option<Arc<Attempt>>,
    at_line: bool,
}

impl Running<'_> {
    fn leave_line(&mut self) {
        if std::mem::take(&mut self.at_line) && self.shared.line.leave() {
            call(self.shared);
        }
    }

    /// Ends in order. Tells whether the task is still at the line.
    fn end(mut self) -> bool {
        self.attempt = None;
        std::mem::take(&mut self.at_line)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let Some(attempt) = self.attempt.take() else { return };
        if tokio::runtime::Handle::try_current().is_ok() {
            self.leave_line();
        }
        let failure =
            Failure::new(attempt.job.attempt, FailureKind::Panic, "the attempt's task ended before it");
        let transition = Transition::Retry { failure, after: Duration::from_secs(1) };
        self.shared.finish(settlement_of(&attempt, transition));
    }
}

/// Runs one attempt to its end.
async fn run(shared: &Shared, attempt: &Arc<Attempt>) -> Settlement {
    let envelope = &attempt.job.envelope;
    let Some(task) = shared.tasks.get(envelope.task.as_str()).copied() else {
        // No store gives out what the worker does not know; one that does gets it back.
        return settlement_of(attempt, Transition::Snooze { after: Duration::from_secs(1) });
    };
    let span = tracing::info_span!(
        "job",
        id = %envelope.id,
        task = task.name(),
        queue = envelope.queue.as_str(),
        attempt = attempt.job.attempt,
        trace_id = tracing::field::Empty,
        parent_span_id = tracing::field::Empty,
    );
    if !span.is_disabled()
        && let Some(trace) = TraceContext::of_headers(&envelope.extras().headers)
    {
        span.record("trace_id", trace.trace_id()).record("parent_span_id", trace.span_id());
    }
    let execution = execute(attempt, task, &shared.layers);
    let settlement = match span.is_disabled() {
        true => execution.await,
        false => tracing::Instrument::instrument(execution, span).await,
    };
    if task.blocking && attempt.is_given_up() && shared.site.elsewhere(task).is_none() {
        shared.blocked.store(true, Ordering::SeqCst);
    }
    attempt.end();
    settlement
}

fn settlement_of(attempt: &Attempt, transition: Transition) -> Settlement {
    let (envelope, token) = (attempt.job.envelope.clone(), attempt.job.token);
    Settlement { envelope, token, transition, report: Default::default() }
}
