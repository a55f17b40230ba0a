//! Lists of flows in pages, the newest first.

use super::place::Place;
use super::{FlowInfo, FlowState};
use crate::admin::select::{STEP, Stand, Walk};
use crate::admin::{Admin, Query};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::job::{Job, JobState};

/// How many jobs a page looks at to find flows, an answer of the store counted as some.
const MOST_EFFORT: u64 = 6_000;
/// How many jobs of flows a page looks up, to say how they stand; a page with fewer flows ends when it is reached.
const MOST_LOOK_UPS: usize = 5_000;

/// Which flows are meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FlowFilter {
    /// Those whose first job is in this queue.
    pub queue: Option<String>,
    /// Those that stand so.
    pub state: Option<FlowState>,
}

/// A part of the flows that are meant.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct FlowPage {
    /// The flows, the latest enqueued first. Where the store has so many jobs that not all flows are found in one go, those of one stretch
    /// of it come before those of the next.
    pub flows: Vec<FlowInfo>,
    /// Where the next page begins; nothing behind the last. A page may be short, or empty, and have a next one.
    pub next: Option<String>,
}

/// A flow that was found and not yet looked at.
struct Found {
    id: String,
    enqueued: Timestamp,
}

impl Found {
    /// Returns the flow whose jobs are listed in this one.
    fn of(job: &Job) -> Option<Self> {
        let part = job.envelope().extras().flow.as_ref().filter(|part| !part.queues.is_empty())?;
        Some(Self { id: part.id.to_string(), enqueued: job.status().created_at })
    }

    fn key(&self) -> (Timestamp, &str) {
        (self.enqueued, &self.id)
    }
}

impl Admin {
    /// Lists flows that are meant: at most `limit`, from where an earlier page said or from the newest.
    ///
    /// A page looks at some 6,000 jobs to find flows, and at 5,000 of theirs to say how they stand. It may end early for that, and says where the
    /// next one begins.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for a cursor that is none.
    pub async fn flows(&self, filter: &FlowFilter, after: Option<&str>, limit: usize) -> Result<FlowPage> {
        let place = after.map(Place::from_text).transpose()?.unwrap_or_default();
        let (found, beyond) = self.find_flows(filter, place.stretch.clone()).await?;
        let here = place.last.as_ref().map(|(time, id)| (*time, id.as_str()));
        let (mut flows, mut last, mut looked) = (Vec::new(), None, 0);
        for flow in found.iter().filter(|flow| here.is_none_or(|here| flow.key() < here)) {
            if limit <= flows.len() || MOST_LOOK_UPS <= looked {
                let next = Place { stretch: place.stretch, last };
                return Ok(FlowPage { flows, next: Some(next.to_text()) });
            }
            last = Some((flow.enqueued, flow.id.clone()));
            // One that goes meanwhile is none any more.
            let graph = match self.flow(&flow.id).await {
                Ok(graph) => graph,
                Err(Error::FlowNotFound { .. }) => continue,
                Err(error) => return Err(error),
            };
            looked += graph.nodes.len();
            let info = FlowInfo::from(&graph);
            if filter.state.is_none_or(|state| state == info.state) {
                flows.push(info);
            }
        }
        let next = beyond.map(|stretch| Place { stretch: Some(stretch), last: None }.to_text());
        Ok(FlowPage { flows, next })
    }

    /// Finds the flows in a stretch of the store, the newest first, and where the next stretch begins.
    async fn find_flows(
        &self,
        filter: &FlowFilter,
        from: Option<Stand>,
    ) -> Result<(Vec<Found>, Option<Stand>)> {
        let query = match &filter.queue {
            Some(queue) => Query::all().in_queue(queue),
            None => Query::all(),
        };
        let mut walk = Walk::new(self, &query, &JobState::ALL, from).await?;
        let mut found = Vec::new();
        while walk.effort() < MOST_EFFORT {
            match walk.step(STEP).await? {
                Some(jobs) => found.extend(jobs.iter().filter_map(Found::of)),
                None => break,
            }
        }
        found.sort_by(|one, other| other.key().cmp(&one.key()));
        // One that moved on meanwhile was met twice.
        found.dedup_by(|one, other| one.id == other.id);
        Ok((found, walk.stand().cloned()))
    }
}
