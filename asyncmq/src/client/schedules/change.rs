//! Changes of schedules: read, change, compare and set; again if somebody else was faster.

use std::sync::Arc;

use futures_util::future::try_join_all;

use super::Schedules;
use super::info::read;
use crate::backend::{Fired, StoredSchedule};
use crate::chance::random_bits;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::job::{Envelope, JobId};
use crate::schedule::{ScheduleId, ScheduleRecord};

/// How many times somebody else may be faster before a change is given up.
const MOST_TRIES: usize = 50;

/// Puts a changed record in the place of what is stored, under a new revision.
pub(super) fn next_state(
    queue: &crate::job::Name,
    id: &ScheduleId,
    record: &ScheduleRecord,
) -> Result<StoredSchedule> {
    let bytes = record
        .write()
        .map_err(|error| Error::Invalid(format!("schedule {id:?} cannot be stored: {error}")))?;
    Ok(StoredSchedule {
        queue: queue.clone(),
        id: id.clone(),
        revision: random_bits(),
        next: record.next(),
        record: bytes,
    })
}

fn contended(id: &str) -> Error {
    Error::Invalid(format!("schedule {id:?} is being changed by many at once: try again"))
}

impl Schedules {
    pub(super) async fn now(&self) -> Result<Timestamp> {
        self.client.handle.ask("tell its time", self.client.backend().now()).await
    }

    /// Finds every state of an id that is kept: one, unless it is on its way to another queue.
    async fn all_of(&self, id: &str) -> Result<Vec<StoredSchedule>> {
        let (queues, id) = (self.client.queues().await?, ScheduleId::from_stored(id));
        let looks = queues.iter().map(|queue| self.client.backend().schedule(queue, &id));
        let found = self.client.handle.ask("look a schedule up", try_join_all(looks)).await?;
        Ok(found.into_iter().flatten().collect())
    }

    /// Finds a schedule, also one that was removed.
    pub(super) async fn find(&self, id: &str) -> Result<Option<(StoredSchedule, ScheduleRecord)>> {
        let mut found = None;
        for stored in self.all_of(id).await? {
            let record = read(&stored)?;
            let is_live = record.removed.is_none();
            if is_live || found.is_none() {
                found = Some((stored, record));
            }
            if is_live {
                break;
            }
        }
        Ok(found)
    }

    pub(super) async fn put(&self, stored: &StoredSchedule, expected: Option<u64>) -> Result<bool> {
        self.client.handle.ask("keep a schedule", self.client.handle.put_schedule(stored, expected)).await
    }

    /// Changes a schedule that was not removed; `change` tells whether there is anything to change.
    pub(super) async fn change(
        &self,
        id: &str,
        change: impl Fn(&mut ScheduleRecord, Timestamp) -> Result<bool>,
    ) -> Result<bool> {
        let of_living = |record: &mut ScheduleRecord, now| match record.removed {
            Some(_) => Err(Error::ScheduleNotFound { id: id.to_owned() }),
            None => change(record, now),
        };
        self.change_any(id, of_living).await
    }

    /// Changes a schedule, also one that was removed.
    pub(super) async fn change_any(
        &self,
        id: &str,
        change: impl Fn(&mut ScheduleRecord, Timestamp) -> Result<bool>,
    ) -> Result<bool> {
        for _ in 0..MOST_TRIES {
            let Some((stored, mut record)) = self.find(id).await? else {
                return Err(Error::ScheduleNotFound { id: id.to_owned() });
            };
            if !change(&mut record, self.now().await?)? {
                return Ok(false);
            }
            let next = next_state(&stored.queue, &stored.id, &record)?;
            if self.put(&next, Some(stored.revision)).await? {
                return Ok(true);
            }
        }
        Err(contended(id))
    }

    /// Makes a schedule, or puts another in the place of what there is; `build` gives none where nothing is to be done. One that
    /// moves to another queue is stopped in its old one first, so that no slot fires in both.
    ///
    /// `known` is what there is, if that was just looked up. Returns what is kept.
    pub(super) async fn place(
        &self,
        id: &ScheduleId,
        known: Option<Vec<StoredSchedule>>,
        build: impl Fn(Option<&ScheduleRecord>, Timestamp) -> Result<Option<ScheduleRecord>>,
    ) -> Result<Option<StoredSchedule>> {
        let mut known = known;
        for _ in 0..MOST_TRIES {
            let all = match known.take() {
                Some(known) => known,
                None => self.all_of(id).await?,
            };
            let records = all.iter().map(read).collect::<Result<Vec<_>>>()?;
            let living = records.iter().find(|record| record.removed.is_none());
            let now = self.now().await?;
            let Some(record) = build(living.or(records.first()), now)? else { return Ok(None) };
            let next = next_state(&record.job.queue, id, &record)?;
            let (here, elsewhere): (Vec<_>, Vec<_>) =
                all.iter().zip(&records).partition(|(stored, _)| stored.queue == next.queue);
            if self.stop(&elsewhere, now).await?
                && self.put(&next, here.first().map(|(stored, _)| stored.revision)).await?
            {
                for (stored, _) in &elsewhere {
                    let remove = self.client.backend().remove_schedule(&stored.queue, &stored.id);
                    self.client.handle.ask("move a schedule", remove).await?;
                }
                return Ok(Some(next));
            }
        }
        Err(contended(id))
    }

    /// Marks schedules as removed; false if somebody has changed one meanwhile.
    async fn stop(&self, all: &[(&StoredSchedule, &ScheduleRecord)], now: Timestamp) -> Result<bool> {
        for (stored, record) in all.iter().filter(|(_, record)| record.removed.is_none()) {
            let stopped = ScheduleRecord { removed: Some(now), ..(*record).clone() };
            let next = next_state(&stored.queue, &stored.id, &stopped)?;
            if !self.put(&next, Some(stored.revision)).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Fires one job outside of the slots.
    pub(super) async fn fire_now(&self, id: &str) -> Result<Arc<Envelope>> {
        // One id for all tries: should an answer be lost for good, the next try meets the job of the one before.
        let job_id = JobId::generate();
        for _ in 0..MOST_TRIES {
            let found = self.find(id).await?.filter(|(_, record)| record.removed.is_none());
            let Some((stored, record)) = found else {
                return Err(Error::ScheduleNotFound { id: id.to_owned() });
            };
            let next = next_state(&stored.queue, &stored.id, &record)?;
            let job = record.job_now(&stored.id, job_id.clone());
            let jobs = [(self.now().await?, job.clone())];
            let fire = self.client.handle.fire(&next, stored.revision, &jobs, None);
            if let Fired::Fired(_) = self.client.handle.ask("fire a schedule", fire).await? {
                return Ok(job);
            }
        }
        Err(contended(id))
    }
}
