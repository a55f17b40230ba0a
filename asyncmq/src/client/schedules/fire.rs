//! Fires what is due: looks, plans, and lets the store compare and set. Any number of workers do so at once.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};

use super::change::next_state;
use crate::backend::{BackendHandle, Fired, StoreError, StoredSchedule};
use crate::clock::Timestamp;
use crate::job::{Envelope, JobId, Name};
use crate::schedule::{Overlap, ScheduleRecord, Standing, job_of, pass_over, plan};
use crate::seeded::{Bug, is_seeded};

/// How many schedules one look finds.
const AT_ONCE: usize = 100;
/// How many are fired at once.
const TOGETHER: usize = 16;

/// What became of one schedule.
enum Step {
    /// It is due again then.
    Moved(Option<Timestamp>),
    /// Somebody else was faster: how it stands has to be looked up.
    Lost,
    /// It cannot be carried out here.
    Unable,
}

/// Fires the schedules of these queues that are due, as many as one look finds. Returns how long after the look the next one has
/// something to do; none if nothing is known.
///
/// # Errors
///
/// The first of the store; the others are fired all the same.
pub(crate) async fn fire_due(
    handle: &BackendHandle,
    queues: &[Name],
) -> Result<Option<Duration>, StoreError> {
    let look = handle.backend().due_schedules(queues, AT_ONCE).await?;
    let (now, is_full) = (look.now, look.due.len() == AT_ONCE);
    let steps = stream::iter(look.due).map(|stored| async move { step(handle, &stored, now).await });
    let (mut next_in, mut able, mut failed) = (look.next_in, false, None);
    let mut steps = steps.buffer_unordered(TOGETHER);
    let mut again = |wait: Duration| next_in = Some(next_in.map_or(wait, |next: Duration| next.min(wait)));
    while let Some(step) = steps.next().await {
        let step = match step {
            Ok(step) => step,
            Err(error) => {
                failed.get_or_insert(error);
                continue;
            }
        };
        match step {
            Step::Moved(next) => {
                able = true;
                if let Some(next) = next {
                    again(next.since(now));
                }
            }
            Step::Lost => {
                able = true;
                again(Duration::ZERO);
            }
            Step::Unable => {}
        }
    }
    if is_full && able {
        again(Duration::ZERO);
    }
    failed.map_or(Ok(next_in), Err)
}

/// Carries out what the plan of one schedule says.
async fn step(handle: &BackendHandle, stored: &StoredSchedule, now: Timestamp) -> Result<Step, StoreError> {
    let planned = ScheduleRecord::read(&stored.record).map_err(|error| error.to_string()).and_then(
        |record| match plan(&record.schedule, record.standing, now) {
            Ok(plan) => Ok((record, plan)),
            Err(error) => Err(error.to_string()),
        },
    );
    let (record, plan) = match planned {
        Ok(planned) => planned,
        Err(reason) => {
            tracing::warn!(schedule = %stored.id, reason, "a schedule cannot be fired by this worker");
            return Ok(Step::Unable);
        }
    };
    if plan.slots.is_empty() {
        return move_on(handle, stored, &record, plan.standing).await;
    }
    let Ok(next) = moved(stored, &record, plan.standing) else { return Ok(Step::Unable) };
    let jobs: Vec<_> = plan.slots.iter().map(|slot| (*slot, job_in(stored, &record, *slot))).collect();
    let last = record.standing.last.filter(|_| record.schedule.overlap == Overlap::Skip);
    let last = last.map(|last| job_of(&stored.queue, &stored.id, last));
    match handle.fire(&next, stored.revision, &jobs, last.as_ref()).await? {
        Fired::Fired(_) => Ok(Step::Moved(next.next)),
        Fired::Stale => Ok(Step::Lost),
        Fired::Overlapping => match pass_over(&record.schedule, record.standing, now) {
            Ok(standing) => move_on(handle, stored, &record, standing).await,
            Err(_) => Ok(Step::Unable),
        },
    }
}

/// Makes the job of a slot: the same whoever fires it.
fn job_in(stored: &StoredSchedule, record: &ScheduleRecord, slot: Timestamp) -> Arc<Envelope> {
    let job = record.job_in(&stored.id, slot);
    if is_seeded(Bug::DoubleFire) {
        return Arc::new(Envelope { id: JobId::generate(), ..(*job).clone() });
    }
    job
}

/// Moves a schedule on without a job.
async fn move_on(
    handle: &BackendHandle,
    stored: &StoredSchedule,
    record: &ScheduleRecord,
    standing: Standing,
) -> Result<Step, StoreError> {
    let Ok(next) = moved(stored, record, standing) else { return Ok(Step::Unable) };
    match handle.put_schedule(&next, Some(stored.revision)).await? {
        true => Ok(Step::Moved(next.next)),
        false => Ok(Step::Lost),
    }
}

fn moved(
    stored: &StoredSchedule,
    record: &ScheduleRecord,
    standing: Standing,
) -> crate::error::Result<StoredSchedule> {
    next_state(&stored.queue, &stored.id, &ScheduleRecord { standing, ..record.clone() })
}
