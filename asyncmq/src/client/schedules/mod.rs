//! Recurring jobs, as application code holds them.

mod change;
mod declare;
mod fire;
mod info;
mod queue;

use std::time::SystemTime;

pub(crate) use declare::{Declared, declared, schedule_of};
pub(crate) use fire::fire_due;
pub use info::ScheduleInfo;

use crate::client::{Client, JobHandle, NewJob, Untyped};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::job::{Due, Envelope, Name};
use crate::schedule::{Paused, PausedBy, Schedule, ScheduleId, ScheduleRecord};

/// The recurring jobs of a store.
///
/// A schedule has an id, which is unique in the store: each call that is given one looks for it in every queue. Any number of
/// workers fire it together, each slot once. Jobs and schedules may share ids.
///
/// # Examples
///
/// ```
/// # async fn example(client: asyncmq::Client) -> asyncmq::Result<()> {
/// use asyncmq::{NewJob, Schedule};
/// use std::time::Duration;
///
/// let schedules = client.schedules();
/// schedules.upsert("cleanup", Schedule::every(Duration::from_secs(3600)), NewJob::new("app.cleanup")).await?;
/// schedules.pause("cleanup").await?;
/// assert!(schedules.get("cleanup").await?.is_some_and(|cleanup| cleanup.paused.is_some()));
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Schedules {
    client: Client,
}

impl Client {
    /// Returns the recurring jobs of the store.
    #[must_use]
    pub fn schedules(&self) -> Schedules {
        Schedules { client: self.clone() }
    }
}

impl Schedules {
    /// Makes a schedule, or changes the one of this id in its place. Each slot pushes a job as this one is.
    ///
    /// The next slot stays what it was unless the interval, the expression, its zone or the start has changed; how often it fired is
    /// counted on. A pause outlives the change. A job for another queue moves the schedule there.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidName`] for an id that is empty, longer than 255 bytes or has control characters; [`Error::Invalid`] for a
    /// schedule that could never run, and for a job with an id or a time of its own; what [`Client::enqueue`] says of a job;
    /// [`Error::Store`].
    pub async fn upsert<T>(
        &self,
        id: impl AsRef<str>,
        schedule: Schedule,
        job: NewJob<T>,
    ) -> Result<ScheduleInfo> {
        self.upsert_in(id.as_ref(), schedule, job, None).await
    }

    pub(crate) async fn upsert_in<T>(
        &self,
        id: &str,
        schedule: Schedule,
        job: NewJob<T>,
        queue: Option<&Name>,
    ) -> Result<ScheduleInfo> {
        let id = ScheduleId::new(id)?;
        schedule.check()?;
        if job.overrides.as_ref().is_some_and(|own| own.id.is_some()) {
            return Err(Error::Invalid(format!(
                "the job of schedule {id:?} has an id, and each of its runs has one of its own: leave `.id(…)` out"
            )));
        }
        let job = template(&id, &*self.client.seal(job, queue).await?)?;
        let build = |old: Option<&ScheduleRecord>, now: Timestamp| {
            let (schedule, job) = (schedule.clone(), job.clone());
            let Some(old) = old.filter(|old| old.removed.is_none()) else {
                let declared = old.and_then(|old| old.declared.clone());
                return ScheduleRecord::begin(schedule, job, declared, now).map(Some);
            };
            let standing = old.standing.changed(&old.schedule, &schedule, now)?;
            let paused = old.paused.clone().filter(|paused| paused.by != PausedBy::Orphaned);
            Ok(Some(ScheduleRecord { schedule, standing, job, paused, ..old.clone() }))
        };
        match self.place(&id, None, build).await? {
            Some(stored) => ScheduleInfo::read(&stored),
            None => Err(Error::ScheduleNotFound { id: id.to_string() }),
        }
    }

    /// Changes when a schedule runs, and leaves its job as it is. What stays of it is what [`Schedules::upsert`] says. Returns
    /// whether that changed anything.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for a schedule that could never run; [`Error::ScheduleNotFound`], [`Error::Store`].
    pub async fn reschedule(&self, id: impl AsRef<str>, schedule: Schedule) -> Result<bool> {
        schedule.check()?;
        self.change(id.as_ref(), |record, now| {
            if record.schedule == schedule {
                return Ok(false);
            }
            record.standing = record.standing.changed(&record.schedule, &schedule, now)?;
            record.schedule = schedule.clone();
            Ok(true)
        })
        .await
    }

    /// Returns a schedule.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] when the store cannot be asked.
    pub async fn get(&self, id: impl AsRef<str>) -> Result<Option<ScheduleInfo>> {
        match self.find(id.as_ref()).await? {
            Some((stored, record)) if record.removed.is_none() => ScheduleInfo::read(&stored).map(Some),
            _ => Ok(None),
        }
    }

