//! Turns a described job into the envelope that goes into the store: fills in the task's options and checks all of it.

use std::sync::Arc;
use std::time::Duration;

use crate::backend::{TaskDefaults, TaskInfo};
use crate::client::new_job::{NewJob, Overrides, TaskRef};
use crate::error::{Error, Result};
use crate::job::{Backoff, Dedup, DedupKey, Due, Envelope, Extras, JobId, Name, Retention, checked_key};
use crate::task::TaskDefinition;

/// What a task says about its jobs, from whichever place it is known.
pub(crate) enum Known<'a> {
    /// Its code is linked here.
    Linked(&'static TaskDefinition),
    /// A worker has published it.
    Published(&'a TaskInfo),
    /// Nobody here has heard of it: the job waits for a worker that knows it.
    Unknown,
}

/// Checks a job and puts it into an envelope, with a new id if it has none of its own.
pub(crate) fn seal<T>(
    job: NewJob<T>,
    known: &Known<'_>,
    queue: Option<&Name>,
    max_payload: usize,
) -> Result<Arc<Envelope>> {
    let task = match &job.task {
        TaskRef::Linked(definition) => Name::from_static(definition.name()),
        TaskRef::Named(name) => Name::task(name)?,
    };
    let args = job.arguments.into_bytes(&task, max_payload)?;
    let own = job.overrides;
    let id = match own.as_ref().and_then(|own| own.id.as_deref()) {
        Some(id) => JobId::custom(id)?,
        None => JobId::generate(),
    };
    let queue = match (own.as_ref().and_then(|own| own.queue.as_deref()), queue) {
        (Some(name), _) => Name::queue(name)?,
        (None, Some(queue)) => queue.clone(),
        (None, None) => known.queue(),
    };
    let mut envelope = Envelope::new(id, queue, task, args);
    known.fill(&mut envelope);
    if known.is_keyed() && own.as_ref().is_none_or(|own| own.key.is_none()) {
        return Err(Error::Invalid(format!(
            "the jobs of task {:?} take turns by key, and this one has none: give it `.key(…)`, the same text that the task makes of its arguments",
            envelope.task
        )));
    }
    let asked = own.as_ref().map(|own| (own.dedup, own.dedup_key.clone(), own.due));
    if let Some(own) = own {
        override_with(&mut envelope, *own)?;
    }
    deduplicate(&mut envelope, known, asked.unwrap_or_default())?;
    if let Some(trace) = super::trace::to_carry(&envelope) {
        envelope.extras_mut().headers.extend(trace.into_headers());
    }
    Ok(Arc::new(envelope))
}

impl Known<'_> {
    fn queue(&self) -> Name {
        match self {
            Self::Linked(definition) => Name::from_static(definition.queue()),
            Self::Published(info) => info.queue.clone(),
            Self::Unknown => Name::from_static("default"),
        }
    }

    /// Tells whether each job of the task has a key by which it takes turns.
    fn is_keyed(&self) -> bool {
        match self {
            Self::Linked(definition) => definition.options().keyed,
            Self::Published(info) => info.defaults.keyed,
            Self::Unknown => false,
        }
    }

    fn fill(&self, envelope: &mut Envelope) {
        match self {
            Self::Linked(definition) => fill_linked(envelope, definition),
            Self::Published(info) => fill_published(envelope, info.version, &info.defaults),
            Self::Unknown => {}
        }
    }

    /// Returns which jobs of the task count as the same one, and whether only its code can tell their key.
    fn dedup(&self) -> (Option<Dedup>, bool) {
        match self {
            Self::Linked(definition) => (definition.options().dedup, false),
            Self::Published(info) => (info.defaults.dedup, info.defaults.dedup_keyed),
            Self::Unknown => (None, false),
        }
    }

    /// Returns the key that the task's own expression gives for these arguments.
    fn dedup_key(&self, args: &[u8]) -> Result<Option<String>> {
        match self {
            Self::Linked(TaskDefinition { name, dedup_key: Some(key), .. }) => {
                let unreadable = |error| Error::Payload {
                    task: (*name).to_owned(),
                    reason: format!("do not give its `dedup_key`: {error}"),
                };
                key(args).map_err(unreadable)
            }
            _ => Ok(None),
        }
    }
}

