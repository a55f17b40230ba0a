//! Schedules that tasks declare with `cron` or `every`: workers bring them into the store, and see who has been deserted.

use uuid::Uuid;

use super::change::next_state;
use super::info::read;
use super::{Schedules, template};
use crate::backend::{StoredSchedule, TaskInfo, WorkerInfo};
use crate::client::seal::{Known, seal};
use crate::client::{NewJob, Untyped};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::job::{Envelope, Name};
use crate::schedule::{Paused, PausedBy, Schedule, ScheduleId, ScheduleRecord};
use crate::task::{TaskDefinition, TaskOptions};

/// A schedule that a task declares.
#[derive(Debug, Clone)]
pub(crate) struct Declared {
    id: ScheduleId,
    schedule: Schedule,
    job: Envelope,
    /// Tells one declaration from another, so that a changed attribute is noticed and an operator's change is kept.
    mark: String,
}

/// Returns when a task runs by itself, if its attribute says so.
///
/// # Errors
///
/// What [`Schedule::cron`] and [`Schedule::tz`] say of the attribute.
pub(crate) fn schedule_of(options: &TaskOptions) -> Result<Option<Schedule>> {
    let schedule = match (options.cron, options.every) {
        (Some(cron), _) => Schedule::cron(cron)?,
        (None, Some(every)) => Schedule::every(every),
        (None, None) => return Ok(None),
    };
    let schedule = options.tz.map_or(Ok(schedule.clone()), |zone| schedule.tz(zone))?;
    schedule.check().map(|()| Some(schedule))
}

/// Returns what a task declares.
///
/// # Errors
///
/// What [`schedule_of`] says, and what an enqueue of the task's job without arguments does.
pub(crate) fn declared(task: &'static TaskDefinition, max_payload: usize) -> Result<Option<Declared>> {
    let Some(schedule) = schedule_of(task.options())? else { return Ok(None) };
    let id = ScheduleId::new(task.name())?;
    let job: NewJob<Untyped> = NewJob::new(task.name());
    let job = template(&id, &*seal(job, &Known::Linked(task), None, max_payload)?)?;
    let record = ScheduleRecord::begin(schedule, job, None, Timestamp::default())?;
    let bytes = record.write().unwrap_or_default();
    let mark = format!("{} #{}", record.schedule, Uuid::new_v5(&Uuid::NAMESPACE_OID, &bytes).simple());
    Ok(Some(Declared { id, schedule: record.schedule, job: record.job, mark }))
}

impl Declared {
    /// Says what is to be kept, given what there is; nothing where that may stay.
    fn build(&self, old: Option<&ScheduleRecord>, now: Timestamp) -> Result<Option<ScheduleRecord>> {
        let (schedule, job, declared) = (self.schedule.clone(), self.job.clone(), Some(self.mark.clone()));
        let Some(old) = old else {
            return ScheduleRecord::begin(schedule, job, declared, now).map(Some);
        };
        if old.removed.is_some() {
            return Ok(None);
        }
        if old.declared.is_none() {
            tracing::warn!(
                schedule = %self.id,
                "a schedule with the id of this task was made by hand: what the task's attribute says is left out"
            );
            return Ok(None);
        }
        let is_orphaned = old.paused.as_ref().is_some_and(|paused| paused.by == PausedBy::Orphaned);
        if old.declared == declared && !is_orphaned {
            return Ok(None);
        }
        let mut record = old.clone();
        if old.declared != declared {
            record.standing = old.standing.changed(&old.schedule, &schedule, now)?;
            (record.schedule, record.job, record.declared) = (schedule, job, declared);
        }
        if is_orphaned {
            record.paused = None;
            record.standing = record.standing.resumed(&record.schedule, now)?;
        }
        Ok(Some(record))
    }
}

/// Tells whether a worker is alive and makes this schedule when it starts.
fn declares(worker: &WorkerInfo, stored: &StoredSchedule) -> bool {
    let is_it = |task: &TaskInfo| *task.name == *stored.id && task.schedule.is_some();
    worker.alive && worker.queues.contains(&stored.queue) && worker.tasks.iter().any(is_it)
}

impl Schedules {
    /// Brings what tasks declare into the store. Workers that do so at once do no harm.
    pub(crate) async fn declare(&self, all: &[Declared]) -> Result<()> {
        if all.is_empty() {
            return Ok(());
        }
        let kept =
            self.client.handle.ask("list the schedules", self.client.backend().schedules(None)).await?;
        for declared in all {
            let known = kept.iter().filter(|stored| stored.id == declared.id).cloned().collect();
            self.place(&declared.id, Some(known), |old, now| declared.build(old, now)).await?;
        }
        Ok(())
    }

    /// Lists the declared schedules of these queues that are not paused and that no live worker declares, and lets those go on that
    /// were stopped for it and are declared again.
    pub(crate) async fn deserted(&self, queues: &[Name]) -> Result<Vec<StoredSchedule>> {
        let mut kept = Vec::new();
        for queue in queues {
            let of_queue = self.client.backend().schedules(Some(queue));
            for stored in self.client.handle.ask("list the schedules", of_queue).await? {
                if let Ok(record) = read(&stored)
                    && record.declared.is_some()
                    && record.removed.is_none()
                {
                    kept.push((stored, record));
                }
            }
        }
        if kept.is_empty() {
            return Ok(Vec::new());
        }
        let workers = self.client.workers().await?;
        let mut deserted = Vec::new();
        for (stored, record) in kept {
            let is_declared = workers.iter().any(|worker| declares(worker, &stored));
            match record.paused {
                None if !is_declared => deserted.push(stored),
                Some(Paused { by: PausedBy::Orphaned, .. }) if is_declared => {
                    self.resume(stored.id.as_str()).await?;
                }
                _ => {}
            }
        }
        Ok(deserted)
    }

    /// Stops a schedule that no live worker declares, unless somebody has changed it meanwhile.
    pub(crate) async fn orphan(&self, stored: &StoredSchedule) -> Result<bool> {
        let now = self.now().await?;
        let reason = "no live worker declares it any more".to_owned();
        let paused = Some(Paused { by: PausedBy::Orphaned, reason: Some(reason), at: now });
        let record = ScheduleRecord { paused, ..read(stored)? };
        let next = next_state(&stored.queue, &stored.id, &record)?;
        self.put(&next, Some(stored.revision)).await
    }
}
