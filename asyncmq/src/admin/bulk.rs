//! Orders about many jobs: tried first, then carried out page by page, and on record.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::time::Instant;

use crate::admin::select::{STEP, Walk};
use crate::admin::{Admin, Query};
use crate::backend::{AuditEntry, Ordered};
use crate::error::Result;
use crate::job::{Job, JobState, Name};

/// How many calls are under way at once: stores take them in together.
const UNDER_WAY: usize = 64;

/// How often an order that takes long is recorded anew, with how far it came.
const TELL_EACH: Duration = Duration::from_secs(1);

/// What is to become of jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Order {
    /// Back into their queue with fresh attempts.
    Retry,
    /// Cancelled; running ones are told.
    Cancel {
        /// Why, for their record.
        reason: Option<String>,
    },
    /// Gone, with all that is kept of them.
    Remove,
    /// Due now instead of later.
    Promote,
}

impl Order {
    /// Returns the states in which jobs are that it reaches.
    #[must_use]
    pub const fn reaches(&self) -> &'static [JobState] {
        use JobState::{Active, Blocked, Cancelled, Completed, Delayed, Expired, Failed, Waiting};
        match self {
            Self::Retry => &[Failed, Expired, Cancelled],
            Self::Cancel { .. } => &[Waiting, Active, Delayed, Blocked],
            Self::Remove => &[Waiting, Delayed, Blocked, Completed, Failed, Expired, Cancelled],
            Self::Promote => &[Delayed],
        }
    }

    /// Returns the verb: `retry`, `cancel`, `remove`, `promote`.
    #[must_use]
    pub const fn verb(&self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Cancel { .. } => "cancel",
            Self::Remove => "remove",
            Self::Promote => "promote",
        }
    }

    /// Returns what it is called in the record.
    pub(super) const fn action(&self) -> &'static str {
        match self {
            Self::Retry => "job.retry",
            Self::Cancel { .. } => "job.cancel",
            Self::Remove => "job.remove",
            Self::Promote => "job.promote",
        }
    }

    pub(super) const fn leads_to(&self) -> JobState {
        match self {
            Self::Retry | Self::Promote => JobState::Waiting,
            Self::Cancel { .. } | Self::Remove => JobState::Cancelled,
        }
    }
}

/// What an order would do.
#[derive(Debug)]
#[non_exhaustive]
pub struct Preview {
    /// How many jobs it reaches, exactly, as they stand now.
    pub count: u64,
    /// The first of them.
    pub sample: Vec<Job>,
}

/// How far an order is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BulkProgress {
    /// How many jobs were looked at.
    pub looked: u64,
    /// How many of them can be met at most: known from the store's counters before the start.
    pub at_most: u64,
    /// How many jobs were changed.
    pub changed: u64,
    /// How many stood elsewhere by the time that the order reached them.
    pub refused: u64,
}

/// What an order did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BulkReport {
    /// How many jobs were changed, or, if they were running, told.
    pub changed: u64,
    /// How many stood elsewhere, or were gone, by the time that the order reached them.
    pub refused: u64,
    /// Whether it was stopped before its end.
    pub stopped: bool,
}

impl Admin {
    /// Returns what an order would do to the jobs that a query means, with up to `sample` of them. Changes nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Store`](crate::Error::Store) when the store cannot be asked.
    pub async fn preview(&self, order: &Order, query: &Query, sample: usize) -> Result<Preview> {
        self.preview_telling(order, query, sample, |_| {}).await
    }

    /// Does the same, and tells after each step how many jobs were looked at.
    ///
    /// # Errors
    ///
    /// [`Error::Store`](crate::Error::Store) when the store cannot be asked.
    pub async fn preview_telling(
        &self,
        order: &Order,
        query: &Query,
        sample: usize,
        mut tell: impl FnMut(u64) + Send,
    ) -> Result<Preview> {
        let mut preview = Preview { count: 0, sample: Vec::new() };
        let mut walk = Walk::new(self, query, order.reaches(), None).await?;
        while let Some(mut meant) = walk.step(STEP).await? {
            tell(walk.looked);
            meant.retain(|job| order.reaches().contains(&job.state()));
            preview.count += meant.len() as u64;
            let room = sample - preview.sample.len();
            preview.sample.extend(meant.into_iter().take(room));
            if query.is_counted() && preview.sample.len() == sample {
                preview.count = self.count_among(query, order.reaches()).await?;
                break;
            }
        }
        Ok(preview)
    }