fn fill_linked(envelope: &mut Envelope, definition: &'static TaskDefinition) {
    let options = definition.options();
    envelope.version = options.version;
    envelope.max_attempts = attempts(options.retries);
    envelope.priority = options.priority;
    envelope.ttl = options.ttl;
    envelope.timeout = options.timeout;
    envelope.backoff = options.backoff.clone();
    envelope.retention = options.retain;
    envelope.due = options.delay.map_or(Due::Now, Due::After);
    if !options.tags.is_empty() {
        envelope.extras_mut().tags = options.tags.iter().map(ToString::to_string).collect();
    }
}

fn fill_published(envelope: &mut Envelope, version: u32, defaults: &TaskDefaults) {
    envelope.version = version;
    envelope.max_attempts = defaults.max_attempts;
    envelope.priority = defaults.priority;
    envelope.ttl = defaults.ttl;
    envelope.timeout = defaults.timeout;
    envelope.backoff = defaults.backoff.clone();
    envelope.retention = defaults.retention;
    envelope.due = defaults.delay.map_or(Due::Now, Due::After);
    if !defaults.tags.is_empty() {
        envelope.extras_mut().tags.clone_from(&defaults.tags);
    }
}

/// `retries = 3` means three more tries; records count all of them.
pub(crate) const fn attempts(retries: u32) -> u32 {
    retries.saturating_add(1)
}

fn override_with(envelope: &mut Envelope, own: Overrides) -> Result<()> {
    fn set<T>(field: &mut T, value: Option<T>) {
        if let Some(value) = value {
            *field = value;
        }
    }
    set(&mut envelope.due, own.due);
    set(&mut envelope.priority, own.priority);
    set(&mut envelope.max_attempts, own.retries.map(attempts));
    set::<Backoff>(&mut envelope.backoff, own.backoff);
    set::<Retention>(&mut envelope.retention, own.retention);
    set::<Option<Duration>>(&mut envelope.ttl, own.ttl.map(Some));
    set::<Option<Duration>>(&mut envelope.timeout, own.timeout.map(Some));
    if let Some(key) = own.key {
        envelope.extras_mut().key = Some(checked_key(&key)?);
    }
    if !own.waits.is_empty() {
        own.waits.put_into(envelope)?;
        envelope.extras_mut().only_if_failed = own.only_if_failed;
    }
    if !(own.tags.is_empty() && own.headers.is_empty()) {
        let extras: &mut Extras = envelope.extras_mut();
        extras.tags.extend(own.tags);
        extras.headers = own.headers;
    }
    Ok(())
}

/// Gives a job its deduplication key, if it or its task asks for one: that of the job itself, that of the task's expression,
/// or one made of its task and arguments.
fn deduplicate(
    envelope: &mut Envelope,
    known: &Known<'_>,
    (own, key, due): (Option<Dedup>, Option<String>, Option<Due>),
) -> Result<()> {
    let (of_task, only_its_code_can_tell) = known.dedup();
    let Some(mode) = own.or(of_task) else {
        return match key {
            Some(_) => Err(Error::Invalid(format!(
                "a job of task {:?} has a `dedup_key` and no `dedup`: say what becomes of jobs that have one key, as in \
                 `.dedup(Dedup::Simple)`",
                &*envelope.task
            ))),
            None => Ok(()),
        };
    };
    if matches!(mode, Dedup::Debounce(_)) && due.is_some() {
        return Err(Error::Invalid(format!(
            "a job of task {:?} is debounced, which says when it is due: remove its `delay` or `at`",
            &*envelope.task
        )));
    }
    let key = match key {
        Some(key) => Some(key),
        None => known.dedup_key(&envelope.args)?,
    };
    let key = match key {
        Some(key) => DedupKey::new(&key, mode)?,
        None if only_its_code_can_tell => {
            return Err(Error::Unsupported(format!(
                "only the code of task {:?}, which is not linked here, can tell its `dedup_key`: give the job one with `.dedup_key(…)`",
                &*envelope.task
            )));
        }
        None => DedupKey::of_arguments(&envelope.task, &envelope.args, mode)?,
    };
    if mode == Dedup::KeepLast && !envelope.extras().parents.is_empty() {
        return Err(Error::Invalid(format!(
            "a job of task {:?} waits for others and is kept blocked behind its like (`keep_last`), and cannot do both: choose another `dedup`",
            &*envelope.task
        )));
    }
    envelope.deduplicate(key);
    Ok(())
}
