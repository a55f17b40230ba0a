//! Where flows are found: each has a job of its own that waits for all others, so the walk goes through the jobs of every queue, state by state.

use std::collections::HashSet;

use super::FlowFilter;
use crate::admin::Admin;
use crate::admin::select::{Stand, begin_at};
use crate::client::{FlowState, HEAD};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::job::{Job, JobState, Name};

/// How much a page does to find flows, in jobs looked at.
const MOST_EFFORT: usize = 6_000;
/// How many jobs one step asks the store for: a flow's own job knows all others, and may be large.
const STEP: usize = 100;
/// What an answer of the store costs, in jobs looked at.
const ANSWER: usize = 20;
/// Of how many jobs a flow's own job may know before it counts as two.
const NORMAL: usize = 20;

/// The states of such a job, those first in which most of them are: one that is due, or runs, ends within a moment where there are workers.
const STATES: [JobState; 8] = [
    JobState::Blocked,
    JobState::Failed,
    JobState::Completed,
    JobState::Cancelled,
    JobState::Expired,
    JobState::Active,
    JobState::Delayed,
    JobState::Waiting,
];

/// A flow that was found.
pub(super) struct Found {
    pub(super) id: String,
    pub(super) queue: Name,
    pub(super) state: FlowState,
    /// How many jobs were added to it.
    pub(super) jobs: usize,
    pub(super) enqueued: Timestamp,
    pub(super) over: Option<Timestamp>,
}

impl Found {
    /// Reads it from its own job; nothing from any other one.
    fn of(job: &Job) -> Option<Self> {
        let id = job.flow_id().filter(|_| job.task() == HEAD)?.to_owned();
        let jobs: HashSet<_> = job.parents().iter().map(|parent| &parent.id).collect();
        Some(Self {
            id,
            queue: job.queue_name().clone(),
            state: FlowState::of(job.state()),
            jobs: jobs.len(),
            enqueued: job.status().created_at,
            over: job.status().finished_at,
        })
    }

    /// What pages are sorted by.
    pub(super) fn key(&self) -> (Timestamp, &str) {
        (self.enqueued, &self.id)
    }
}

impl Admin {
    /// Finds the flows in a stretch of the store, the newest first, and where the next stretch begins.
    pub(super) async fn find_flows(
        &self,
        filter: &FlowFilter,
        from: Option<Stand>,
    ) -> Result<(Vec<Found>, Option<Stand>)> {
        let mut places = self.places(filter, from).await?;
        let (mut found, mut effort) = (Vec::new(), 0);
        while effort < MOST_EFFORT
            && let Some(stand) = places.pop()
        {
            // A store in memory answers without ever waiting: others want their turn, and whoever asked may have given up.
            tokio::task::yield_now().await;
            let scan = self.client.backend().scan(&stand.queue, stand.state, stand.after.as_ref(), STEP);
            let scanned = self.client.handle.ask("list jobs", scan).await?;
            effort += ANSWER;
            for job in &scanned.jobs {
                effort += 1 + job.parents().len() / NORMAL;
                found.extend(Found::of(job));
            }
            if scanned.next.is_some() {
                places.push(Stand { after: scanned.next, ..stand });
            }
        }
        found.sort_by(|one, other| other.key().cmp(&one.key()));
        // One that moved on meanwhile was met twice.
        found.dedup_by(|one, other| one.id == other.id);
        Ok((found, places.pop()))
    }

    /// Lists where flows can be, from a place on, the first one last.
    async fn places(&self, filter: &FlowFilter, from: Option<Stand>) -> Result<Vec<Stand>> {
        let queues = self.client.queues().await?;
        let is_meant = |queue: &&Name| filter.queue.as_deref().is_none_or(|meant| meant == queue.as_str());
        let queues: Vec<&Name> = queues.iter().filter(is_meant).collect();
        let can_be = |state: &JobState| filter.state.is_none_or(|meant| FlowState::of(*state) == meant);
        let states = STATES.into_iter().filter(can_be);
        let stand = |state, queue: &Name| Stand { queue: queue.clone(), state, after: None };
        let mut places: Vec<Stand> =
            states.flat_map(|state| queues.iter().map(move |queue| stand(state, queue))).collect();
        let rank =
            |stand: &Stand| (STATES.iter().position(|state| *state == stand.state), stand.queue.clone());
        begin_at(&mut places, from, rank);
        Ok(places)
    }
}
