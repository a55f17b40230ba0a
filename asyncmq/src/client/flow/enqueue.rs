//! Takes a flow in: in one step, or, if it is too large for one, behind a gate that opens once all of its jobs are there.

use std::collections::HashSet;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Poller, Poll};
use std::time::Duration;

use super::own::{each, gate, head, part_id};
use super::{Added, Flow, FlowHandle};
use crate::backend::{MAX_BATCH, Ordered, Pushed};
use crate::client::order::{in_order, parents_first};
use crate::client::parents::{check_outside, find_parents};
use crate::client::{Client, JobHandle, Untyped};
use crate::error::{Error, Result};
use crate::job::{Envelope, JobId, JobState, MAX_PARENTS, Name, OnFailure, Parent, Passes};

/// How often jobs that one step takes in may wait for others in all.
const STEP_EDGES: usize = 10_000;
/// How often jobs of a flow may wait for others in all.
const MAX_EDGES: usize = 200_000;
/// How long somebody else's gate is waited for.
const GATE_OPENS: Duration = Duration::from_secs(10);

impl Client {
    pub(super) async fn enqueue_flow(&self, flow: Flow) -> Result<FlowHandle> {
        let id = flow.id?;
        if flow.jobs.is_empty() || MAX_PARENTS < flow.jobs.len() {
            return Err(Error::Invalid(format!(
                "a flow has 1 to {MAX_PARENTS} jobs, this one has {}: let a job enqueue what is more",
                flow.jobs.len()
            )));
        }
        let mut jobs = Vec::with_capacity(flow.jobs.len() + 1);
        for (place, added) in flow.jobs.into_iter().enumerate() {
            let sealed = self.seal_part(&id, place, added).await;
            jobs.push(sealed.map_err(|error| Error::Bulk { index: place, source: Box::new(error) })?);
        }
        find_parents(self, &mut jobs).await?;
        let edges: usize = jobs.iter().map(|job| job.extras().parents.len()).sum();
        if MAX_EDGES < edges {
            return Err(Error::Invalid(format!(
                "the jobs of a flow wait for each other {edges} times in all, {MAX_EDGES} are allowed: let one job wait for many, and the others \
                 for that one"
            )));
        }
        let order = parents_first(&jobs)?;
        check_outside(self, &jobs).await?;
        let head = head(&id, &jobs)?;
        let mut sorted = order.map_or_else(|| jobs.clone(), |order| in_order(&order, &jobs));
        sorted.push(head.clone());
        let handle = FlowHandle::new(self, &head);
        if self.is_one_step(&sorted) {
            let answers = self.handle.push_whole(&sorted).await?;
            self.all_or_nothing(&handle, &sorted, &answers).await?;
        } else {
            self.stage(&handle, &head, sorted).await?;
        }
        Ok(handle)
    }

    async fn seal_part(&self, flow: &str, place: usize, added: Added) -> Result<Arc<Envelope>> {
        let id = part_id(flow, place);
        match added {
            Added::Job(job) => {
                let mut job = Envelope::clone(&*self.seal(*job, None).await?);
                refuse_dedup(&job)?;
                job.id = id;
                job.extras_mut().flow = Some(flow.into());
                Ok(Arc::new(job))
            }
            Added::Each { list, job, optional } => {
                let template = Envelope::clone(&*self.seal(*job, None).await?);
                refuse_dedup(&template)?;
                each(flow, id, template, list.into_parent(Passes::Output), optional)
            }
        }
    }

    /// Tells whether the store takes these jobs in in one step that does not keep others waiting.
    fn is_one_step(&self, jobs: &[Arc<Envelope>]) -> bool {
        let backend = self.backend();
        let edges: usize = jobs.iter().map(|job| job.extras().parents.len()).sum();
        let weight: usize = jobs.iter().map(|job| backend.weight(job)).sum();
        let queues: HashSet<&Name> = jobs.iter().map(|job| &job.queue).collect();
        jobs.len() <= MAX_BATCH && edges <= STEP_EDGES && weight <= MAX_BATCH && backend.share_steps(&queues)
    }

    /// Undoes what a push took in if a job of it was refused: it has the id of another task's job, or waits for one that went since it
    /// was looked for.
    async fn all_or_nothing(
        &self,
        handle: &FlowHandle,
        jobs: &[Arc<Envelope>],
        answers: &[Pushed],
    ) -> Result<()> {
        let refused =
            jobs.iter().zip(answers).find_map(|(job, pushed)| self.handle_to::<Untyped>(job, pushed).err());
        match refused {
            None => Ok(()),
            Some(error) => handle.remove_added(jobs, answers).await.and(Err(error)),
        }
    }

