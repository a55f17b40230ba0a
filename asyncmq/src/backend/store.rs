//! The hot path: what a store does for every job.
//!
//! Every verb works on a batch and is one atomic step. A step validates all before it writes anything.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::backend::StoreError;
use crate::job::{Envelope, JobId, LogLine, Name, Progress, WorkerId};
use crate::lifecycle::Transition;

/// Proof of one claim: whoever shows it may settle the job, once.
///
/// A store mints it and never repeats it, not even after it lost data. To everyone else it is opaque.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub u128);

/// Which call of which sender this is, so that a store recognises one that it has already carried out.
///
/// A sender repeats a call whose reply it did not get under the same id; the store answers as it did the first time.
/// A sender has at most [`RECALLED_CALLS`] calls of one verb under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CallId {
    /// The client or worker that calls.
    pub sender: WorkerId,
    /// The number of the call among those of the sender; each verb may count for itself.
    pub sequence: u64,
}

/// How many of a sender's latest replies of each verb a store can repeat.
pub const RECALLED_CALLS: usize = 64;

/// What became of one pushed job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pushed {
    /// It was taken in.
    Added,
    /// A job of this id is kept already, of this task; nothing was changed.
    Exists {
        /// The task of the job that is kept.
        task: Name,
    },
    /// Its deduplication key is held: it was not taken in.
    Deduplicated {
        /// The job that holds the key; after its end, a throttle's window does.
        id: JobId,
        /// That job's task.
        task: Name,
    },
    /// This job, which it waits for, is not known, or its record is no longer kept: it was not taken in.
    ParentGone {
        /// The place of that job among its parents.
        parent: usize,
    },
    /// It was taken in in the place of a job of its deduplication key that had not started, which is gone.
    Debounced {
        /// The job that is gone.
        id: JobId,
    },
}

impl Pushed {
    /// Tells whether the job was taken in, be it in the place of another one.
    #[must_use]
    pub const fn is_taken_in(&self) -> bool {
        matches!(self, Self::Added | Self::Debounced { .. })
    }
}

/// The tasks that a worker can run, each with the newest version that it knows.
#[derive(Debug, Clone, Default)]
pub struct TaskSet(HashMap<Name, u32>);

impl TaskSet {
    /// Tells whether the worker can run a job of this task and version.
    #[must_use]
    pub fn runs(&self, task: &str, version: u32) -> bool {
        self.0.get(task).is_some_and(|known| version <= *known)
    }

    /// Lists the tasks and their newest versions, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, u32)> {
        self.0.iter().map(|(task, version)| (task, *version))
    }
}

impl FromIterator<(Name, u32)> for TaskSet {
    fn from_iter<I: IntoIterator<Item = (Name, u32)>>(tasks: I) -> Self {
        Self(tasks.into_iter().collect())
    }
}

/// Asks for jobs.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    /// Who asks, and the number of this claim among the worker's: one is under way at a time.
    pub call: CallId,
    /// The queues to take from, in this order.
    pub queues: &'a [Name],
    /// What the worker can run; other jobs stay where they are and are in nobody's way.
    pub tasks: &'a TaskSet,
    /// How many jobs it can start at once; at most [`MAX_BATCH`](crate::backend::MAX_BATCH).
    pub limit: usize,
    /// How long the worker may be silent before its jobs are given to others. Of a lease that a claim extends a store may
    /// leave up to a sixteenth out, half a second at most.
    pub lease: Duration,
}

/// What a claim gave.
#[derive(Debug, Clone, Default)]
pub struct Claimed {
    /// The jobs, in the order in which they are to start; their attempts are counted already.
    pub jobs: Vec<ClaimedJob>,
    /// How long until the next delayed job of these queues is due; `None` if there is none.
    pub next_due: Option<Duration>,
    /// Whether jobs wait here that may start as soon as the rate of a limit lets them.
    pub awaits_token: bool,
    /// Tasks that jobs wait for here and that this worker does not know, with their queues.
    pub unknown: Vec<(Name, Name)>,
}

/// A job in a worker's hand.
#[derive(Debug, Clone)]
pub struct ClaimedJob {
    /// What the producer sent.
    pub envelope: Arc<Envelope>,
    /// Proof of this claim.
    pub token: Token,
    /// The number of this attempt; the first is 1.
    pub attempt: u32,
    /// Times that a process died with this job.
    pub crashes: u32,
    /// The outputs of its parents, by their places in its list, as far as they pass them on; empty for most, and it may be where none
    /// passed anything on.
    pub inputs: Vec<Option<Bytes>>,
    /// How many bytes those have together if they are more than [`MAX_OUTPUTS`], and so are not handed out; else 0.
    pub withheld: u64,
}

/// How many bytes of outputs a claim hands out with one job: 64 MiB.
pub const MAX_OUTPUTS: u64 = 64 << 20;

/// Decides whether outputs that have so many bytes together are handed out: 0, or how many they are.
pub(crate) const fn withheld(bytes: u64) -> u64 {
    if bytes <= MAX_OUTPUTS { 0 } else { bytes }
}

/// What an attempt said besides its end.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    /// The latest progress.
    pub progress: Option<Progress>,
    /// What was logged since the last report.
    pub logs: Vec<LogLine>,
}

impl Report {
    /// Tells whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.progress.is_none() && self.logs.is_empty()
    }
}

