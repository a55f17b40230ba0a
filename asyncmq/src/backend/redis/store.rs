//! The hot path.

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::try_join_all;

use super::RedisStore;
use super::codec::{claim_of, id_bytes, report_bytes};
use super::error::worded;
use super::far::has_far_parents;
use super::leases::RedisLeases;
use super::push::Pushing;
use super::reply::{bytes, strange};
use super::script::REPORT;
use crate::backend::{
    CallId, Claim, Claimed, Fenced, Leases, Pushed, Report, Settlement, Signals, Store, StoreError, Token,
};
use crate::job::{Envelope, Name, WorkerId};

#[async_trait]
impl Store for RedisStore {
    /// One with a place in time, a time to live or data of its own takes the script that much longer, and so does each job that it waits for.
    fn weight(&self, job: &Envelope) -> usize {
        if job.is_plain() { 1 } else { 8 + job.extras().parents.len() }
    }

    fn share_steps(&self, queues: &HashSet<&Name>) -> bool {
        !self.keys.is_cluster() || queues.len() < 2
    }

    async fn push(&self, call: CallId, jobs: &[Arc<Envelope>]) -> Result<Vec<Pushed>, StoreError> {
        if !self.keys.is_cluster() || !has_far_parents(jobs) {
            return self.push_level(Pushing { call, far: None }, jobs).await;
        }
        self.push_far(call, jobs).await
    }

    async fn claim(&self, claim: Claim<'_>) -> Result<Claimed, StoreError> {
        if !self.keys.is_cluster() {
            return self.claim_together(&claim).await;
        }
        let mut claimed = Claimed::default();
        for queue in claim.queues.chunks(1) {
            let limit = claim.limit - claimed.jobs.len();
            let part = self.claim_together(&Claim { queues: queue, limit, ..claim }).await?;
            claimed.jobs.extend(part.jobs);
            claimed.unknown.extend(part.unknown);
            claimed.next_due = [claimed.next_due, part.next_due].into_iter().flatten().min();
            claimed.awaits_token |= part.awaits_token;
        }
        Ok(claimed)
    }

    async fn settle(&self, call: CallId, jobs: &[Settlement]) -> Result<Vec<Fenced>, StoreError> {
        let groups = self.apart(jobs, |job| &job.envelope.queue);
        let parts = try_join_all(groups.iter().map(|(_, jobs)| self.settle_together(call, jobs))).await?;
        Ok(in_order(jobs.len(), groups.into_iter().map(|group| group.0).zip(parts)))
    }

    async fn settle_and_claim(
        &self,
        call: CallId,
        jobs: &[Settlement],
        claim: Claim<'_>,
    ) -> (Result<Vec<Fenced>, StoreError>, Result<Claimed, StoreError>) {
        if self.keys.is_cluster() || call.sender != claim.call.sender {
            return tokio::join!(self.settle(call, jobs), self.claim(claim));
        }
        self.turn_together(call, jobs, &claim).await
    }

    async fn report(&self, reports: &[(Arc<Envelope>, Token, Report)]) -> Result<Vec<Fenced>, StoreError> {
        let groups = self.apart(reports, |report| &report.0.queue);
        let parts = try_join_all(groups.iter().map(|(_, reports)| self.report_together(reports))).await?;
        Ok(in_order(reports.len(), groups.into_iter().map(|group| group.0).zip(parts)))
    }

    async fn leases(&self) -> Result<Box<dyn Leases>, StoreError> {
        Ok(Box::new(RedisLeases::new(self)))
    }

    async fn signals(&self, worker: WorkerId, queues: &[Name]) -> Result<Box<dyn Signals>, StoreError> {
        self.listen_for(worker, queues).await
    }
}

impl RedisStore {
    /// Pushes jobs of which none waits for another one in another slot that is to go in with them, a step for each slot.
    pub(super) async fn push_level(
        &self,
        pushing: Pushing<'_>,
        jobs: &[Arc<Envelope>],
    ) -> Result<Vec<Pushed>, StoreError> {
        if !self.keys.is_cluster() && !jobs.is_empty() {
            return self.push_together(pushing, &jobs.iter().collect::<Vec<_>>()).await;
        }
        let groups = self.apart(jobs, |job| &job.queue);
        let parts = try_join_all(groups.iter().map(|(_, jobs)| self.push_together(pushing, jobs))).await?;
        self.list_queues(groups.iter().filter_map(|group| group.1.first()).map(|job| &job.queue)).await?;
        Ok(in_order(jobs.len(), groups.into_iter().map(|group| group.0).zip(parts)))
    }

    async fn report_together(
        &self,
        reports: &[&(Arc<Envelope>, Token, Report)],
    ) -> Result<Vec<Fenced>, StoreError> {
        let mut queues: Vec<Name> = Vec::new();
        for (envelope, ..) in reports {
            if !queues.contains(&envelope.queue) {
                queues.push(envelope.queue.clone());
            }
        }
        let mut script = self.call(&REPORT, &queues).await.map_err(worded)?;
        for (envelope, token, report) in reports {
            let queue = queues.iter().position(|queue| *queue == envelope.queue).unwrap_or_default();
            let id = id_bytes(&envelope.id);
            script.number(queue + 2).arg(&id).arg(claim_of(*token, &id));
            script.arg(report_bytes(report));
        }
        let letters = bytes(self.send(&script).await.map_err(worded)?)?;
        if letters.len() != reports.len() {
            return Err(strange());
        }
        Ok(letters
            .iter()
            .map(|letter| if *letter == b'A' { Fenced::Applied } else { Fenced::Stale })
            .collect())
    }
}

/// Puts the answers of parts back into the order of the whole.
pub(super) fn in_order<T>(count: usize, parts: impl Iterator<Item = (Vec<usize>, Vec<T>)>) -> Vec<T> {
    let mut answers: Vec<Option<T>> = (0..count).map(|_| None).collect();
    for (places, part) in parts {
        for (place, answer) in places.into_iter().zip(part) {
            answers[place] = Some(answer);
        }
    }
    answers.into_iter().flatten().collect()
}
