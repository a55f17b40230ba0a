//! All that is kept of a schedule: opaque to stores, JSON to everybody else.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::error::Result;
use crate::job::{Envelope, JobId, template};
use crate::schedule::{SCHEDULE_HEADER, SLOT_HEADER, Schedule, ScheduleId, Standing, due_of, job_of};

/// A schedule with its job and how it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScheduleRecord {
    /// When it runs.
    pub schedule: Schedule,
    /// How far it has come.
    pub standing: Standing,
    /// What is pushed in each slot; its id counts for nothing.
    #[serde(with = "template")]
    pub job: Envelope,
    /// Who stopped it, if somebody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<Paused>,
    /// What the task's attribute said when a worker declared it last; none of those that code or people made otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declared: Option<String>,
    /// When somebody removed it. What a task declares is kept as a mark, so that no worker brings it back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed: Option<Timestamp>,
}

/// A stop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paused {
    /// Who did it.
    pub by: PausedBy,
    /// Why, if somebody said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// Who stopped a schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum PausedBy {
    /// A person or a program, as far as that is known. Only an order lets it go on.
    Operator(String),
    /// A worker: no live one declares it any more. It goes on when one does.
    Orphaned,
}

impl ScheduleRecord {
    /// Makes the record of a schedule that begins now.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`](crate::Error::Invalid) for a schedule that would never run.
    pub fn begin(
        schedule: Schedule,
        job: Envelope,
        declared: Option<String>,
        now: Timestamp,
    ) -> Result<Self> {
        let standing = Standing::begin(&schedule, now)?;
        Ok(Self { schedule, standing, job, paused: None, declared, removed: None })
    }

    /// Reads a record as a store has it.
    ///
    /// # Errors
    ///
    /// What `serde_json` finds.
    pub fn read(record: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(record)
    }

    /// Writes the record for a store.
    ///
    /// # Errors
    ///
    /// What `serde_json` finds.
    pub fn write(&self) -> serde_json::Result<Bytes> {
        serde_json::to_vec(self).map(Bytes::from)
    }

    /// Returns when somebody has to look at it next; never while it is paused or gone.
    #[must_use]
    pub fn next(&self) -> Option<Timestamp> {
        self.standing.next.filter(|_| self.paused.is_none() && self.removed.is_none())
    }

    /// Returns the job of a slot.
    #[must_use]
    pub fn job_in(&self, id: &ScheduleId, slot: Timestamp) -> Arc<Envelope> {
        let mut job = self.job_with(id, job_of(&self.job.queue, id, slot));
        job.extras_mut().headers.push((SLOT_HEADER.into(), slot.as_micros().to_string()));
        job.due = due_of(id, slot, self.job.due, self.schedule.jitter);
        Arc::new(job)
    }

    /// Returns a job outside of the slots, under an id of the caller's choice.
    #[must_use]
    pub fn job_now(&self, id: &ScheduleId, job: JobId) -> Arc<Envelope> {
        Arc::new(self.job_with(id, job))
    }

    fn job_with(&self, id: &ScheduleId, job: JobId) -> Envelope {
        let mut job = Envelope { id: job, ..self.job.clone() };
        let headers = &mut job.extras_mut().headers;
        headers.retain(|(key, _)| key != SCHEDULE_HEADER && key != SLOT_HEADER);
        headers.push((SCHEDULE_HEADER.into(), id.to_string()));
        job
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::job::{Backoff, Due, Name, Retention};

    fn record(job: Envelope) -> ScheduleRecord {
        let schedule = Schedule::every(Duration::from_secs(60)).limit(3);
        let standing = Standing::begin(&schedule, Timestamp::from_micros(1)).unwrap();
        ScheduleRecord { schedule, standing, job, paused: None, declared: None, removed: None }
    }

    fn job() -> Envelope {
        let (queue, task) = (Name::from_static("q"), Name::from_static("t"));
        Envelope::new(JobId::from_stored(""), queue, task, Bytes::from_static(b"{\"a\":\"\\u00fc\"}"))
    }

    #[test]
    fn a_record_comes_back_as_it_was() {
        let second = Duration::from_secs(1);
        let mut full = Envelope {
            version: 3,
            priority: 1,
            max_attempts: 9,
            due: Due::After(second),
            ttl: Some(second),
            timeout: Some(second * 2),
            backoff: Backoff::list([second]),
            retention: Retention::For(second),
            args: Bytes::from_static(b"\xff\x00"),
            ..job()
        };
        full.extras_mut().tags = vec!["a".into()];
        full.extras_mut().headers = vec![("k".into(), "v".into())];
        for job in
            [job(), full, Envelope { backoff: Backoff::Custom, retention: Retention::Nothing, ..job() }]
        {
            let mut record = record(job);
            assert_eq!(ScheduleRecord::read(&record.write().unwrap()).unwrap(), record);
            record.paused = Some(Paused {
                by: PausedBy::Operator("ann".into()),
                reason: None,
                at: Timestamp::from_micros(7),
            });
            record.removed = Some(Timestamp::from_micros(8));
            record.declared = Some("1h".into());
            assert_eq!(ScheduleRecord::read(&record.write().unwrap()).unwrap(), record);
            assert_eq!(record.next(), None);
        }
    }

    #[test]
    fn the_job_of_a_slot_says_where_it_comes_from() {
        let (record, id) = (record(job()), ScheduleId::new("s").unwrap());
        let slot = Timestamp::from_micros(60_000_001);
        let fired = record.job_in(&id, slot);
        let expected = [(SCHEDULE_HEADER.into(), "s".into()), (SLOT_HEADER.into(), "60000001".into())];
        assert_eq!(fired.extras().headers, expected);
        assert_eq!(fired.id, job_of(&Name::from_static("q"), &id, slot));
        let now = record.job_now(&id, JobId::from_stored("now"));
        assert_eq!((now.id.as_str(), &now.extras().headers[..]), ("now", &expected[..1]));
    }
}
