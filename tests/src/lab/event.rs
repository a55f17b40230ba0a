//! What is written down, a line each.

#![expect(missing_docs, reason = "fields that are called after what they hold need no more words")]

use std::hash::{DefaultHasher, Hash, Hasher};

use serde::{Deserialize, Serialize};

/// One line of a history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// When it was written: microseconds of the monotonic clock.
    pub at: u64,
    /// By which process.
    pub pid: u32,
    /// What happened.
    pub event: Event,
}

/// What must become of a job if all goes well.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It completes.
    #[default]
    Completes,
    /// All its attempts fail.
    Fails,
    /// It takes its process with it, each time.
    Kills,
}

/// How a claim was settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Complete,
    Fail,
    Cancel,
    Retry,
    Snooze,
    Release,
}

impl Kind {
    /// Tells whether the job has ended with it.
    #[must_use]
    pub const fn is_end(self) -> bool {
        matches!(self, Self::Complete | Self::Fail | Self::Cancel)
    }
}

/// A job that is sent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Sent {
    /// Its queue.
    pub queue: String,
    /// Its id.
    pub job: String,
    /// Its task.
    pub task: String,
    /// A digest of its arguments.
    pub digest: u64,
    /// How long it is delayed, in microseconds.
    pub delay: u64,
    /// How many attempts it has in all.
    pub attempts: u32,
    /// Its priority.
    pub priority: u8,
    /// What must become of it.
    pub fate: Fate,
    /// Whether nothing is kept of it once it completed.
    pub vanishes: bool,
    /// By which key it counts as the same job as others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dedup: Option<Keyed>,
    /// The key by which it takes turns, and which the limits of its task count for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn: Option<String>,
    /// The slot of a schedule that it was made for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<Slot>,
    /// The jobs that it waits for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waits: Vec<Wait>,
}

/// A job that another one waits for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wait {
    pub queue: String,
    pub job: String,
    /// The name of what becomes of the one that waits if this one does not complete.
    pub policy: String,
}

/// A slot of a schedule: a time by the store's clock, in microseconds since 1970.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Slot {
    pub schedule: String,
    pub time: u64,
}

/// A schedule, whose slots are an interval apart.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    pub schedule: String,
    /// In microseconds.
    pub interval: u64,
    /// Its first slot.
    pub first: u64,
    /// Whether slots in which nobody fired are made up for one by one.
    pub makes_up: bool,
    /// Whether a slot is left out while the job of the last one has not ended.
    pub alone: bool,
}

/// What the jobs of a task, or of each of its keys, are held to in a queue.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    pub queue: String,
    pub task: String,
    /// How many run at once.
    pub most: Option<u32>,
    pub rate: Option<Rate>,
}

/// How many jobs start in a time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    pub permits: u32,
    /// In microseconds.
    pub interval: u64,
    /// Whether it is a sliding window, and not a bucket.
    pub sliding: bool,
}

/// A deduplication key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keyed {
    pub key: String,
    /// The name of the mode.
    pub mode: String,
    /// The time that the mode names, in microseconds.
    pub window: u64,
}

/// A job as a claim gave it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Given {
    pub queue: String,
    pub job: String,
    pub token: Proof,
    pub attempt: u32,
    pub crashes: u32,
}

/// A job as a worker settles it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ending {
    /// Its queue.
    pub queue: String,
    /// Its id.
    pub job: String,
    /// The claim's token.
    pub token: Proof,
    /// What becomes of it.
    pub kind: Kind,
    /// How long it waits before its next attempt, in microseconds.
    pub after: u64,
}

/// A token, written as text: not every reader of JSON knows numbers of that size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Proof(pub u128);

impl Serialize for Proof {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:032x}", self.0))
    }
}

impl<'de> Deserialize<'de> for Proof {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        u128::from_str_radix(&text, 16).map(Self).map_err(serde::de::Error::custom)
    }
}

