//! Jobs that belong together: pushed as a whole, looked at as a whole.

mod enqueue;
mod events;
mod graph;
mod handle;
mod own;
mod stage;

pub use enqueue::EnqueueFlow;
pub use events::FlowEvents;
pub(crate) use graph::ended_badly;
pub use graph::{FlowGraph, FlowNode, FlowState};
pub use handle::FlowHandle;
pub(crate) use own::{
    EACH, EachArgs, GATE, GateArgs, HEAD, HeadArgs, MADE_FOR, STAGING, first_made, head_id, made_id, part_id,
};

use std::fmt;
use std::time::Duration;

use crate::client::dependency::Dependency;
use crate::client::new_job::NewJob;
use crate::client::node::Node;
use crate::client::{Client, Untyped, default};
use crate::error::{Error, Result};
use crate::job::{JobId, OnFailure, Passes};
use crate::task::Task;
use own::{MAX_FLOW_ID, element_id};

/// Jobs of which some wait for others, enqueued as a whole: all of them or none.
///
/// A job is added as it would be enqueued, or made by the stub `with` of its task, whose arguments may be nodes: what those jobs
/// return. An output of another type than the argument does not compile.
///
/// # Examples
///
/// ```
/// use asyncmq::{Flow, task};
///
/// #[task]
/// async fn fetch(url: String) -> Vec<u32> {
///     vec![url.len() as u32]
/// }
///
/// #[task]
/// async fn total(parts: Vec<u32>) -> u32 {
///     parts.iter().sum()
/// }
///
/// #[task]
/// async fn report(name: String, totals: Vec<u32>) {
///     # let _ = (name, totals);
/// }
///
/// # async fn example(client: asyncmq::Client) -> asyncmq::Result<()> {
/// let mut flow = Flow::new();
/// let totals: Vec<_> = ["https://a.example", "https://b.example"]
///     .map(|url| {
///         let page = flow.add(fetch::job(url));
///         flow.add(total::with(&page))
///     })
///     .into();
/// let report = flow.add(report::with("weekly", &totals));
/// let flow = flow.enqueue_on(&client).await?;
/// flow.result(&report).await?;
/// # Ok(()) }
/// ```
pub struct Flow {
    id: Result<String>,
    /// Whether the caller gave it its id, and may enqueue it again.
    is_named: bool,
    /// How long its record is kept once it has completed.
    retain: Option<Duration>,
    jobs: Vec<Added>,
    /// Each with whether it is to complete: not if it runs only if others fail.
    nodes: Vec<(Dependency, bool)>,
}

/// What was added to a flow.
enum Added {
    /// A job.
    Job(Box<NewJob>),
    /// A job like this of each element of a list.
    Each { list: Dependency, job: Box<NewJob>, optional: bool },
}

impl Default for Flow {
    fn default() -> Self {
        Self::new()
    }
}

impl Flow {
    /// Begins a flow with an id of its own.
    #[must_use]
    pub fn new() -> Self {
        Self {
            id: Ok(JobId::generate().to_string()),
            is_named: false,
            retain: None,
            jobs: Vec::new(),
            nodes: Vec::new(),
        }
    }

    /// Begins a flow with this id: 1 to 200 bytes without control characters. Enqueued again, it is left as it is for as
    /// long as its record is kept.
    #[must_use]
    pub fn with_id(id: impl Into<String>) -> Self {
        let id = id.into();
        let checked = match id.len() {
            1..=MAX_FLOW_ID => JobId::custom(&id).map(|_| id),
            _ => Err(Error::Invalid(format!(
                "the id of a flow has 1 to {MAX_FLOW_ID} bytes, this one has {}",
                id.len()
            ))),
        };
        Self { id: checked, is_named: true, ..Self::new() }
    }

    /// Sets how long it is kept once it has completed, however many there are. Unless this is called that is 1 h, and counts as one of the 10,000
    /// completed jobs that the queue of its first job keeps. A failed one is kept as a dead letter is.
    ///
    /// Its jobs are kept until it goes, however long ago each ended and however it did, and go with it. Only a job that is to leave nothing
    /// behind, by `retain = "none"` of its task or [`Retention::Nothing`](crate::Retention::Nothing), does not, and one that asks for more
    /// time itself has it.
    #[must_use]
    pub fn retain(self, time: Duration) -> Self {
        Self { retain: Some(time), ..self }
    }

    /// Adds a job. What is returned stands for it: other jobs of the flow wait for it, or take its output.
    pub fn add<T: Task>(&mut self, job: NewJob<T>) -> Node<T::Output> {
        Node::of(self.take_in(Added::Job(Box::new(job.untyped()))))
    }

    /// Adds a job by name, whose output is read as any JSON.
    pub fn add_named(&mut self, job: NewJob<Untyped>) -> Node<serde_json::Value> {
        Node::of(self.take_in(Added::Job(Box::new(job))))
    }

    /// Adds a job for each element of the list that another one returns: as many as there are then, at most 20,000. What is returned
    /// stands for the list of their outputs, in that order; if some of them do not complete, it fails once all have ended.
    ///
    /// `job` is called once, with a node that stands for the element.
    ///
    /// # Examples
    ///
    /// ```
    /// use asyncmq::{Flow, task};
    ///
    /// #[task]
    /// async fn chapters(book: String) -> Vec<String> {
    ///     book.split("***").map(str::to_owned).collect()
    /// }
    ///
    /// #[task]
    /// async fn words(text: String) -> usize {
    ///     text.split_whitespace().count()
    /// }
    ///
    /// #[task]
    /// async fn total(counts: Vec<usize>) -> usize {
    ///     counts.iter().sum()
    /// }
    ///
    /// let mut flow = Flow::new();
    /// let chapters = flow.add(chapters::job("a b *** c"));
    /// let counts = flow.map(&chapters, |chapter| words::with(chapter));
    /// let total = flow.add(total::with(&counts));
    /// # let _ = total;
    /// ```
    pub fn map<E, T: Task>(
        &mut self,
        list: &Node<Vec<E>>,
        job: impl FnOnce(Node<E>) -> NewJob<T>,
    ) -> Node<Vec<T::Output>> {
        Node::of(self.take_each(list, job(Node::of(element_id().into())).untyped(), false))
    }

