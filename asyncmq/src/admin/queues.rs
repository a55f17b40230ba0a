//! How queues stand, and what is ordered of a whole queue.

use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};

use crate::admin::select::{STEP, Walk};
use crate::admin::{Admin, Preview, Query};
use crate::backend::{Drain, Force, QueueInfo, WorkerInfo};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::job::{JobState, Name};

/// How many queues are looked at at once: their answers come together.
const AT_ONCE: usize = 32;

/// How a queue stands and who serves it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct QueueOverview {
    /// How it stands.
    pub info: QueueInfo,
    /// How many live workers serve it.
    pub workers: usize,
    /// How many jobs those can run at once, in all their queues.
    pub concurrency: u64,
}

/// What clears a queue, or a part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cleared {
    /// What has not started.
    Drain(Drain),
    /// What has been in a state for longer than a time: ended, or, if it has not, due so long ago.
    Clean(JobState, Duration),
    /// The queue itself with all its jobs.
    Obliterate(Force),
}

impl Admin {
    /// Lists the queues that were ever used, by name.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] when the store cannot be asked.
    pub async fn queues(&self) -> Result<Vec<QueueOverview>> {
        let workers = self.client.workers().await?;
        let names = self.client.queues().await?;
        let looks = names.iter().map(|name| self.overview(name, &workers)).collect::<Vec<_>>();
        stream::iter(looks).buffered(AT_ONCE).try_collect().await
    }

    /// Returns how a queue stands.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for one that nobody ever used.
    pub async fn queue(&self, name: &str) -> Result<QueueOverview> {
        let name = self.known(name).await?;
        let workers = self.client.workers().await?;
        self.overview(&name, &workers).await
    }

    async fn overview(&self, name: &Name, workers: &[WorkerInfo]) -> Result<QueueOverview> {
        let info = self.client.handle.ask("look at a queue", self.client.backend().queue(name)).await?;
        let serving: Vec<_> =
            workers.iter().filter(|worker| worker.alive && worker.queues.contains(name)).collect();
        let concurrency = serving.iter().map(|worker| u64::from(worker.concurrency)).sum();
        Ok(QueueOverview { info, workers: serving.len(), concurrency })
    }

    /// Checks that there is such a queue: a misspelt name must not look like an empty queue.
    async fn known(&self, name: &str) -> Result<Name> {
        let checked = Name::queue(name)?;
        let queues = self.client.queues().await?;
        if queues.contains(&checked) {
            return Ok(checked);
        }
        let near = crate::job::nearest(name, queues.iter().map(Name::as_str));
        let hint = near.map_or_else(String::new, |near| format!("; did you mean {near:?}?"));
        Err(Error::Invalid(format!("there is no queue {name:?}: nothing was ever put into it{hint}")))
    }

    /// Stops a queue from giving out, or lets it give out again. Returns whether that changed.
    ///
    /// A queue may be paused before anything is in it.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidName`], and [`Error::Store`] when the store cannot be asked.
    pub async fn set_paused(&self, name: &str, paused: bool) -> Result<bool> {
        let queue = self.client.queue(name);
        let turned = async { if paused { queue.pause().await } else { queue.resume().await } };
        let action = if paused { "queue.pause" } else { "queue.resume" };
        self.on_record((action, name), turned, |changed| u64::from(*changed)).await
    }

    /// Returns how many jobs would go, and up to `sample` of them. Only where an age counts are they looked at one by one.
    ///
    /// # Errors
    ///
    /// What [`Admin::clear`] says.
    pub async fn preview_clear(&self, name: &str, what: Cleared, sample: usize) -> Result<Preview> {
        let info = self.queue(name).await?.info;
        what.check(name, &info)?;
        let states = what.states();
        let query = Query::all().in_queue(name).in_states(states);
        let mut preview = Preview { count: 0, sample: Vec::new() };
        let mut walk = Walk::new(self, &query, states, None).await?;
        let before = self.before(what.age()).await?;
        while let Some(mut jobs) = walk.step(STEP).await? {
            jobs.retain(|job| {
                let status = job.status();
                what.age().is_zero() || status.finished_at.unwrap_or(status.run_at) < before
            });
            preview.count += jobs.len() as u64;
            let room = sample - preview.sample.len();
            preview.sample.extend(jobs.into_iter().take(room));
            if what.age().is_zero() && preview.sample.len() == sample {
                break;
            }
        }
        if what.age().is_zero() {
            preview.count = states.iter().map(|state| info.counts.of(*state)).sum();
        }
        Ok(preview)
    }

