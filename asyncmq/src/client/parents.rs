//! Finds the jobs that others are to wait for, before anything is sent.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::client::Client;
use crate::client::dependency::UNKNOWN;
use crate::error::{Error, Result};
use crate::job::{Envelope, JobId, Name};

/// Finds the queues of those parents of which only the ids were said: among the jobs that are sent, then in the store.
pub(super) async fn find_parents(client: &Client, jobs: &mut [Arc<Envelope>]) -> Result<()> {
    if !jobs.iter().any(|job| has_unknown(job)) {
        return Ok(());
    }
    let sent: HashMap<JobId, Name> = jobs.iter().map(|job| (job.id.clone(), job.queue.clone())).collect();
    for job in jobs.iter_mut().filter(|job| has_unknown(job)) {
        let mut found = Envelope::clone(job);
        for parent in found.extras_mut().parents.iter_mut().filter(|parent| parent.queue == UNKNOWN) {
            parent.queue =
                match sent.get(&parent.id) {
                    Some(queue) => queue.clone(),
                    None => queue_of(client, &parent.id, &job.queue).await?.ok_or_else(|| {
                        Error::ParentGone { id: job.id.clone(), parent: parent.id.to_string(), queue: None }
                    })?,
                };
        }
        *job = Arc::new(found);
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

/// Refuses jobs of which one waits for another one that is neither among them nor known.
pub(super) async fn check_outside(client: &Client, jobs: &[Arc<Envelope>]) -> Result<()> {
    if jobs.iter().all(|job| job.extras().parents.is_empty()) {
        return Ok(());
    }
    let mut known: HashSet<(&Name, &JobId)> = jobs.iter().map(|job| (&job.queue, &job.id)).collect();
    for job in jobs {
        for parent in &job.extras().parents {
            if !known.insert((&parent.queue, &parent.id)) {
                continue;
            }
            let found = client.backend().find(&parent.queue, &parent.id);
            if client.handle.ask("look a job up", found).await?.is_none() {
                let (parent, queue) = (parent.id.to_string(), Some(parent.queue.to_string()));
                return Err(Error::ParentGone { id: job.id.clone(), parent, queue });
            }
        }
    }
    Ok(())
}
