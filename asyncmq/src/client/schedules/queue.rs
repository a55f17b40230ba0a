//! Recurring jobs of one queue, under the names that users of the older systems know.

use std::time::Duration;

use crate::client::{NewJob, Queue, ScheduleInfo};
use crate::error::{Error, Result};
use crate::schedule::Schedule;

impl Queue {
    /// Makes a schedule whose jobs go to this queue, or changes the one of this id in its place.
    ///
    /// # Errors
    ///
    /// What [`Schedules::upsert`](crate::Schedules::upsert) says.
    pub async fn upsert_schedule<T>(
        &self,
        id: impl AsRef<str>,
        schedule: Schedule,
        job: NewJob<T>,
    ) -> Result<ScheduleInfo> {
        let queue = self.checked()?;
        self.client.schedules().upsert_in(id.as_ref(), schedule, job, Some(&queue)).await
    }

    /// Lets a task run every so often in this queue: a [`Duration`], a text such as `"1h"`, a cron expression, or a
    /// [`Schedule`]. It is as durable as any schedule; its id is the names of queue and task with `:` between. Asked for again, it
    /// is changed in its place.
    ///
    /// A task with arguments is given them by [`Queue::upsert_schedule`].
    ///
    /// # Examples
    ///
    /// ```
    /// # async fn example(client: asyncmq::Client) -> asyncmq::Result<()> {
    /// let queue = client.queue("reports");
    /// let nightly = queue.add_repeatable("app.nightly", "1d").await?;
    /// queue.pause_repeatable(&nightly.id).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// What the text's reader says, and what [`Queue::upsert_schedule`] does.
    pub async fn add_repeatable<S>(&self, task: impl Into<String>, often: S) -> Result<ScheduleInfo>
    where
        S: TryInto<Schedule>,
        Error: From<S::Error>,
    {
        let (task, schedule) = (task.into(), often.try_into()?);
        self.upsert_schedule(format!("{}:{task}", self.name()), schedule, NewJob::new(task)).await
    }

    /// Lists the schedules whose jobs go to this queue.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] when the store cannot be asked.
    pub async fn list_repeatables(&self) -> Result<Vec<ScheduleInfo>> {
        self.client.schedules().list_of(Some(&self.checked()?)).await
    }

    /// Stops a schedule from firing. Returns whether it changed.
    ///
    /// # Errors
    ///
    /// [`Error::ScheduleNotFound`], [`Error::Store`].
    pub async fn pause_repeatable(&self, id: impl AsRef<str>) -> Result<bool> {
        self.client.schedules().pause(id).await
    }

    /// Lets a schedule fire again. Returns whether it changed.
    ///
    /// # Errors
    ///
    /// [`Error::ScheduleNotFound`], [`Error::Store`].
    pub async fn resume_repeatable(&self, id: impl AsRef<str>) -> Result<bool> {
        self.client.schedules().resume(id).await
    }

    /// Removes a schedule. Returns whether it was there.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] when the store cannot be asked.
    pub async fn remove_repeatable(&self, id: impl AsRef<str>) -> Result<bool> {
        self.client.schedules().remove(id).await
    }
}

impl From<Duration> for Schedule {
    fn from(interval: Duration) -> Self {
        Self::every(interval)
    }
}

impl TryFrom<&str> for Schedule {
    type Error = Error;

    fn try_from(text: &str) -> Result<Self> {
        text.parse()
    }
}

impl From<std::convert::Infallible> for Error {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}
