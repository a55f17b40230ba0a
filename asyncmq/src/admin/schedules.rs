//! Recurring jobs: how they stand, and what is ordered of them.

use crate::admin::Admin;
use crate::client::{JobHandle, NewJob, ScheduleInfo, Untyped};
use crate::error::{Error, Result};
use crate::job::{Name, nearest};
use crate::schedule::Schedule;

impl Admin {
    /// Lists the schedules, by queue and id.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] when the store cannot be asked.
    pub async fn schedules(&self) -> Result<Vec<ScheduleInfo>> {
        self.client.schedules().list().await
    }

    /// Returns a schedule.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] when there is none of this id: it names one that is spelt alike.
    pub async fn schedule(&self, id: &str) -> Result<ScheduleInfo> {
        match self.client.schedules().get(id).await? {
            Some(schedule) => Ok(schedule),
            None => Err(self.no_schedule(id).await),
        }
    }

    async fn no_schedule(&self, id: &str) -> Error {
        let all = self.schedules().await.unwrap_or_default();
        let near = nearest(id, all.iter().map(|info| info.id.as_str()));
        match near {
            Some(near) => Error::Invalid(format!("there is no schedule {id:?}; did you mean {near:?}?")),
            None => Error::ScheduleNotFound { id: id.to_owned() },
        }
    }

    /// Names one that is spelt alike where there is none.
    async fn hinted<T>(&self, id: &str, outcome: Result<T>) -> Result<T> {
        match outcome {
            Err(Error::ScheduleNotFound { .. }) => Err(self.no_schedule(id).await),
            outcome => outcome,
        }
    }

    /// Makes a schedule, or changes the one of this id in its place; its jobs go to the queue that is named, else to the task's.
    ///
    /// # Errors
    ///
    /// What [`Schedules::upsert`](crate::Schedules::upsert) says.
    pub async fn put_schedule<T>(
        &self,
        id: &str,
        schedule: Schedule,
        job: NewJob<T>,
        queue: Option<&str>,
    ) -> Result<ScheduleInfo> {
        let queue = queue.map(Name::queue).transpose()?;
        let schedules = self.client.schedules();
        let made = schedules.upsert_in(id, schedule, job, queue.as_ref());
        self.on_record(("schedule.put", id), made, |_| 1).await
    }

    /// Changes when a schedule runs, and leaves its job as it is. Returns whether that changed anything.
    ///
    /// # Errors
    ///
    /// What [`Schedules::reschedule`](crate::Schedules::reschedule) says; [`Error::Invalid`] names one that is spelt alike.
    pub async fn reschedule(&self, id: &str, schedule: Schedule) -> Result<bool> {
        let schedules = self.client.schedules();
        let changed = async { self.hinted(id, schedules.reschedule(id, schedule).await).await };
        self.on_record(("schedule.change", id), changed, |changed| u64::from(*changed)).await
    }

    /// Stops a schedule from firing until it is resumed. Returns whether it changed.
    ///
    /// # Errors
    ///
    /// What [`Admin::schedule`] says.
    pub async fn pause_schedule(&self, id: &str, reason: Option<&str>) -> Result<bool> {
        let schedules = self.client.schedules();
        let paused = async { self.hinted(id, schedules.pause_by(id, &self.actor.who, reason).await).await };
        self.on_record(("schedule.pause", id), paused, |changed| u64::from(*changed)).await
    }

    /// Lets a paused schedule fire again, and brings a declared one back that was removed. Returns whether it changed.
    ///
    /// # Errors
    ///
    /// What [`Admin::schedule`] says.
    pub async fn resume_schedule(&self, id: &str) -> Result<bool> {
        let schedules = self.client.schedules();
        let resumed = async { self.hinted(id, schedules.resume(id).await).await };
        self.on_record(("schedule.resume", id), resumed, |changed| u64::from(*changed)).await
    }

    /// Removes a schedule; its jobs stay.
    ///
    /// # Errors
    ///
    /// What [`Admin::schedule`] says.
    pub async fn remove_schedule(&self, id: &str) -> Result<()> {
        let schedules = self.client.schedules();
        let removed = async {
            match schedules.remove(id).await? {
                true => Ok(()),
                false => Err(self.no_schedule(id).await),
            }
        };
        self.on_record(("schedule.remove", id), removed, |()| 1).await
    }

    /// Enqueues a job of a schedule now, outside of its slots.
    ///
    /// # Errors
    ///
    /// What [`Admin::schedule`] says.
    pub async fn run_schedule(&self, id: &str) -> Result<JobHandle<Untyped>> {
        let schedules = self.client.schedules();
        let run = async { self.hinted(id, schedules.run_now(id).await).await };
        self.on_record(("schedule.run", id), run, |_| 1).await
    }
}