    /// Takes jobs in behind a gate. If this process ends before all are there, the gate's job removes what is.
    async fn stage(
        &self,
        handle: &FlowHandle,
        head: &Arc<Envelope>,
        mut jobs: Vec<Arc<Envelope>>,
    ) -> Result<()> {
        let gate = gate(handle.id(), head)?;
        let entry = self.push_gate(&gate).await?;
        wait_for_gate(&mut jobs, &gate);
        let answers = self.handle.push(&jobs).await?;
        if let Err(error) = self.all_or_nothing(handle, &jobs, &answers).await {
            // Refused because the gate has given up meanwhile, which says so, or for what the jobs are.
            if !entry.state().await.is_ok_and(|state| state == JobState::Failed) {
                self.handle.ask("remove a job", self.backend().remove(&gate.queue, &gate.id)).await?;
                return Err(error);
            }
        }
        let promote = || self.backend().promote(&gate.queue, &gate.id);
        if self.handle.ask_surely("promote a job", promote).await? == Ordered::Done {
            return self.handle.note_push().await;
        }
        self.opened(handle, entry, &jobs, &answers).await
    }

    /// Pushes the gate, anew if a former one has given up.
    async fn push_gate(&self, gate: &Arc<Envelope>) -> Result<JobHandle<Untyped>> {
        let pushed = self.handle.push(std::slice::from_ref(gate)).await?;
        let entry = JobHandle::<Untyped>::of(self, gate);
        if pushed.iter().all(Pushed::is_taken_in) {
            return Ok(entry);
        }
        if let Some(error) = pushed.iter().find_map(|pushed| self.handle_to::<Untyped>(gate, pushed).err()) {
            return Err(error);
        }
        let state = entry.state().await.unwrap_or(JobState::Completed);
        if state.is_terminal() && state != JobState::Completed {
            self.handle.ask("remove a job", self.backend().remove(&gate.queue, &gate.id)).await?;
            self.handle.push(std::slice::from_ref(gate)).await?;
        }
        Ok(entry)
    }

    /// Sees what became of a gate that somebody else has opened, or that has given up.
    async fn opened(
        &self,
        handle: &FlowHandle,
        gate: JobHandle<Untyped>,
        jobs: &[Arc<Envelope>],
        answers: &[Pushed],
    ) -> Result<()> {
        let Err(error) = gate.result_within::<serde::de::IgnoredAny>(GATE_OPENS).await else { return Ok(()) };
        match error {
            // It was opened so long ago that its record is gone.
            Error::ResultGone { .. } => return Ok(()),
            Error::ResultTimeout { .. } => {}
            // It has given up: what was taken in has no place any more.
            _ => handle.remove_added(jobs, answers).await?,
        }
        let ids = jobs.iter().map(|job| job.id.clone()).collect();
        Err(Error::Unconfirmed { ids, source: error.into() })
    }
}

/// Lets those jobs wait for the gate that wait for no other one of them.
fn wait_for_gate(jobs: &mut [Arc<Envelope>], gate: &Envelope) {
    let ids: HashSet<(Name, JobId)> = jobs.iter().map(|job| (job.queue.clone(), job.id.clone())).collect();
    let is_inside = |parent: &Parent| ids.contains(&(parent.queue.clone(), parent.id.clone()));
    for job in jobs.iter_mut().filter(|job| !job.extras().parents.iter().any(is_inside)) {
        let mut first = Envelope::clone(job);
        first.extras_mut().parents.push(Parent {
            queue: gate.queue.clone(),
            id: gate.id.clone(),
            on_failure: OnFailure::Cancel,
            passes: Passes::Nothing,
        });
        *job = Arc::new(first);
    }
}

fn refuse_dedup(job: &Envelope) -> Result<()> {
    match job.dedup() {
        None => Ok(()),
        Some(_) => Err(Error::Invalid(format!(
            "a job of a flow cannot be left out for another one, and task {:?} has `dedup`: give the flow an id of its own instead",
            &*job.task
        ))),
    }
}

/// A flow on its way into the store.
#[must_use = "nothing is enqueued before this is awaited or spawned: add `.await?`"]
pub struct EnqueueFlow(pub(super) Pin<Box<dyn Future<Output = Result<FlowHandle>> + Send>>);

impl Future for EnqueueFlow {
    type Output = Result<FlowHandle>;

    fn poll(mut self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(poller)
    }
}

impl fmt::Debug for EnqueueFlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EnqueueFlow")
    }
}