    /// Describes an order about the jobs that a query means. Nothing happens before it is awaited.
    pub fn carry_out(&self, order: &Order, query: &Query) -> Bulk {
        Bulk {
            admin: self.clone(),
            order: order.clone(),
            query: query.clone(),
            stop: Arc::default(),
            progress: None,
        }
    }
}

impl Admin {
    async fn carry_out_all(&self, order: &Order, jobs: &[Job], report: &mut BulkReport) -> Result<()> {
        let calls = jobs.iter().map(|job| {
            let queue = Name::from_stored(job.queue());
            async move { self.carry_out_one(order, &queue, job.id()).await }
        });
        let mut answers = stream::iter(calls.collect::<Vec<_>>()).buffer_unordered(UNDER_WAY);
        while let Some(answer) = answers.next().await {
            match answer? {
                Ordered::Done | Ordered::Requested => report.changed += 1,
                Ordered::Refused(_) | Ordered::Missing => report.refused += 1,
            }
        }
        Ok(())
    }
}

type OnProgress = Box<dyn FnMut(BulkProgress) + Send>;

/// An order about many jobs; await it to carry it out.
///
/// # Cancel safety
///
/// Each job is changed in one step of its own. Dropping it leaves those that were reached changed, and the record without
/// an end; set the flag of [`Bulk::stop_when`] to end it in order.
#[must_use = "nothing happens before it is awaited"]
pub struct Bulk {
    admin: Admin,
    order: Order,
    query: Query,
    stop: Arc<AtomicBool>,
    progress: Option<OnProgress>,
}

impl Bulk {
    /// Tells how far it is, after each step.
    pub fn on_progress(mut self, tell: impl FnMut(BulkProgress) + Send + 'static) -> Self {
        self.progress = Some(Box::new(tell));
        self
    }

    /// Ends it after the step that is under way once the flag is set.
    pub fn stop_when(mut self, flag: Arc<AtomicBool>) -> Self {
        self.stop = flag;
        self
    }

    async fn run(mut self) -> Result<BulkReport> {
        let mut report = BulkReport::default();
        let mut entry = self.admin.entry(self.order.action(), &self.query.to_string());
        self.admin.keep(&entry).await;
        let outcome = self.work(&mut report, &mut entry).await;
        entry.changed = report.changed;
        entry.error = match &outcome {
            Err(error) => Some(error.to_string()),
            Ok(()) => report.stopped.then(|| "stopped before its end".into()),
        };
        entry.ended = true;
        self.admin.keep(&entry).await;
        outcome.map(|()| report)
    }

    async fn work(&mut self, report: &mut BulkReport, entry: &mut AuditEntry) -> Result<()> {
        let (admin, query) = (self.admin.clone(), self.query.clone());
        let at_most = admin.count_among(&query, self.order.reaches()).await?;
        let mut walk = Walk::new(&admin, &query, self.order.reaches(), None).await?;
        let mut told_at = Instant::now();
        while let Some(meant) = walk.step(STEP).await? {
            let reached: Vec<Job> =
                meant.into_iter().filter(|job| self.order.reaches().contains(&job.state())).collect();
            admin.carry_out_all(&self.order, &reached, report).await?;
            if TELL_EACH <= told_at.elapsed() {
                (entry.changed, told_at) = (report.changed, Instant::now());
                admin.keep(entry).await;
            }
            if let Some(tell) = &mut self.progress {
                let (looked, changed, refused) = (walk.looked, report.changed, report.refused);
                tell(BulkProgress { looked, at_most, changed, refused });
            }
            if self.stop.load(Ordering::Relaxed) {
                report.stopped = walk.stand().is_some();
                break;
            }
        }
        Ok(())
    }
}

impl std::fmt::Debug for Bulk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.order.verb(), self.query)
    }
}

impl IntoFuture for Bulk {
    type Output = Result<BulkReport>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<BulkReport>> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}
