//! The jobs of the laboratory: what they are drawn from, and what the handlers do.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use asyncmq::{Context, Dedup, NewJob, Registry, Retention, TaskError, task};
use serde::{Deserialize, Serialize};

use crate::lab::event::{Event, Fate, Keyed, Sent, digest};
use crate::lab::journal::Journal;
use crate::lab::turns;
use crate::servers::dice::Dice;

/// The queue of most jobs.
pub const WORK: &str = "work";
/// The queue that is paused now and then.
pub const PAUSED: &str = "work.paused";
/// How long completed jobs are kept: longer than any run.
const KEPT: Retention = Retention::For(Duration::from_secs(24 * 3_600));

static JOURNAL: OnceLock<Arc<Journal>> = OnceLock::new();

/// Sets where the handlers of this process write; the first one stays.
pub fn write_to(journal: Arc<Journal>) {
    let _ = JOURNAL.set(journal);
}

/// What is carried to a handler and must arrive as it was sent: whatever a careless way through JSON would change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "they mean nothing")]
pub struct Payload {
    pub large: u64,
    pub empty: Vec<u32>,
    pub ratio: f64,
    pub text: String,
}

impl Payload {
    /// Draws one.
    pub fn draw(dice: &mut Dice) -> Self {
        let text = ["", "\u{0}\u{1f}\"\\/", "Zürich 漢字 🦀", "a plain text"][dice.below(4) as usize];
        Self {
            large: u64::MAX - dice.below(1 << 40),
            empty: Vec::new(),
            ratio: dice.below(1 << 53) as f64 / 1e7,
            text: text.to_owned(),
        }
    }
}

/// Returns the digest of what is carried to a handler, given a job's arguments; 0 where there is nothing of the kind.
#[must_use]
pub fn digest_of(arguments: &[u8]) -> u64 {
    #[derive(Deserialize)]
    struct Arguments {
        payload: Payload,
    }
    serde_json::from_slice::<Arguments>(arguments).map_or(0, |arguments| digest(&arguments.payload))
}

/// Notes that an attempt begins; what is returned notes its effect.
pub(super) fn begin(ctx: &Context, payload: &Payload) -> impl FnOnce() + use<> {
    let journal = JOURNAL.get().expect("`write_to` comes first").clone();
    let (queue, job, attempt) = (ctx.queue().to_owned(), ctx.job_id().to_string(), ctx.attempt());
    let digest = digest(payload);
    journal.note(Event::Began { queue: queue.clone(), job: job.clone(), attempt, digest });
    move || journal.note(Event::Effect { queue, job, attempt })
}

/// Takes a while.
#[task(name = "lab.wait", queue = "work")]
pub async fn wait(ctx: &Context, payload: Payload, micros: u64) {
    let end = begin(ctx, &payload);
    if micros != 0 {
        tokio::time::sleep(Duration::from_micros(micros)).await;
    }
    end();
}

/// Fails at its first attempt: by an error, or by a panic.
#[task(name = "lab.stumble", queue = "work", retries = 3, backoff = "fixed(100ms)")]
pub async fn stumble(ctx: &Context, payload: Payload, panics: bool) -> Result<(), TaskError> {
    let end = begin(ctx, &payload);
    assert!(!panics || ctx.attempt() != 1, "the first attempt panics");
    if ctx.attempt() == 1 {
        return Err(TaskError::retry("the first attempt fails"));
    }
    end();
    Ok(())
}

/// Fails at each attempt.
#[task(name = "lab.fail", queue = "work", retries = 1, backoff = "fixed(50ms)")]
pub async fn fail(ctx: &Context, payload: Payload) -> Result<(), TaskError> {
    let _ = begin(ctx, &payload);
    Err(TaskError::retry("it always fails"))
}

/// Blocks the thread that it is called on, which handlers should not.
#[task(name = "lab.block", queue = "work")]
pub async fn block(ctx: &Context, payload: Payload, millis: u64) {
    let end = begin(ctx, &payload);
    std::thread::sleep(Duration::from_millis(millis));
    end();
}

/// Takes the process with it.
#[task(name = "lab.kill", queue = "work")]
pub async fn kill(ctx: &Context, payload: Payload) {
    let _ = begin(ctx, &payload);
    std::process::abort();
}

/// Shows that its worker consumes.
#[task(name = "lab.canary", queue = "canary", retain = "none")]
pub async fn canary(ctx: &Context, payload: Payload) {
    begin(ctx, &payload)();
}

/// Returns all of them.
#[must_use]
pub fn registry() -> Registry {
    let registry = Registry::new().with::<wait>().with::<stumble>().with::<fail>().with::<block>();
    turns::with(registry.with::<kill>().with::<canary>())
}

/// A job, and what is written down of it before it is sent.
pub struct Drawn {
    /// What is sent.
    pub job: NewJob,
    /// What is written down.
    pub sent: Sent,
}

impl Drawn {
    /// A job of a task by its name, with arguments by name. Without an id it is one that schedules make.
    #[must_use]
    pub fn new(task: &str, id: String, payload: Payload, more: serde_json::Value) -> Self {
        let digest = digest(&payload);
        let mut arguments = serde_json::json!({ "payload": payload });
        if let (Some(all), serde_json::Value::Object(more)) = (arguments.as_object_mut(), more) {
            all.extend(more);
        }
        let job = NewJob::new(task).kwargs(arguments).queue(WORK).retain(KEPT);
        let job = if id.is_empty() { job } else { job.id(&id) };
        let (queue, task) = (WORK.to_owned(), task.to_owned());
        let sent = Sent { queue, job: id, task, digest, attempts: 1, priority: 5, ..Sent::default() };
        Self { job, sent }
    }

