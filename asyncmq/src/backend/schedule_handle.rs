//! What clients and workers ask of schedules: each call repeated until it is answered, its own change recognised.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::backend::{BackendHandle, Fired, Firing, Pause, StoreError, StoredSchedule};
use crate::clock::Timestamp;
use crate::job::{Envelope, JobId};

/// How long a call is repeated before it counts as not answered.
const ANSWERED_WITHIN: Duration = Duration::from_secs(10);

impl BackendHandle {
    /// Keeps a schedule if it has the expected revision. Returns whether it does, also where the answer to the first try was
    /// lost.
    pub(crate) async fn put_schedule(
        &self,
        schedule: &StoredSchedule,
        expected: Option<u64>,
    ) -> Result<bool, StoreError> {
        let (start, mut pause, mut is_first) = (Instant::now(), Pause::new(), true);
        loop {
            match self.backend().put_schedule(schedule, expected).await {
                Err(error) if error.is_retryable() && start.elapsed() < ANSWERED_WITHIN => pause.wait().await,
                Ok(false) if !is_first => {
                    let kept = self.backend().schedule(&schedule.queue, &schedule.id).await?;
                    return Ok(kept.is_some_and(|kept| kept.revision == schedule.revision));
                }
                answer => return answer,
            }
            is_first = false;
        }
    }

    /// Fires a schedule, repeated under one id until it is answered.
    pub(crate) async fn fire(
        &self,
        schedule: &StoredSchedule,
        expected: u64,
        jobs: &[(Timestamp, Arc<Envelope>)],
        unless: Option<&JobId>,
    ) -> Result<Fired, StoreError> {
        let firing = Firing { call: self.next_call(), schedule, expected, jobs, unless };
        let (start, mut pause) = (Instant::now(), Pause::new());
        loop {
            match self.backend().fire(firing).await {
                Err(error) if error.is_retryable() && start.elapsed() < ANSWERED_WITHIN => pause.wait().await,
                answer => return answer,
            }
        }
    }
}
