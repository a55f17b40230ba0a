//! Which events a listener wants.

use crate::event::{Event, EventKind};
use crate::job::{JobId, Name};

/// Which events a listener wants; empty lists mean every one.
///
/// # Examples
///
/// ```
/// use asyncmq::{EventFilter, EventKind};
///
/// let filter = EventFilter::from(EventKind::Failed).queue("email");
/// assert!(EventFilter::parse("job:*").is_ok());
/// assert!(EventFilter::parse("job:faild").is_err());
/// # let _ = filter;
/// ```
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    kinds: Vec<EventKind>,
    queues: Vec<String>,
    tasks: Vec<String>,
    job: Option<(Name, JobId)>,
}

impl EventFilter {
    /// Wants every event.
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }

    /// Reads a kind's name, or a pattern such as `job:*` or `*`.
    ///
    /// # Errors
    ///
    /// A message that names the kinds there are.
    pub fn parse(pattern: &str) -> Result<Self, crate::error::Error> {
        Self::all().kinds_like(pattern)
    }

    /// Adds the kinds that a name or a pattern such as `job:*` means.
    ///
    /// # Errors
    ///
    /// A message that names the kinds there are.
    pub fn kinds_like(mut self, pattern: &str) -> Result<Self, crate::error::Error> {
        let kinds: Vec<_> = EventKind::ALL.iter().copied().filter(|kind| matches(pattern, *kind)).collect();
        if kinds.is_empty() {
            let known: Vec<_> = EventKind::ALL.iter().map(|kind| kind.name()).collect();
            let known = known.join(", ");
            return Err(crate::error::Error::Invalid(format!(
                "no event is called {pattern:?}; write `*`, `job:*` or one of {known}"
            )));
        }
        self.kinds.extend(kinds);
        Ok(self)
    }

    /// Adds a kind.
    #[must_use]
    pub fn kind(mut self, kind: EventKind) -> Self {
        self.kinds.push(kind);
        self
    }

    /// Adds a queue.
    #[must_use]
    pub fn queue(mut self, queue: impl Into<String>) -> Self {
        self.queues.push(queue.into());
        self
    }

    /// Adds a task.
    #[must_use]
    pub fn task(mut self, task: impl Into<String>) -> Self {
        self.tasks.push(task.into());
        self
    }

    /// Wants the events of one job only.
    #[must_use]
    pub fn job(mut self, queue: Name, id: JobId) -> Self {
        self.job = Some((queue, id));
        self
    }

    /// Returns the one job whose events are wanted, if it is one job.
    #[must_use]
    pub const fn wanted_job(&self) -> Option<&(Name, JobId)> {
        self.job.as_ref()
    }

    /// Tells whether the listener wants this event.
    #[must_use]
    pub fn wants(&self, event: &Event) -> bool {
        fn among(list: &[String], name: Option<&str>) -> bool {
            list.is_empty() || name.is_some_and(|name| list.iter().any(|wanted| wanted == name))
        }
        (self.kinds.is_empty() || self.kinds.contains(&event.kind()))
            && among(&self.queues, event.queue())
            && among(&self.tasks, event.task())
            && self
                .job
                .as_ref()
                .is_none_or(|(queue, id)| event.job_id() == Some(id) && event.queue() == Some(queue.as_str()))
    }
}

impl From<EventKind> for EventFilter {
    fn from(kind: EventKind) -> Self {
        Self::default().kind(kind)
    }
}

impl<const N: usize> From<[EventKind; N]> for EventFilter {
    fn from(kinds: [EventKind; N]) -> Self {
        Self { kinds: kinds.into(), ..Self::default() }
    }
}

fn matches(pattern: &str, kind: EventKind) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => kind.name().starts_with(start),
        None => kind.name() == pattern,
    }
}
