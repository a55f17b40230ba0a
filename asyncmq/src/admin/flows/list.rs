//! Lists of flows in pages, the newest first.

use super::find::Found;
use super::place::Place;
use super::{FlowInfo, ended_well};
use crate::admin::Admin;
use crate::client::{FlowHandle, FlowState, head_id};
use crate::error::Result;
use crate::job::{JobState, Name};

/// How many jobs of flows a page looks up, to say how far they are.
const MOST_LOOK_UPS: usize = 2_000;

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

impl Admin {
    /// Lists flows that are meant: at most `limit`, from where an earlier page said or from the newest.
    ///
    /// A page looks at some 6,000 jobs to find flows: when there are few among them, it is short, or empty, and says where the next one begins. To
    /// say how far flows are it looks 2,000 of their jobs up; of flows for which that is not enough it says only how they stand.
    ///
    /// # Errors
    ///
    /// [`Invalid`](crate::Error::Invalid) for a cursor that is none.
    pub async fn flows(&self, filter: &FlowFilter, after: Option<&str>, limit: usize) -> Result<FlowPage> {
        let place = after.map(Place::from_text).transpose()?.unwrap_or_default();
        let (mut found, beyond) = self.find_flows(filter, place.stretch.clone()).await?;
        if let Some((time, id)) = &place.last {
            found.retain(|flow| flow.key() < (*time, id.as_str()));
        }
        let has_more = limit < found.len();
        found.truncate(limit);
        let next = match (has_more, found.last()) {
            (true, last) => {
                let last = last.map(|flow| (flow.enqueued, flow.id.clone())).or(place.last);
                Some(Place { stretch: place.stretch, last })
            }
            (false, _) => beyond.map(|stretch| Place { stretch: Some(stretch), last: None }),
        };
        let (mut flows, mut left) = (Vec::with_capacity(found.len()), MOST_LOOK_UPS);
        for flow in found {
            flows.push(self.counted(flow, &mut left).await?);
        }
        Ok(FlowPage { flows, next: next.map(|next| next.to_text()) })
    }

    /// Says how a flow stands, and, if as many look-ups are left, how far it is. One that completed needs none.
    async fn counted(&self, flow: Found, left: &mut usize) -> Result<FlowInfo> {
        let mut info = FlowInfo {
            queue: flow.queue.to_string(),
            state: flow.state,
            jobs: flow.jobs,
            ended: None,
            failed: None,
            began: Some(flow.enqueued.into()),
            over: flow.over.map(Into::into),
            id: flow.id,
        };
        match info.state {
            FlowState::Completed => (info.ended, info.failed) = (Some(info.jobs), Some(0)),
            _ if *left < info.jobs => {}
            _ => {
                *left -= info.jobs;
                let Some(handle) = self.handle_in(&flow.queue, &info.id).await? else { return Ok(info) };
                let (ended, failed) = count(&handle).await?;
                (info.ended, info.failed) = (Some(ended), Some(failed));
            }
        }
        Ok(info)
    }

    /// Returns a handle to a flow whose queue is known; nothing if it has gone meanwhile.
    async fn handle_in(&self, queue: &Name, id: &str) -> Result<Option<FlowHandle>> {
        let head = head_id(id);
        let head = self.client.backend().find(queue, &head);
        let head = self.client.handle.ask("look a flow up", head).await?;
        Ok(head.map(|head| FlowHandle::new(&self.client, head.envelope())))
    }
}

/// Counts how many of the jobs that were added to a flow have ended, and how many of these otherwise than they should.
async fn count(flow: &FlowHandle) -> Result<(usize, usize)> {
    let (mut ended, mut failed) = (0, 0);
    for node in flow.added().await? {
        let is_over = node.state().is_none_or(JobState::is_terminal);
        ended += usize::from(is_over);
        failed += usize::from(is_over && !ended_well(node.job.as_ref()));
    }
    Ok((ended, failed))
}
