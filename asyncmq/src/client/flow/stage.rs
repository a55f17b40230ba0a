//! Brings a flow into the store: in one step, or, if it is too large for one, behind a gate that opens once all of its jobs are there.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};

use super::FlowHandle;
use super::own::gate;
use crate::backend::{MAX_BATCH, Ordered, Pushed};
use crate::client::{Client, JobHandle, Untyped};
use crate::error::{Error, Result};
use crate::job::{Envelope, Job, JobId, JobState, Name, OnFailure, Parent, Passes};
use crate::lifecycle::Limits;

/// How often jobs that one step takes in may wait for others in all.
const STEP_EDGES: usize = 10_000;
/// How long a gate is waited for of which it is not known what became of it.
const GATE_OPENS: Duration = Duration::from_secs(10);
/// How often a bounded part of what is over is forgotten before a flow is enqueued that was there before.
const PRUNES: usize = 100;
/// How many jobs are looked up at once.
const AT_ONCE: usize = 16;

impl Client {
    /// Takes the jobs of a flow in, parents first, and the head last: all or none. One that may be known is left as it is if its head is kept.
    pub(crate) async fn take_in(&self, jobs: Vec<Arc<Envelope>>, may_be_known: bool) -> Result<FlowHandle> {
        let Some(head) = jobs.last().cloned() else { return Err(Error::Invalid("a flow has jobs".into())) };
        let handle = FlowHandle::new(self, &head);
        if self.backend().takes_flows() {
            let answers = self.handle.push_whole(&jobs).await?;
            return self.all_or_nothing(&handle, &jobs, &answers).await.map(|()| handle);
        }
        if may_be_known {
            match self.flow(handle.id()).await {
                Err(Error::FlowNotFound { .. }) => {}
                known => return known,
            }
            if let Some(known) = self.clear_the_way(handle.id(), &jobs).await? {
                return Ok(known);
            }
        }
        if self.is_one_step(&jobs) {
            let answers = self.handle.push_whole(&jobs).await?;
            self.all_or_nothing(&handle, &jobs, &answers).await?;
        } else {
            self.stage(&handle, &head, jobs).await?;
        }
        Ok(handle)
    }

    /// Tells whether the store takes these jobs in in one step that does not keep others waiting.
    fn is_one_step(&self, jobs: &[Arc<Envelope>]) -> bool {
        let backend = self.backend();
        let edges: usize = jobs.iter().map(|job| job.extras().parents.len()).sum();
        let weight: usize = jobs.iter().map(|job| backend.weight(job)).sum();
        let queues: HashSet<&Name> = jobs.iter().map(|job| &job.queue).collect();
        jobs.len() <= MAX_BATCH && edges <= STEP_EDGES && weight <= MAX_BATCH && backend.share_steps(&queues)
    }

    /// Sees to it that no kept jobs have the ids of some of a flow, before those beside them may begin. Jobs that ended in a former flow of
    /// this id are being forgotten with it: that is done now. Returns the flow if somebody else has enqueued it meanwhile.
    async fn clear_the_way(&self, flow: &str, jobs: &[Arc<Envelope>]) -> Result<Option<FlowHandle>> {
        for _ in 0..PRUNES {
            let Some(left) = self.leftover(flow, jobs).await? else { return Ok(None) };
            match self.flow(flow).await {
                Err(Error::FlowNotFound { .. }) => {}
                known => return known.map(Some),
            }
            let prune = self.backend().prune(&Limits::NONE, MAX_BATCH);
            if self.handle.ask("forget what is over", prune).await? == 0 {
                return Err(Error::Invalid(format!(
                    "flow {flow:?} was enqueued before, and job {left} of it is kept for longer than the flow: remove that, or give this flow an id \
                     of its own"
                )));
            }
        }
        Err(Error::Invalid(format!(
            "flow {flow:?} was enqueued before, and what there was of it is still being forgotten: enqueue it again in a moment"
        )))
    }

    /// Returns a job of a former flow of this id that has ended and is kept.
    ///
    /// # Errors
    ///
    /// [`Error::OtherTask`] if a kept job that is not of it has the id of one of its own.
    async fn leftover(&self, flow: &str, jobs: &[Arc<Envelope>]) -> Result<Option<JobId>> {
        let looks: Vec<_> = jobs.iter().map(|job| self.backend().find(&job.queue, &job.id)).collect();
        let looks = stream::iter(looks).buffered(AT_ONCE);
        let found: Vec<Option<Job>> = self.handle.ask("look a job up", looks.try_collect()).await?;
        let kept = || jobs.iter().zip(&found).filter_map(|(job, found)| Some((job, found.as_ref()?)));
        let mut strangers =
            kept().filter(|(_, found)| found.envelope().extras().flow.as_deref() != Some(flow));
        if let Some((job, found)) = strangers.next() {
            let (id, found, wanted) =
                (job.id.clone(), found.task().into(), format!("{} of flow {flow}", job.task));
            return Err(Error::OtherTask { id, found, wanted });
        }
        let left = kept().find(|(_, found)| found.state().is_terminal());
        Ok(left.map(|(job, _)| job.id.clone()))
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
    async fn stage(&self, handle: &FlowHandle, head: &Envelope, mut jobs: Vec<Arc<Envelope>>) -> Result<()> {
        let gate = gate(handle.id(), &jobs, head)?;
        self.handle.push(std::slice::from_ref(&gate)).await?;
        wait_for_gate(&mut jobs, &gate);
        let answers = self.handle.push(&jobs).await?;
        let entry = JobHandle::<Untyped>::of(self, &gate);
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

    /// Sees what became of a gate that was opened by a call of which the answer was lost, or that has given up.
    async fn opened(
        &self,
        handle: &FlowHandle,
        gate: JobHandle<Untyped>,
        jobs: &[Arc<Envelope>],
        answers: &[Pushed],
    ) -> Result<()> {
        let Err(error) = gate.result_within::<serde::de::IgnoredAny>(GATE_OPENS).await else { return Ok(()) };
        match error {
            // One that has opened keeps no record.
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
        let extras = first.extras_mut();
        if let Some(pins) = extras.pins.as_mut() {
            // The gate stands before what it makes.
            pins.from += 1;
        }
        extras.parents.push(Parent {
            queue: gate.queue.clone(),
            id: gate.id.clone(),
            on_failure: OnFailure::Cancel,
            passes: Passes::Nothing,
        });
        *job = Arc::new(first);
    }
}