    /// Does what [`Flow::map`] does, and gives `None` for those that do not complete.
    pub fn map_optional<E, T: Task>(
        &mut self,
        list: &Node<Vec<E>>,
        job: impl FnOnce(Node<E>) -> NewJob<T>,
    ) -> Node<Vec<Option<T::Output>>> {
        Node::of(self.take_each(list, job(Node::of(element_id().into())).untyped(), true))
    }

    /// Adds a job by name for each element of the list that another one returns: see [`Flow::map`].
    pub fn map_named<O>(
        &mut self,
        list: &Node<O>,
        job: impl FnOnce(Node<serde_json::Value>) -> NewJob<Untyped>,
    ) -> Node<serde_json::Value> {
        Node::of(self.take_each(list, job(Node::of(element_id().into())), false))
    }

    fn take_each<O>(&mut self, list: &Node<O>, job: NewJob, optional: bool) -> Dependency {
        self.take_in(Added::Each { list: list.into(), job: Box::new(job), optional })
    }

    /// Adds a job that runs once every job that was added before has completed; if one does not, it is cancelled. Those that run only if
    /// some fail do not count.
    pub fn on_success<T: Task>(&mut self, job: NewJob<T>) -> Node<T::Output> {
        let wanted = self.wanted(OnFailure::Cancel);
        self.add(job.behind(wanted, Passes::Nothing))
    }

    /// Adds a job that runs once every job that was added before has ended and some did not complete; if all do, it is cancelled. Those that
    /// run only if some fail do not count.
    pub fn on_failure<T: Task>(&mut self, job: NewJob<T>) -> Node<T::Output> {
        let wanted = self.wanted(OnFailure::Run);
        let node = self.add(job.behind(wanted, Passes::End).only_if_failed());
        if let Some((_, is_wanted)) = self.nodes.last_mut() {
            *is_wanted = false;
        }
        node
    }

    /// Adds a job that runs once every job that was added before has ended, however.
    pub fn finally<T: Task>(&mut self, job: NewJob<T>) -> Node<T::Output> {
        let all = self.nodes.iter().map(|(node, _)| node.clone().on_failure(OnFailure::Run)).collect();
        self.add(job.behind(all, Passes::Nothing))
    }

    /// Lists the jobs that are to complete.
    fn wanted(&self, on_failure: OnFailure) -> Vec<Dependency> {
        let wanted = self.nodes.iter().filter(|(_, is_wanted)| *is_wanted);
        wanted.map(|(node, _)| node.clone().on_failure(on_failure)).collect()
    }

    fn take_in(&mut self, added: Added) -> Dependency {
        let place = self.jobs.len();
        let id = self.id.as_ref().map_or_else(|_| JobId::generate(), |id| part_id(id, place));
        self.jobs.push(added);
        let node = Dependency::from(id);
        self.nodes.push((node.clone(), true));
        node
    }

    /// Enqueues all jobs through the default client: all or none.
    ///
    /// # Errors
    ///
    /// What [`Flow::enqueue_on`] says, and that the default client cannot be made.
    pub fn enqueue(self) -> EnqueueFlow {
        match default::current() {
            Some(client) => self.enqueue_on(&client),
            None => {
                EnqueueFlow(Box::pin(
                    async move { default::from_environment().await?.enqueue_flow(self).await },
                ))
            }
        }
    }

    /// Enqueues all jobs through this client: none runs before all are there. A flow of the same id that is kept is left
    /// as it is.
    ///
    /// A small flow is one step of the store. One of more jobs than a call carries (1,000, in Redis about 90), or of queues in several
    /// slots of a cluster, is sent in several calls behind a job that holds it back until all are there; if this process
    /// ends before, that job removes what is there within five minutes.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for a flow without jobs, with more than 20,000, or with jobs that wait for each other in a circle; [`Error::ParentGone`] for a job
    /// outside of it that is not known; [`Error::Bulk`] names the place of a job that is refused. Nothing was enqueued then. [`Error::OtherTask`]: a job that is not of this
    /// flow has the id of one that is; what had begun by then is cancelled.
    /// [`Error::Unconfirmed`]: the store did not answer, and nothing may run yet; enqueue a flow of the same id again. [`Error::Store`]: the store refused.
    pub fn enqueue_on(self, client: &Client) -> EnqueueFlow {
        let client = client.clone();
        EnqueueFlow(Box::pin(async move { client.enqueue_flow(self).await }))
    }
}

impl<T> NewJob<T> {
    /// Waits for all of these, each with its policy, whatever was said of some before.
    fn behind(self, jobs: Vec<Dependency>, passes: Passes) -> Self {
        self.with(|own| jobs.into_iter().for_each(|job| own.waits.stand_behind(job, passes)))
    }

    /// Runs only if some of those of which it is told whether they completed did not.
    fn only_if_failed(self) -> Self {
        self.with(|own| own.only_if_failed = true)
    }
}

impl fmt::Debug for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flow")
            .field("id", &self.id.as_ref().ok())
            .field("jobs", &self.jobs.len())
            .finish_non_exhaustive()
    }
}
