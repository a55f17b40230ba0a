//! What a job that is being described waits for, and where it takes arguments from.

use std::marker::PhantomData;

use crate::client::{Client, JobHandle};
use crate::error::{Error, Result};
use crate::job::{Binding, BoundTo, Envelope, JobId, Name, OnFailure, Parent};
use crate::task::Task;

/// How many jobs one may wait for.
pub(crate) const MAX_PARENTS: usize = 10_000;

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

/// A job whose output another one may take as an argument: a node of a [`Flow`](crate::Flow), or what
/// [`JobHandle::output`] gives. `O` is what it returns.
///
/// To wait for it without taking its output, give it to [`NewJob::depends_on`](crate::NewJob::depends_on).
pub struct Node<O> {
    pub(crate) job: Dependency,
    marker: PhantomData<fn() -> O>,
}

/// The output of a job that may fail, as an argument that may be absent: what [`Node::optional`] makes of a node.
pub struct OptionalNode<O>(Node<O>);

impl<O> Node<O> {
    pub(crate) const fn of(job: Dependency) -> Self {
        Self { job, marker: PhantomData }
    }

    /// Returns the id that its job has or will have.
    #[must_use]
    pub const fn id(&self) -> &JobId {
        &self.job.id
    }

    /// Lets whoever takes its output run also if it does not complete, with `None`.
    #[must_use]
    pub fn optional(&self) -> OptionalNode<O> {
        OptionalNode(Self::of(self.job.clone().on_failure(OnFailure::Run)))
    }
}

impl<T: Task> JobHandle<T> {
    /// Returns the job as one whose output another job may take: `ship::with(paid.output(), "Baker Street 221b")`.
    #[must_use]
    pub fn output(&self) -> Node<T::Output> {
        Node::of(self.into())
    }
}

impl<O> Clone for Node<O> {
    fn clone(&self) -> Self {
        Self::of(self.job.clone())
    }
}

impl<O> std::fmt::Debug for Node<O> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Node").field(&self.job.id).finish()
    }
}

impl<O> std::fmt::Debug for OptionalNode<O> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("OptionalNode").field(&self.0.job.id).finish()
    }
}

impl<O> From<&Node<O>> for Dependency {
    fn from(node: &Node<O>) -> Self {
        node.job.clone()
    }
}

impl<O> From<Node<O>> for Dependency {
    fn from(node: Node<O>) -> Self {
        node.job
    }
}

/// An argument that is given, or that will be what other jobs return.
#[derive(Debug)]
pub enum Fed<T> {
    /// It is given.
    Value(T),
    /// It will be the output of this job.
    One(Dependency),
    /// It will be the list of the outputs of these.
    Each(Vec<Dependency>),
}

/// What an argument of type `T` may be given as: a value, or a [`Node`] whose job returns one.
#[diagnostic::on_unimplemented(
    message = "the argument is a `{T}`, and cannot be taken from a `{Self}`",
    label = "give a `{T}`, a node whose job returns one, for a `Vec` a list of nodes, or for an `Option` `node.optional()`"
)]
pub trait Feed<T> {
    /// Returns what the argument is, or will be.
    fn feed(self) -> Fed<T>;
}

impl<T> Feed<T> for T {
    fn feed(self) -> Fed<T> {
        Fed::Value(self)
    }
}

impl Feed<String> for &str {
    fn feed(self) -> Fed<String> {
        Fed::Value(self.to_owned())
    }
}

impl<T> Feed<T> for &Node<T> {
    fn feed(self) -> Fed<T> {
        Fed::One(self.into())
    }
}

impl<T> Feed<T> for Node<T> {
    fn feed(self) -> Fed<T> {
        Fed::One(self.into())
    }
}

impl<T> Feed<Option<T>> for OptionalNode<T> {
    fn feed(self) -> Fed<Option<T>> {
        Fed::One(self.0.job)
    }
}

impl<T> Feed<Vec<T>> for &[Node<T>] {
    fn feed(self) -> Fed<Vec<T>> {
        Fed::Each(self.iter().map(Into::into).collect())
    }
}

impl<T> Feed<Vec<T>> for &Vec<Node<T>> {
    fn feed(self) -> Fed<Vec<T>> {
        self.as_slice().feed()
    }
}

