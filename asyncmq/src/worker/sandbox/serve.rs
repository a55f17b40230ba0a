//! The child's work: one attempt after the other, until the worker has no more.
//!
//! Orders are read and handlers are called on one thread; a second one listens to the control channel, so that the worker is
//! heard whatever the handler does. What handlers spawn runs on a runtime with threads of its own.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

use super::door::{self, Door, Incoming};
use super::frames::{End, Ended, Failed, Frame, Hello, Kind, Order, StopOrder};
use super::limits;
use super::pushed::Answer;
use super::states::Makers;
use super::store::ChildStore;
use super::voice::{Voice, number_of, said};
use crate::backend::{BackendHandle, ClaimedJob, Token};
use crate::job::{Envelope, Failure, JobId, Name};
use crate::lifecycle::Outcome;
use crate::settings::Settings;
use crate::task::{Attempt, Site, States, Stop, tasks};
use crate::worker::execute::observe_in_child;

/// The stack of the thread that calls handlers, in bytes: as much as that of a program's first thread.
const STACK: usize = 8 << 20;
/// How many threads the runtime has beside the one that calls handlers.
const THREADS: usize = 2;
/// After how many attempts it is looked how much lies in memory, and after which time in any case.
const LOOK_EVERY: u64 = 32;
const LOOK_AFTER: Duration = Duration::from_millis(10);
/// How long what handlers have left running may take to end, once there is no more work.
const LEFTOVERS: Duration = Duration::from_millis(500);

/// The attempt that is under way.
type Current = Arc<Mutex<Option<Arc<Attempt>>>>;

/// Works as a child, and ends the process.
pub(super) fn serve(door: Door, makers: Makers) -> ! {
    limits::leave_no_core();
    let thread = thread::Builder::new().name("asyncmq-sandbox".into()).stack_size(STACK);
    let worked = thread.spawn(move || work(door, makers)).map(thread::JoinHandle::join);
    let problem = match worked {
        Ok(Ok(Ok(()))) => std::process::exit(0),
        Ok(Ok(Err(error))) | Err(error) => error.to_string(),
        Ok(Err(_)) => "its thread panicked".into(),
    };
    eprintln!("asyncmq: the sandbox's child process ends: {problem}");
    std::process::exit(1)
}

/// What a child works with.
struct Work {
    runtime: Runtime,
    voice: Arc<Voice>,
    site: Arc<Site>,
    current: Current,
    process: u32,
}