/// Settles one job.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// The job.
    pub envelope: Arc<Envelope>,
    /// Proof of the claim.
    pub token: Token,
    /// What becomes of it.
    pub transition: Transition,
    /// What the attempt said and was not yet told.
    pub report: Report,
}

/// Whether the store still knew the claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fenced {
    /// It did, and the step was carried out.
    Applied,
    /// The job was given to somebody else, removed, or settled before: nothing was changed.
    Stale,
}

/// What a worker learns when it extends its lease.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extension {
    /// Claims that are no longer the worker's: its handlers should stop.
    pub lost: Vec<Token>,
    /// Claims whose jobs somebody wants cancelled.
    pub cancelled: Vec<Token>,
}

/// What a store tells a worker unasked. A hint: whoever misses it finds out at the next claim or extension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signal {
    /// A claim may give something now.
    Work,
    /// A schedule of a queue that the worker serves was made or changed.
    Schedules,
    /// Somebody wants these running jobs cancelled.
    Cancel(Vec<Token>),
}

/// Keeps one worker's lease. It is opened and used on a thread of its own, whatever handlers do to the others.
#[async_trait]
pub trait Leases: Send {
    /// A call that failed is made again on the same one: it finds its way back by itself.
    ///
    /// Extends the lease of the worker and checks the claims that it holds; makes the lease anew if it had run out.
    async fn extend(
        &mut self,
        worker: WorkerId,
        held: &[(Arc<Envelope>, Token)],
        lease: Duration,
    ) -> Result<Extension, StoreError>;
}

/// Tells one worker what it may want to know at once.
#[async_trait]
pub trait Signals: Send {
    /// Waits for the next signal. What was signalled since the last call, or since this was made, is not lost.
    async fn next(&mut self) -> Signal;
}

/// The hot path of a store.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Takes jobs in, all or none. A repeated call is recognised by its id and answered as the first one.
    ///
    /// A job whose id is kept in its queue is left as it is. Emits `job:enqueued` or `job:duplicated`. What becomes of one with a
    /// deduplication key is decided by [`arrive`](crate::lifecycle::arrive), and told by `job:deduplicated` and `job:debounced`; jobs
    /// of one call count in their order. The key is freed in the step that ends its owner, whatever that is, and the job that
    /// was blocked behind it is the owner from then on (`job:ready`).
    ///
    /// A job that has [parents](crate::job::Parent) is blocked until they have ended; those that have count at once, and
    /// what the end of each means is [`heed`](crate::lifecycle::heed)'s decision. In one call parents stand before
    /// their children.
    async fn push(&self, call: CallId, jobs: &[Arc<Envelope>]) -> Result<Vec<Pushed>, StoreError>;

    /// Returns how many plain jobs take the store as long as this one: what a call carries weighs at most [`MAX_BATCH`](crate::backend::MAX_BATCH), or is
    /// one job. More than 1 where a store serves one caller at a time and heavy jobs would keep the others waiting.
    fn weight(&self, job: &Envelope) -> usize {
        let _ = job;
        1
    }

    /// Tells whether one step can take in jobs of all of these queues: not if they are kept apart, as in the slots of a cluster.
    fn share_steps(&self, queues: &HashSet<&Name>) -> bool {
        let _ = queues;
        true
    }

    /// Tells whether whoever this store stands for sees to it that a flow is taken in as a whole, however large it is.
    fn takes_flows(&self) -> bool {
        false
    }

    /// Hands out jobs: promotes what is due, throws out what has expired, and takes the best waiting ones.
    ///
    /// Lower priorities first, then first in first out; what becomes due stands behind those that wait already, in the
    /// order of the due times. Nothing of a paused queue. At most one suspect
    /// (see [`Verdict`](crate::lifecycle::Verdict)) in one worker's hand. Extends the worker's lease.
    /// A repeated call is answered with the same jobs, and one that arrives behind a later one of its worker with none: nobody
    /// waits for it. Emits `job:started` and `job:expired`.
    async fn claim(&self, claim: Claim<'_>) -> Result<Claimed, StoreError>;

    /// Settles jobs. A repeated call is recognised by its id and answered as the first one.
    ///
    /// A claim whose lease ran out, but which nobody re-claimed, still settles. Emits the transition's event.
    async fn settle(&self, call: CallId, jobs: &[Settlement]) -> Result<Vec<Fenced>, StoreError>;

    /// Settles and claims, each under its own call and as if by its own verb, in one step if the store can.
    ///
    /// Each has an answer of its own: whichever was not answered is repeated by its own verb under its own id.
    async fn settle_and_claim(
        &self,
        call: CallId,
        jobs: &[Settlement],
        claim: Claim<'_>,
    ) -> (Result<Vec<Fenced>, StoreError>, Result<Claimed, StoreError>) {
        tokio::join!(self.settle(call, jobs), self.claim(claim))
    }

    /// Records what running attempts said. Emits `job:progress`.
    async fn report(&self, reports: &[(Arc<Envelope>, Token, Report)]) -> Result<Vec<Fenced>, StoreError>;

    /// Opens what keeps a worker's lease; called on the thread that will use it.
    async fn leases(&self) -> Result<Box<dyn Leases>, StoreError>;

    /// Opens what wakes a worker that serves these queues. Register first, claim then, wait last.
    async fn signals(&self, worker: WorkerId, queues: &[Name]) -> Result<Box<dyn Signals>, StoreError>;
}