    fn retries(mut self, retries: u32, millis: u64) -> Self {
        let backoff = asyncmq::Backoff::fixed(Duration::from_millis(millis));
        self.job = self.job.retries(retries).backoff(backoff);
        self.sent.attempts = retries + 1;
        self
    }

    fn fate(mut self, fate: Fate) -> Self {
        self.sent.fate = fate;
        self
    }

    /// Puts it into another queue.
    #[must_use]
    pub fn queue(mut self, queue: &str) -> Self {
        self.job = self.job.queue(queue);
        queue.clone_into(&mut self.sent.queue);
        self
    }

    /// Lets it wait.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.job = self.job.delay(delay);
        self.sent.delay = u64::try_from(delay.as_micros()).unwrap_or(u64::MAX);
        self
    }

    /// Lets it count as the same job as others of a key.
    fn keyed(mut self, key: String, mode: Dedup) -> Self {
        let window = u64::try_from(mode.time().unwrap_or_default().as_micros()).unwrap_or(u64::MAX);
        self.job = self.job.dedup(mode).dedup_key(&key);
        if matches!(mode, Dedup::Debounce(_)) {
            self.sent.delay = window;
        }
        self.sent.dedup = Some(Keyed { key, mode: mode.name().to_owned(), window });
        self
    }

    /// Lets it take turns with the jobs of other places.
    #[must_use]
    pub fn at(mut self, place: &str) -> Self {
        self.job = self.job.key(place);
        self.sent.turn = Some(place.to_owned());
        self
    }

    fn priority(mut self, priority: u8) -> Self {
        self.job = self.job.priority(priority);
        self.sent.priority = priority;
        self
    }
}

/// Draws a job of the mix.
pub fn draw(dice: &mut Dice, id: String) -> Drawn {
    if dice.below(1_000) < turns::PART {
        return turns::draw(dice, id);
    }
    let (payload, kind, of_key) = (Payload::draw(dice), dice.below(1_000), id.clone());
    let wait = |payload, micros: u64| Drawn::new("lab.wait", id.clone(), payload, micros_of(micros));
    let drawn = match kind {
        0..845 => wait(payload, dice.below(5_000)),
        845..945 => wait(payload, 20_000 + dice.below(180_000)),
        945..975 => wait(payload, 5_000_000),
        975..985 => stumbles(id, payload, false),
        985..990 => stumbles(id, payload, true),
        990..992 => Drawn::new("lab.block", id, payload, serde_json::json!({ "millis": 3_000 })),
        992..995 => fails(id, payload),
        _ => wait(payload, 0).queue(PAUSED),
    };
    match dice.below(100) {
        0..5 => {
            // Long enough that others come meanwhile.
            let (payload, micros) = (Payload::draw(dice), 50_000 + dice.below(200_000));
            let mode = MODES[dice.below(MODES.len() as u64) as usize];
            let drawn = Drawn::new("lab.wait", of_key, payload, micros_of(micros));
            drawn.keyed(key(mode, dice.below(KEYS)), mode)
        }
        5..15 => drawn.delay(Duration::from_millis(1 + dice.below(1_500))),
        15..17 => drawn.priority(u8::try_from(dice.below(10)).unwrap_or_default()),
        _ => drawn,
    }
}

/// The modes of the jobs that have a deduplication key, each with keys of its own.
pub const MODES: [Dedup; 5] = [
    Dedup::Simple,
    Dedup::Replace,
    Dedup::KeepLast,
    Dedup::Throttle(Duration::from_millis(400)),
    Dedup::Debounce(Duration::from_millis(150)),
];
/// How many keys each mode has.
pub const KEYS: u64 = 1;

/// Returns a key of a mode.
#[must_use]
pub fn key(mode: Dedup, number: u64) -> String {
    format!("{} {number}", mode.name())
}

pub(super) fn micros_of(micros: u64) -> serde_json::Value {
    serde_json::json!({ "micros": micros })
}

/// Makes a job whose first attempt fails.
pub(super) fn stumbles(id: String, payload: Payload, panics: bool) -> Drawn {
    Drawn::new("lab.stumble", id, payload, serde_json::json!({ "panics": panics })).retries(3, 100)
}

/// Makes a job whose attempts all fail.
#[must_use]
pub fn fails(id: String, payload: Payload) -> Drawn {
    Drawn::new("lab.fail", id, payload, serde_json::Value::Null).retries(1, 50).fate(Fate::Fails)
}

/// Makes a job that several producers send under one id: the same from each.
#[must_use]
pub fn twice(number: u64) -> Drawn {
    let payload = Payload::draw(&mut Dice::new(number));
    Drawn::new("lab.wait", format!("twice-{number}"), payload, micros_of(1_000))
}

/// Makes a job that kills its processes.
pub fn poison(dice: &mut Dice, id: String) -> Drawn {
    Drawn::new("lab.kill", id, Payload::draw(dice), serde_json::Value::Null).fate(Fate::Kills)
}

/// Makes a canary for the worker that fills a place.
pub fn canary_for(place: &str, number: u64) -> Drawn {
    let payload = Payload::draw(&mut Dice::new(number));
    let id = format!("{place}-{number}");
    let mut drawn = Drawn::new("lab.canary", id, payload, serde_json::Value::Null);
    drawn.job = drawn.job.retain(Retention::Nothing);
    drawn.sent.vanishes = true;
    drawn.queue(&format!("canary.{place}"))
}