fn work(door: Door, makers: Makers) -> io::Result<()> {
    let Door { mut orders, control, welcome } = door;
    if let Some(log) = &welcome.log {
        Settings::of_log(&log.level, log.json, &log.job_level).start_log();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(THREADS).enable_all().build()?;
    runtime.block_on(async { ignore_ends() })?;
    let voice = Voice::new(orders.stream.try_clone()?);
    let (states, problem) = match runtime.block_on(makers.make(&welcome.tasks)) {
        Ok(states) => (states, None),
        Err(problem) => (States::default(), Some(problem)),
    };
    let backend = BackendHandle::new(Arc::new(ChildStore(voice.clone())), welcome.max_payload);
    let site = Arc::new(Site { backend, states, reporter: Some(voice.clone()), elsewhere: None });
    let work = Work { runtime, voice, site, current: Current::default(), process: std::process::id() };
    listen(control, work.voice.clone(), work.current.clone())?;
    let hello = Hello { tasks: tasks().count(), problem, usage: limits::usage() };
    work.voice.send(Kind::Hello, &hello, &[])?;
    while let Some(frame) = orders.next()? {
        work.carry_out(&frame)?;
    }
    drop(work.site);
    work.runtime.shutdown_timeout(LEFTOVERS);
    Ok(())
}

/// Takes no notice of the signals that ask a service or everything at a terminal to end: the worker does, and lets what runs
/// come to its end.
fn ignore_ends() -> io::Result<()> {
    for kind in [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()] {
        // Once somebody has listened, the signal does nothing by itself any more.
        drop(signal(kind)?);
    }
    Ok(())
}

impl Work {
    /// Runs one attempt and says how it ended.
    fn carry_out(&self, frame: &Frame) -> io::Result<()> {
        let begun = Instant::now();
        let order: Order<'_> = frame.head()?;
        limits::cap(order.memory)?;
        let task = tasks().nth(order.task);
        let task = task.ok_or_else(|| io::Error::other("the worker asks for a task that is not linked"))?;
        let attempt = Arc::new(attempt_of(&order, task.name(), &frame.body, &self.site));
        self.set_current(Some(attempt.clone()));
        let outcome = self.runtime.block_on(observe_in_child(&attempt, task, order.grace));
        self.set_current(None);
        // A copy of this process that a handler has made must not speak for it.
        if std::process::id() != self.process {
            std::process::exit(0);
        }
        let said = said(self.runtime.block_on(attempt.last_report()));
        let look = order.number.is_multiple_of(LOOK_EVERY) || LOOK_AFTER <= begun.elapsed();
        let resident = if look { limits::resident() } else { None };
        let (ended, result) = ended(outcome);
        self.voice.send(Kind::End, &End { number: order.number, ended, said, resident }, &result)
    }

    fn set_current(&self, attempt: Option<Arc<Attempt>>) {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = attempt;
    }
}

/// Makes of an order what a claim makes of a job.
fn attempt_of(order: &Order<'_>, task: &'static str, args: &Bytes, site: &Arc<Site>) -> Attempt {
    let queue = Name::from_stored(&order.queue);
    let id = JobId::from_stored(&order.id);
    let mut envelope = Envelope::new(id, queue, Name::from_static(task), args.clone());
    (envelope.version, envelope.max_attempts, envelope.timeout) =
        (order.version, order.max_attempts, order.timeout);
    if !(order.tags.is_empty() && order.headers.is_empty() && order.key.is_none()) {
        let extras = envelope.extras_mut();
        (extras.tags, extras.headers) = (order.tags.to_vec(), order.headers.to_vec());
        extras.key = order.key.as_deref().map(Into::into);
    }
    let token = Token(u128::from(order.number));
    // What other jobs returned is among the arguments already.
    let (envelope, inputs) = (Arc::new(envelope), Vec::new());
    let job =
        ClaimedJob { envelope, token, attempt: order.attempt, crashes: order.crashes, inputs, withheld: 0 };
    let mut attempt = Attempt::new(job, site.clone());
    attempt.deadline = order.left.and_then(|left| Instant::now().checked_add(left));
    attempt
}

/// Writes down how an attempt ended, with its result.
fn ended(outcome: Outcome) -> (Ended, Bytes) {
    let failed = |failure: Failure| Failed::new(failure.kind(), failure.message());
    let ended = match outcome {
        Outcome::Completed(result) => return (Ended::Completed, result),
        Outcome::Failed(failure) => Ended::Failed(failed(failure)),
        Outcome::FailedFor(failure, delay) => Ended::FailedFor(failed(failure), delay),
        Outcome::FailedForGood(failure) => Ended::FailedForGood(failed(failure)),
        Outcome::Snoozed(delay) => Ended::Snoozed(delay),
        Outcome::Cancelled(reason) => Ended::Cancelled(reason),
        // Only tasks of this library wait for others, and those run in the worker.
        Outcome::Awaits(_) | Outcome::Abandoned => Ended::Abandoned,
    };
    (ended, Bytes::new())
}

/// Starts the thread that hears the worker while a handler runs. The end of the channel is the end of the worker: nothing that a
/// handler does keeps the process alive then.
fn listen(mut control: Incoming, voice: Arc<Voice>, current: Current) -> io::Result<()> {
    let hear = move || {
        while let Ok(Some(frame)) = control.next() {
            match frame.kind {
                Kind::Stop => heed(&frame, &current),
                Kind::Pushed => frame.head::<Answer>().map_or((), |answer| voice.answer(answer)),
                _ => {}
            }
        }
        door::end_all()
    };
    thread::Builder::new().name("asyncmq-control".into()).spawn(hear).map(drop)
}

/// Tells the handler to stop, if it is the one that is meant.
fn heed(frame: &Frame, current: &Current) {
    let Ok(order) = frame.head::<StopOrder>() else { return };
    let attempt = current.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if let Some(attempt) = attempt.filter(|attempt| number_of(attempt) == order.number)
        && let Some(why) = Stop::from_bits(order.why)
    {
        attempt.stop(why);
    }
}
