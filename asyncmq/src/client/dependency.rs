//! What a job that is being described waits for.

use std::collections::HashMap;

use crate::client::JobHandle;
use crate::error::{Error, Result};
use crate::job::{Binding, BoundTo, Envelope, JobId, MAX_PARENTS, Name, OnFailure, Parent, Passes};

/// A job that another one waits for.
///
/// # Examples
///
/// ```
/// use asyncmq::{Dependency, NewJob, OnFailure};
/// # fn example(paid: asyncmq::JobHandle) {
/// let receipt = NewJob::new("shop.receipt").depends_on([&paid]);
/// let survey = NewJob::new("shop.survey").depends_on([Dependency::from(&paid).on_failure(OnFailure::Cancel)]);
/// # let _ = (receipt, survey); }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    pub(crate) id: JobId,
    /// Nothing where only its id was said: it is looked for when the job is enqueued.
    pub(crate) queue: Option<Name>,
    pub(crate) on_failure: OnFailure,
}

impl Dependency {
    /// Says what becomes of the job that waits if this one fails, expires, is cancelled or is removed; it fails too unless it is said.
    #[must_use]
    pub fn on_failure(self, on_failure: OnFailure) -> Self {
        Self { on_failure, ..self }
    }

    pub(crate) fn into_parent(self, passes: Passes) -> Parent {
        Parent { queue: self.queue.unwrap_or(UNKNOWN), id: self.id, on_failure: self.on_failure, passes }
    }
}

impl From<JobId> for Dependency {
    fn from(id: JobId) -> Self {
        Self { id, queue: None, on_failure: OnFailure::Fail }
    }
}

impl From<&JobId> for Dependency {
    fn from(id: &JobId) -> Self {
        id.clone().into()
    }
}

impl<T> From<&JobHandle<T>> for Dependency {
    fn from(handle: &JobHandle<T>) -> Self {
        Self { queue: Some(handle.queue_name().clone()), ..handle.id().into() }
    }
}

impl<T> From<JobHandle<T>> for Dependency {
    fn from(handle: JobHandle<T>) -> Self {
        Self::from(&handle)
    }
}

/// What a described job waits for, each once, and which of its arguments are outputs of those.
#[derive(Debug, Clone, Default)]
pub(crate) struct Waits {
    jobs: Vec<(Dependency, Passes)>,
    /// The places of those.
    places: HashMap<(JobId, Option<Name>), usize>,
    bindings: Vec<Binding>,
}

impl Waits {
    /// Adds a job to wait for.
    pub(crate) fn add(&mut self, job: Dependency) {
        self.place(job, Passes::Nothing);
    }

    /// Lets an argument be the output of a job.
    pub(crate) fn bind_one(&mut self, argument: &str, job: Dependency) {
        let from = BoundTo::One(self.place(job, Passes::Output));
        self.bindings.push(Binding { argument: argument.into(), from });
    }

    /// Lets an argument be the list of the outputs of jobs.
    pub(crate) fn bind_each(&mut self, argument: &str, jobs: Vec<Dependency>) {
        let from = BoundTo::Each(jobs.into_iter().map(|job| self.place(job, Passes::Output)).collect());
        self.bindings.push(Binding { argument: argument.into(), from });
    }

    /// Adds a job to wait for with this policy, also if it is waited for already.
    pub(crate) fn stand_behind(&mut self, job: Dependency, passes: Passes) {
        let on_failure = job.on_failure;
        let place = self.place(job, passes);
        if let Some((known, _)) = self.jobs.get_mut(place as usize) {
            known.on_failure = on_failure;
        }
    }

    fn place(&mut self, job: Dependency, passes: Passes) -> u32 {
        let next = self.jobs.len();
        let place = *self.places.entry((job.id.clone(), job.queue.clone())).or_insert(next);
        if place == next {
            self.jobs.push((job, Passes::Nothing));
        }
        if let Some((_, known)) = self.jobs.get_mut(place) {
            *known = passes.max(*known);
        }
        u32::try_from(place).unwrap_or(u32::MAX)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    /// Brings it into an envelope.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for too many.
    pub(crate) fn put_into(self, envelope: &mut Envelope) -> Result<()> {
        if MAX_PARENTS < self.jobs.len() {
            return Err(Error::Invalid(format!(
                "a job of task {:?} waits for {} others, {MAX_PARENTS} are allowed: let some jobs in between wait for a part of them each",
                &*envelope.task,
                self.jobs.len()
            )));
        }
        let parents = self.jobs.into_iter().map(|(job, passes)| job.into_parent(passes));
        let extras = envelope.extras_mut();
        extras.parents = parents.collect();
        extras.bindings = self.bindings;
        Ok(())
    }
}

/// The queue of a parent of which only the id was said.
pub(super) const UNKNOWN: Name = Name::from_static("");
