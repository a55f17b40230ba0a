//! What simulated jobs do.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use asyncmq::{Backoff, Context, NewJob, Registry, Retention, State, TaskError, task};
use asyncmq_tests::lab::event::{Event, Fate, Sent, digest};
use asyncmq_tests::lab::journal::Journal;
use asyncmq_tests::lab::load::Drawn;
use asyncmq_tests::servers::dice::Dice;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio::time::sleep;

use super::wire::Rough;

/// The queue of most jobs.
pub(super) const WORK: &str = "work";
/// The queue that is paused now and then.
pub(super) const PAUSED: &str = "work.paused";
/// How many attempts a job has.
const ATTEMPTS: u32 = 4;
/// Longer than a simulation.
const KEPT: Retention = Retention::For(Duration::from_secs(24 * 3_600));

/// What handlers find in their process.
pub(super) struct Own {
    pub(super) journal: Arc<Journal>,
    pub(super) wire: Rough,
    /// Jobs that have snoozed already, whichever process ran them.
    pub(super) snoozed: Arc<Mutex<HashSet<String>>>,
    pub(super) gate: Gate,
}

/// Lets those who come go on once they are so many.
pub(super) struct Gate {
    pub(super) wanted: usize,
    pub(super) inside: AtomicUsize,
    pub(super) changed: Notify,
}

impl Gate {
    pub(super) fn of(wanted: usize) -> Self {
        Self { wanted, inside: AtomicUsize::new(0), changed: Notify::new() }
    }

    async fn pass(&self) {
        if self.inside.fetch_add(1, Ordering::SeqCst) + 1 == self.wanted {
            self.changed.notify_waiters();
        }
        while self.inside.load(Ordering::SeqCst) < self.wanted {
            self.changed.notified().await;
        }
    }
}

/// What a job does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Act {
    /// Takes so many milliseconds.
    Wait(u64),
    FailOnce,
    PanicOnce,
    AlwaysFail,
    SnoozeOnce,
    /// Goes on until it is cancelled, or for so many milliseconds.
    Listen(u64),
    /// Takes longer than it may, at its first attempt.
    Overstay,
    /// Ends when as many run as its worker runs at once.
    Together,
    /// Kills its process.
    Kill,
}

#[task(name = "sim.act", queue = "work")]
async fn act(ctx: &Context, own: State<Own>, number: u64, act: Act) -> Result<(), TaskError> {
    let (queue, job, attempt) = (ctx.queue().to_owned(), ctx.job_id().to_string(), ctx.attempt());
    let (begun, digest) = ((queue.clone(), job.clone()), digest(&(number, act)));
    own.journal.note(Event::Began { queue: begun.0, job: begun.1, attempt, digest });
    ctx.progress(50.0, ());
    let is_first = attempt == 1;
    match act {
        Act::Wait(millis) => own.wire.spend(Duration::from_millis(millis)).await,
        Act::FailOnce if is_first => return Err(TaskError::retry("the first attempt fails")),
        Act::AlwaysFail => return Err(TaskError::retry("it always fails")),
        // As a panic does, without a word.
        Act::PanicOnce if is_first => std::panic::resume_unwind(Box::new("the first attempt panics")),
        Act::SnoozeOnce if own.snoozed.lock().unwrap().insert(job.clone()) => {
            return Err(TaskError::snooze(Duration::from_millis(150)));
        }
        Act::Listen(millis) => {
            let _ = tokio::time::timeout(Duration::from_millis(millis), ctx.cancelled()).await;
        }
        Act::Overstay if is_first => sleep(Duration::from_secs(60)).await,
        Act::Together => own.gate.pass().await,
        Act::Kill => {
            own.wire.die();
            own.journal.close();
        }
        Act::FailOnce | Act::PanicOnce | Act::SnoozeOnce | Act::Overstay => {}
    }
    own.wire.has_time().await;
    own.journal.note(Event::Effect { queue, job, attempt });
    Ok(())
}

pub(super) fn registry() -> Registry {
    Registry::new().with::<act>()
}

/// Makes a job that does this.
pub(super) fn job(queue: &str, number: u64, act: Act) -> Drawn {
    let id = format!("{queue}-{number}");
    let job = NewJob::new("sim.act").kwargs(serde_json::json!({ "number": number, "act": act })).queue(queue);
    let mut job =
        job.id(&id).retain(KEPT).retries(ATTEMPTS - 1).backoff(Backoff::fixed(Duration::from_millis(200)));
    let mut fate = Fate::Completes;
    match act {
        Act::AlwaysFail => fate = Fate::Fails,
        Act::Kill => fate = Fate::Kills,
        Act::Overstay => job = job.timeout(Duration::from_millis(300)),
        _ => {}
    }
    let (queue, task) = (queue.to_owned(), "sim.act".to_owned());
    let digest = digest(&(number, act));
    let sent =
        Sent { queue, job: id, task, digest, attempts: ATTEMPTS, priority: 5, fate, ..Sent::default() };
    Drawn { job, sent }
}

/// Draws a job.
pub(super) fn draw(dice: &mut Dice, number: u64) -> Drawn {
    let act = match dice.below(100) {
        0..50 => Act::Wait(dice.below(30)),
        50..62 => Act::Wait(100 + dice.below(400)),
        62..67 => Act::Wait(2_500 + dice.below(1_500)),
        67..74 => Act::FailOnce,
        74..79 => Act::PanicOnce,
        79..83 => Act::AlwaysFail,
        83..89 => Act::SnoozeOnce,
        89..95 => Act::Listen(1_000 + dice.below(3_000)),
        _ => Act::Overstay,
    };
    let queue = if dice.below(5) == 0 { PAUSED } else { WORK };
    let mut drawn = job(queue, number, act);
    if dice.below(4) == 0 {
        let delay = Duration::from_millis(1 + dice.below(3_000));
        drawn.job = drawn.job.delay(delay);
        drawn.sent.delay = u64::try_from(delay.as_micros()).expect("it is short");
    }
    if dice.below(5) == 0 {
        let priority = u8::try_from(dice.below(10)).expect("it is small");
        drawn.job = drawn.job.priority(priority);
        drawn.sent.priority = priority;
    }
    drawn
}