/// What happened. `began` is when the call was first made; the line is written when it was answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A producer is about to enqueue a job.
    Send(Sent),
    /// The store took a job in, or had it already.
    Acknowledged {
        queue: String,
        job: String,
        /// When the call was first made.
        began: u64,
    },
    /// The store refused a job, so it must not be there.
    Refused {
        queue: String,
        job: String,
        /// What was said.
        error: String,
    },
    /// The store left a job out, as another one holds its deduplication key.
    LeftOut { queue: String, job: String, owner: String },
    /// Nobody knows whether the store took a job in.
    Unknown { queue: String, job: String },
    /// A schedule was made.
    Scheduled {
        plan: Plan,
        /// The time of this line by the store's clock, as slots have it.
        clock: u64,
    },
    /// A schedule was stopped.
    Unscheduled { schedule: String },
    /// Slots of a schedule fired, in one step.
    Fired {
        /// The call: its sender and number.
        call: String,
        schedule: String,
        slots: Vec<u64>,
        /// When the call was first made.
        began: u64,
    },
    /// Jobs are held to a limit.
    Held(Hold),
    /// A worker started.
    Worker {
        /// Its id.
        worker: String,
        /// The place that it fills: a canary queue is called after it.
        name: String,
        /// Its lease, in microseconds.
        lease: u64,
        /// With how many deaths of a process a job is given up.
        max_crashes: u32,
    },
    /// A claim was answered. One that gave nothing extends the lease all the same.
    Claimed {
        worker: String,
        /// When the call was first made.
        began: u64,
        /// What it gave.
        jobs: Vec<Given>,
    },
    /// A worker is about to settle.
    Settling {
        worker: String,
        /// The number of the call.
        call: u64,
        /// What it settles.
        jobs: Vec<Ending>,
    },
    /// A settle was answered.
    Settled {
        worker: String,
        /// The number of the call.
        call: u64,
        /// For each job whether the step was carried out.
        applied: Vec<bool>,
    },
    /// A lease was extended.
    Extended {
        worker: String,
        /// When this call was made.
        began: u64,
        /// The tokens that the worker showed.
        held: Vec<Proof>,
        /// Those that are no longer its.
        lost: Vec<Proof>,
    },
    /// A worker is about to be struck off: what it holds is given back.
    Leaving { worker: String },
    /// Jobs of silent workers were let wait again.
    Rescued {
        worker: String,
        /// How many.
        jobs: usize,
    },
    /// An attempt begins.
    Began {
        queue: String,
        job: String,
        /// Its number.
        attempt: u32,
        /// A digest of the arguments that the handler got.
        digest: u64,
    },
    /// A handler did what it is for.
    Effect {
        queue: String,
        job: String,
        /// The number of the attempt.
        attempt: u32,
    },
    /// Somebody is about to order something: `pause`, `resume`, `cancel`, `remove`, `retry`.
    Ordering {
        order: String,
        queue: String,
        /// The job; empty for a whole queue.
        job: String,
    },
    /// An order was answered.
    Ordered {
        order: String,
        queue: String,
        /// The job; empty for a whole queue.
        job: String,
        /// Whether it was carried out.
        done: bool,
    },
    /// A fault begins.
    FaultBegins {
        /// Its number.
        fault: usize,
        /// Its kind.
        kind: String,
        /// Whom it hits: the name of a worker, or of a producer; empty where it hits all.
        target: String,
    },
    /// A fault is over: from now on the workers' time counts.
    FaultEnds {
        /// Its number.
        fault: usize,
    },
    /// A process is sent a signal.
    Signal {
        /// Which.
        process: u32,
        /// The signal's name.
        signal: String,
    },
    /// A process has ended.
    Exit {
        /// Which.
        process: u32,
        /// Its code, unless it was killed.
        code: Option<i32>,
    },
    /// Another part of the run begins: `calm`, `faults`, `heal`, `end`.
    Phase { name: String },
    /// How a job stands at the end.
    Final { queue: String, job: String, state: String, crashes: u32 },
    /// Something was looked at, at the end, and was in order or not.
    Audit {
        /// The invariant that it is about.
        invariant: String,
        /// What was looked at.
        name: String,
        /// What is wrong, if anything is.
        wrong: Option<String>,
    },
    /// How much the store uses.
    Sample {
        /// Bytes.
        memory: u64,
        /// Keys, or rows.
        keys: u64,
    },
}

/// Returns a digest that is the same in every process of one build.
pub fn digest(value: &impl Serialize) -> u64 {
    let mut hasher = DefaultHasher::new();
    serde_json::to_vec(value).expect("it is plain data").hash(&mut hasher);
    hasher.finish()
}