    /// Lists the schedules, by queue and id.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] when the store cannot be asked.
    pub async fn list(&self) -> Result<Vec<ScheduleInfo>> {
        self.list_of(None).await
    }

    pub(crate) async fn list_of(&self, queue: Option<&Name>) -> Result<Vec<ScheduleInfo>> {
        let all =
            self.client.handle.ask("list the schedules", self.client.backend().schedules(queue)).await?;
        // What another version wrote, and this one cannot read, must not hide the others.
        let read = all.iter().filter_map(|stored| ScheduleInfo::read(stored).ok());
        Ok(read.filter(|info| info.removed.is_none()).collect())
    }

    /// Stops a schedule from firing until it is resumed, whatever workers declare. Returns whether it changed.
    ///
    /// # Errors
    ///
    /// [`Error::ScheduleNotFound`], [`Error::Store`].
    pub async fn pause(&self, id: impl AsRef<str>) -> Result<bool> {
        self.pause_by(id.as_ref(), "a program", None).await
    }

    pub(crate) async fn pause_by(&self, id: &str, who: &str, reason: Option<&str>) -> Result<bool> {
        self.change(id, |record, now| {
            if record.paused.as_ref().is_some_and(|paused| paused.by != PausedBy::Orphaned) {
                return Ok(false);
            }
            let by = PausedBy::Operator(who.to_owned());
            record.paused = Some(Paused { by, reason: reason.map(str::to_owned), at: now });
            Ok(true)
        })
        .await
    }

    /// Lets a paused schedule fire again, from its next slot on; what lay within the pause is left out. A declared one that was
    /// removed comes back. Returns whether it changed.
    ///
    /// # Errors
    ///
    /// [`Error::ScheduleNotFound`], [`Error::Store`].
    pub async fn resume(&self, id: impl AsRef<str>) -> Result<bool> {
        self.change_any(id.as_ref(), |record, now| {
            if record.paused.is_none() && record.removed.is_none() {
                return Ok(false);
            }
            (record.paused, record.removed) = (None, None);
            record.standing = record.standing.resumed(&record.schedule, now)?;
            Ok(true)
        })
        .await
    }

    /// Removes a schedule; jobs that it fired stay. What a task declares stays removed when its workers start again. Returns
    /// whether it was there.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] when the store cannot be asked.
    pub async fn remove(&self, id: impl AsRef<str>) -> Result<bool> {
        let Some((stored, record)) = self.find(id.as_ref()).await? else { return Ok(false) };
        if record.declared.is_none() {
            let remove = self.client.backend().remove_schedule(&stored.queue, &stored.id);
            return self.client.handle.ask("remove a schedule", remove).await;
        }
        let removed = self.change(id.as_ref(), |record, now| {
            record.removed = Some(now);
            Ok(true)
        });
        match removed.await {
            Err(Error::ScheduleNotFound { .. }) => Ok(false),
            removed => removed,
        }
    }

    /// Enqueues a job of the schedule now, outside of its slots, also while it is paused. Its next slot stays what it was.
    ///
    /// # Errors
    ///
    /// [`Error::ScheduleNotFound`], [`Error::Store`].
    pub async fn run_now(&self, id: impl AsRef<str>) -> Result<JobHandle<Untyped>> {
        let job = self.fire_now(id.as_ref()).await?;
        Ok(JobHandle::of(&self.client, &job))
    }

    /// Returns the next `count` slots (at most 1,000) of a schedule that is not paused, without their jitter.
    ///
    /// # Errors
    ///
    /// [`Error::ScheduleNotFound`], [`Error::Store`].
    pub async fn upcoming(&self, id: impl AsRef<str>, count: usize) -> Result<Vec<SystemTime>> {
        let id = id.as_ref();
        let info = self.get(id).await?.ok_or_else(|| Error::ScheduleNotFound { id: id.into() })?;
        Ok(info.upcoming(count))
    }
}

/// Takes from a job what each run has in common.
fn template(id: &ScheduleId, job: &Envelope) -> Result<Envelope> {
    if matches!(job.due, Due::At(_)) {
        return Err(Error::Invalid(format!(
            "the job of schedule {id:?} is due at a time of its own: leave `.at(…)` out, or give the schedule a start"
        )));
    }
    if !job.extras().parents.is_empty() {
        return Err(Error::Invalid(format!("the job of schedule {id:?} cannot depend on others")));
    }
    let mut job = job.clone();
    if let Some(extras) = &mut job.extras {
        // Runs for years are no part of the trace in which the schedule was made.
        extras.headers.retain(|(key, _)| !["traceparent", "tracestate"].contains(&key.as_str()));
        if **extras == crate::job::Extras::default() {
            job.extras = None;
        }
    }
    Ok(job)
}
