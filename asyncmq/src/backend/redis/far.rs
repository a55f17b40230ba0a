//! Pushes in a cluster of jobs that wait for some in other slots: parents go in before their children, and those that are not
//! there are known before a child is taken in.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use futures_util::future::{join_all, try_join_all};

use super::RedisStore;
use super::codec::id_bytes;
use super::push::Pushing;
use super::reply::{bytes, strange};
use super::script::KNOWN;
use super::store::in_order;
use crate::backend::{CallId, MAX_BATCH, Pushed, StoreError};
use crate::job::{Envelope, JobId, Name, Parent};

/// Parents in other slots that are not known.
#[derive(Debug, Default)]
pub(super) struct Gone(HashSet<(Name, JobId)>);

impl Gone {
    pub(super) fn has(&self, parent: &Parent) -> bool {
        !self.0.is_empty() && self.0.contains(&(parent.queue.clone(), parent.id.clone()))
    }

    /// Takes note of jobs that were not taken in, given what became of each.
    fn note(&mut self, jobs: &[Arc<Envelope>], pushed: &[Pushed]) {
        let is_lost =
            |pushed: &Pushed| matches!(pushed, Pushed::ParentGone { .. } | Pushed::Deduplicated { .. });
        let lost = jobs.iter().zip(pushed).filter(|(_, pushed)| is_lost(pushed));
        self.0.extend(lost.map(|(job, _)| (job.queue.clone(), job.id.clone())));
    }
}

/// Lists for which jobs of other queues one waits.
fn far_parents(job: &Envelope) -> impl Iterator<Item = &Parent> {
    job.extras().parents.iter().filter(|parent| parent.queue != job.queue)
}

/// Tells whether jobs wait for some of other queues than their own.
pub(super) fn has_far_parents(jobs: &[Arc<Envelope>]) -> bool {
    jobs.iter().any(|job| far_parents(job).next().is_some())
}

/// Sorts jobs by the step in which they go in: behind their parents of other queues, and not before those that stand before
/// them in their own.
fn levels(jobs: &[Arc<Envelope>]) -> Vec<usize> {
    let mut known: HashMap<(&Name, &JobId), usize> = HashMap::new();
    let mut last: HashMap<&Name, usize> = HashMap::new();
    let mut levels = Vec::with_capacity(jobs.len());
    for job in jobs {
        let behind = far_parents(job).filter_map(|parent| known.get(&(&parent.queue, &parent.id)));
        let own = last.entry(&job.queue).or_default();
        *own = behind.map(|level| level + 1).fold(*own, usize::max);
        known.insert((&job.queue, &job.id), *own);
        levels.push(*own);
    }
    levels
}

/// Sorts jobs into those that can go in at the same time, each with its place.
fn in_levels(jobs: &[Arc<Envelope>]) -> Vec<(Vec<usize>, Vec<Arc<Envelope>>)> {
    let mut sorted: Vec<(Vec<usize>, Vec<Arc<Envelope>>)> = Vec::new();
    for (place, (job, level)) in jobs.iter().zip(levels(jobs)).enumerate() {
        if sorted.len() <= level {
            sorted.resize_with(level + 1, Default::default);
        }
        sorted[level].0.push(place);
        sorted[level].1.push(job.clone());
    }
    sorted
}

impl RedisStore {
    /// Pushes jobs of which some wait for others in other slots: in several steps, and then carries what they have to ask.
    pub(super) async fn push_far(
        &self,
        call: CallId,
        jobs: &[Arc<Envelope>],
    ) -> Result<Vec<Pushed>, StoreError> {
        let mut gone = self.gone_parents(jobs).await?;
        let may_wait = |job: &&Arc<Envelope>| far_parents(job).next().is_some_and(|parent| !gone.has(parent));
        let senders: BTreeSet<Name> = jobs.iter().filter(may_wait).map(|job| job.queue.clone()).collect();
        // Whoever dies in between must leave nothing in a queue to which no duty comes.
        self.list_queues(senders.iter()).await?;
        let mut parts = Vec::new();
        for (level, (places, jobs)) in in_levels(jobs).into_iter().enumerate() {
            let pushed = self.push_level(Pushing { call, far: Some((level, &gone)) }, &jobs).await?;
            gone.note(&jobs, &pushed);
            parts.push((places, pushed));
        }
        join_all(senders.into_iter().map(|queue| self.carry_first(queue))).await;
        Ok(in_order(jobs.len(), parts.into_iter()))
    }

    /// Finds out which parents in other slots are not known, but for those that stand before their children among the jobs.
    async fn gone_parents(&self, jobs: &[Arc<Envelope>]) -> Result<Gone, StoreError> {
        let (mut asked, mut seen) = (HashMap::<&Name, HashSet<&JobId>>::new(), HashSet::new());
        for job in jobs {
            for parent in far_parents(job).filter(|parent| !seen.contains(&(&parent.queue, &parent.id))) {
                asked.entry(&parent.queue).or_default().insert(&parent.id);
            }
            seen.insert((&job.queue, &job.id));
        }
        let asked: Vec<(&Name, Vec<&JobId>)> =
            asked.into_iter().map(|(queue, ids)| (queue, ids.into_iter().collect())).collect();
        let questions = asked
            .iter()
            .flat_map(|(queue, ids)| ids.chunks(MAX_BATCH).map(move |ids| self.unknown_of(queue, ids)));
        Ok(Gone(try_join_all(questions).await?.into_iter().flatten().collect()))
    }

    /// Lists which of some jobs of a queue are not kept.
    async fn unknown_of(&self, queue: &Name, ids: &[&JobId]) -> Result<Vec<(Name, JobId)>, StoreError> {
        let mut call = self.call(&KNOWN, std::slice::from_ref(queue)).await.map_err(super::error::worded)?;
        for id in ids {
            call.arg(id_bytes(id));
        }
        let letters = bytes(self.ask(&call).await?)?;
        if letters.len() != ids.len() {
            return Err(strange());
        }
        let unknown = ids.iter().zip(&letters).filter(|(_, letter)| **letter == b'0');
        Ok(unknown.map(|(id, _)| (queue.clone(), (*id).clone())).collect())
    }
}