    /// Removes jobs of a queue. Returns how many.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for a queue that nobody ever used, for cleaning running jobs away, and for
    /// obliterating a queue with running jobs without force.
    pub async fn clear(&self, name: &str, what: Cleared) -> Result<u64> {
        what.check(name, &self.queue(name).await?.info)?;
        let queue = self.client.queue(name);
        let action = match what {
            Cleared::Drain(_) => "queue.drain",
            Cleared::Clean(..) => "queue.clean",
            Cleared::Obliterate(_) => "queue.obliterate",
        };
        let removed = async {
            match what {
                Cleared::Drain(which) => queue.drain(which).await,
                Cleared::Clean(state, age) => self.clean(name, state, age).await,
                Cleared::Obliterate(force) => queue.obliterate(force).await,
            }
        };
        self.on_record((action, name), removed, |removed| *removed).await
    }

    async fn clean(&self, name: &str, state: JobState, age: Duration) -> Result<u64> {
        self.client.queue(name).clean(state, self.before(age).await?.into()).await
    }

    /// Returns the time that lies so long ago by the store's clock: that of this machine may differ.
    async fn before(&self, age: Duration) -> Result<Timestamp> {
        if age.is_zero() {
            // What is delayed is due later than now, and older than no time at all.
            return Ok(Timestamp::from_micros(i64::MAX as u64 / 2));
        }
        let now = self.client.handle.ask("tell its time", self.client.backend().now()).await?;
        let age = u64::try_from(age.as_micros()).unwrap_or(u64::MAX);
        Ok(Timestamp::from_micros(now.as_micros().saturating_sub(age)))
    }
}

impl Cleared {
    const fn age(self) -> Duration {
        match self {
            Self::Clean(_, age) => age,
            Self::Drain(_) | Self::Obliterate(_) => Duration::ZERO,
        }
    }

    const fn states(&self) -> &'static [JobState] {
        const ALL: [JobState; 8] = JobState::ALL;
        match self {
            Self::Drain(Drain::Waiting) => &[JobState::Waiting],
            Self::Drain(Drain::WaitingAndDelayed) => &[JobState::Waiting, JobState::Delayed],
            Self::Clean(state, _) => only(*state),
            Self::Obliterate(_) => &ALL,
        }
    }

    /// Refuses what the order itself would refuse.
    fn check(self, name: &str, info: &QueueInfo) -> Result<()> {
        match self {
            Self::Clean(JobState::Active, _) => Err(Error::Invalid(
                "active jobs cannot be cleaned away: cancel them, or obliterate the queue".into(),
            )),
            Self::Obliterate(Force::RefuseActive) if info.counts.active != 0 => Err(Error::Invalid(format!(
                "queue {name:?} has {} active job(s): pause it and wait, or obliterate it by force",
                info.counts.active
            ))),
            _ => Ok(()),
        }
    }
}

/// Returns the list of one state.
const fn only(state: JobState) -> &'static [JobState] {
    match state {
        JobState::Waiting => &[JobState::Waiting],
        JobState::Active => &[JobState::Active],
        JobState::Delayed => &[JobState::Delayed],
        JobState::Blocked => &[JobState::Blocked],
        JobState::Completed => &[JobState::Completed],
        JobState::Failed => &[JobState::Failed],
        JobState::Expired => &[JobState::Expired],
        JobState::Cancelled => &[JobState::Cancelled],
    }
}
