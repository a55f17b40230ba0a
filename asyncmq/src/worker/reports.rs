//! Passes on what running attempts say of themselves: batched, and each job at most ten times a second.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::backend::{BackendHandle, MAX_BATCH, Report, Token};
use crate::job::Envelope;
use crate::task::{Attempt, Reporter};

/// The shortest time between two reports of a job: nine a second, and the one that comes with its end.
const INTERVAL: Duration = Duration::from_millis(112);

/// The attempts that have something to say.
#[derive(Debug, Default)]
pub(crate) struct Reports {
    waiting: Mutex<Vec<Arc<Attempt>>>,
    wake: Notify,
}

impl Reporter for Reports {
    fn has_report(&self, attempt: &Arc<Attempt>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push(attempt.clone());
        if waiting.len() == 1 {
            self.wake.notify_one();
        }
    }
}

impl Reports {
    /// Passes reports on for ever.
    pub(crate) async fn pass_on(&self, backend: &BackendHandle) {
        loop {
            self.wake.notified().await;
            let attempts = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
            self.pass(backend, attempts).await;
            tokio::time::sleep(INTERVAL).await;
        }
    }

    async fn pass(&self, backend: &BackendHandle, attempts: Vec<Arc<Attempt>>) {
        let mut telling = Vec::with_capacity(attempts.len());
        let mut reports: Vec<(Arc<Envelope>, Token, Report)> = Vec::with_capacity(attempts.len());
        for attempt in attempts {
            let report = attempt.begin_report();
            if !report.is_empty() {
                reports.push((attempt.job.envelope.clone(), attempt.job.token, report));
                telling.push(attempt);
            }
        }
        let mut taken = true;
        for batch in reports.chunks(MAX_BATCH) {
            if let Err(error) = backend.backend().report(batch).await {
                tracing::debug!(%error, "the store did not take a report; it is told again");
                taken = false;
                break;
            }
        }
        for (attempt, (_, _, report)) in telling.iter().zip(reports) {
            attempt.end_report((!taken).then_some(report));
        }
    }
}