impl<T> Feed<Vec<T>> for Vec<Node<T>> {
    fn feed(self) -> Fed<Vec<T>> {
        self.as_slice().feed()
    }
}

impl<T, const N: usize> Feed<Vec<T>> for [&Node<T>; N] {
    fn feed(self) -> Fed<Vec<T>> {
        Fed::Each(self.map(Into::into).into())
    }
}

impl<T> Feed<Vec<Option<T>>> for Vec<OptionalNode<T>> {
    fn feed(self) -> Fed<Vec<Option<T>>> {
        Fed::Each(self.into_iter().map(|node| node.0.job).collect())
    }
}

/// What a described job waits for, each once, and which of its arguments are outputs of those.
#[derive(Debug, Clone, Default)]
pub(crate) struct Waits {
    jobs: Vec<(Dependency, bool)>,
    bindings: Vec<Binding>,
}

impl Waits {
    /// Adds a job to wait for.
    pub(crate) fn add(&mut self, job: Dependency) {
        self.place(job, false);
    }

    /// Lets an argument be the output of a job.
    pub(crate) fn bind_one(&mut self, argument: &str, job: Dependency) {
        let from = BoundTo::One(self.place(job, true));
        self.bindings.push(Binding { argument: argument.into(), from });
    }

    /// Lets an argument be the list of the outputs of jobs.
    pub(crate) fn bind_each(&mut self, argument: &str, jobs: Vec<Dependency>) {
        let from = BoundTo::Each(jobs.into_iter().map(|job| self.place(job, true)).collect());
        self.bindings.push(Binding { argument: argument.into(), from });
    }

    /// Waits for each of these whatever becomes of it, and takes note of who passes something on.
    pub(crate) fn watch(&mut self, job: Dependency) {
        self.place(job, true);
    }

    fn place(&mut self, job: Dependency, passes: bool) -> u32 {
        let same = |(known, _): &(Dependency, bool)| known.id == job.id && known.queue == job.queue;
        let place = self.jobs.iter().position(same).unwrap_or_else(|| {
            self.jobs.push((job, false));
            self.jobs.len() - 1
        });
        if let Some((_, known)) = self.jobs.get_mut(place) {
            *known |= passes;
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
        let parents = self.jobs.into_iter().map(|(job, passes)| Parent {
            queue: job.queue.unwrap_or(UNKNOWN),
            id: job.id,
            on_failure: job.on_failure,
            passes,
        });
        let extras = envelope.extras_mut();
        extras.parents = parents.collect();
        extras.bindings = self.bindings;
        Ok(())
    }
}

/// The queue of a parent of which only the id was said.
const UNKNOWN: Name = Name::from_static("");

/// Finds the queues of those parents of which only the ids were said: among the jobs that are sent, then in the store.
pub(crate) async fn find_parents(client: &Client, jobs: &mut [std::sync::Arc<Envelope>]) -> Result<()> {
    for at in 0..jobs.len() {
        let Some(job) = jobs.get(at).filter(|job| has_unknown(job)) else { continue };
        let mut found = Envelope::clone(job);
        let (id, own) = (found.id.clone(), found.queue.clone());
        for parent in &mut found.extras_mut().parents {
            if parent.queue == UNKNOWN {
                let sent = jobs.iter().find(|other| other.id == parent.id).map(|other| other.queue.clone());
                parent.queue =
                    match sent {
                        Some(queue) => queue,
                        None => queue_of(client, &parent.id, &own).await?.ok_or_else(|| {
                            Error::ParentGone { id: id.clone(), parent: parent.id.to_string(), queue: None }
                        })?,
                    };
            }
        }
        if let Some(job) = jobs.get_mut(at) {
            *job = std::sync::Arc::new(found);
        }
    }
    Ok(())
}

fn has_unknown(job: &Envelope) -> bool {
    job.extras().parents.iter().any(|parent| parent.queue == UNKNOWN)
}

/// Returns the queue of a kept job, `own` if it has one of that id.
async fn queue_of(client: &Client, id: &JobId, own: &Name) -> Result<Option<Name>> {
    let found = client.handle.ask("look a job up", client.backend().find_everywhere(id)).await?;
    let queue = found.iter().find(|job| job.queue_name() == own).or(found.first());
    Ok(queue.map(|job| job.queue_name().clone()))
}
