//! How many jobs a query means: from the store's counters where those say it, else by looking.

use crate::admin::select::{STEP, Walk};
use crate::admin::{Admin, Query};
use crate::error::Result;
use crate::job::JobState;

impl Admin {
    /// Returns how many jobs are in the queues and states that a query names, without looking at any. That is how many
    /// it means if [`Query::is_counted`], else the most that it can.
    ///
    /// # Errors
    ///
    /// [`Error::Store`](crate::Error::Store) when the store cannot be asked.
    pub async fn count_at_most(&self, query: &Query) -> Result<u64> {
        self.count_among(query, &JobState::ALL).await
    }

    /// Returns how many jobs a query means. Where it says more than states and queues, every job of those is looked at.
    ///
    /// # Errors
    ///
    /// [`Error::Store`](crate::Error::Store) when the store cannot be asked.
    pub async fn count(&self, query: &Query) -> Result<u64> {
        if query.is_counted() {
            return self.count_at_most(query).await;
        }
        let mut walk = Walk::new(self, query, &JobState::ALL, None).await?;
        let mut count = 0;
        while let Some(meant) = walk.step(STEP).await? {
            count += meant.len() as u64;
        }
        Ok(count)
    }

    pub(super) async fn count_among(&self, query: &Query, states: &[JobState]) -> Result<u64> {
        let mut count = 0;
        let wanted: Vec<_> = query.states().into_iter().filter(|state| states.contains(state)).collect();
        for queue in self.client.queues().await? {
            if query.wants_queue(&queue) {
                let counts = self.client.queue(queue.as_str()).counts().await?;
                count += wanted.iter().map(|state| counts.of(*state)).sum::<u64>();
            }
        }
        Ok(count)
    }
}
