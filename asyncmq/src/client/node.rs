//! Jobs whose outputs are arguments of others, and what an argument may be given as.

use std::marker::PhantomData;

use crate::client::JobHandle;
use crate::client::dependency::Dependency;
use crate::job::{JobId, OnFailure};
use crate::task::Task;

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

/// A list without nodes waits for nobody: it is the empty list, as if it had been given.
fn each<T>(jobs: Vec<Dependency>) -> Fed<Vec<T>> {
    if jobs.is_empty() { Fed::Value(Vec::new()) } else { Fed::Each(jobs) }
}

impl<T> Feed<Vec<T>> for &[Node<T>] {
    fn feed(self) -> Fed<Vec<T>> {
        each(self.iter().map(Into::into).collect())
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
        each(self.map(Into::into).into())
    }
}

impl<T> Feed<Vec<Option<T>>> for Vec<OptionalNode<T>> {
    fn feed(self) -> Fed<Vec<Option<T>>> {
        each(self.into_iter().map(|node| node.0.job).collect())
    }
}
