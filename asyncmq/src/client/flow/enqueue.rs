//! Checks a flow and describes its jobs.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Poller, Poll};

use super::own::{each, head, part_id};
use super::{Added, Flow, FlowHandle};
use crate::client::order::{in_order, parents_first};
use crate::client::parents::{check_outside, find_parents};
use crate::client::{Client, NewJob};
use crate::error::{Error, Result};
use crate::job::{Envelope, MAX_PARENTS, Passes};

/// How often jobs of a flow may wait for others in all.
const MAX_EDGES: usize = 200_000;

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
        let head = head(&id, &jobs, flow.retain)?;
        let mut sorted = order.map_or_else(|| jobs.clone(), |order| in_order(&order, &jobs));
        sorted.push(head);
        self.take_in(sorted, flow.is_named).await
    }

    async fn seal_part(&self, flow: &str, place: usize, added: Added) -> Result<Arc<Envelope>> {
        let (Added::Job(job) | Added::Each { job, .. }) = &added;
        refuse_id(job)?;
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
                let template = self.seal(*job, None).await?;
                refuse_dedup(&template)?;
                let list = list.into_parent(Passes::Output);
                each(flow, id, Envelope::clone(&template), list, optional)
            }
        }
    }
}

fn refuse_id(job: &NewJob) -> Result<()> {
    match job.overrides.as_ref().and_then(|own| own.id.as_ref()) {
        None => Ok(()),
        Some(id) => Err(Error::Invalid(format!(
            "a job of a flow has its id of the flow, and {id:?} would be lost: give the flow an id instead, `Flow::with_id(…)`"
        ))),
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
