//! Lists of jobs in pages, and orders about one job.

use crate::admin::select::{Stand, Walk};
use crate::admin::{Admin, Order, Query};
use crate::backend::Ordered;
use crate::error::{Error, Result};
use crate::job::{Job, JobId, JobState, Name};

/// How many jobs a page looks at before it ends, however few of them are meant; fewer where they lie in many queues.
const MOST_EFFORT: u64 = 6_000;

/// A part of the jobs that a query means.
#[derive(Debug)]
#[non_exhaustive]
pub struct JobPage {
    /// The jobs: by queue, and in it by state; each state in the order of
    /// [`Queue::list_jobs`](crate::Queue::list_jobs).
    pub jobs: Vec<Job>,
    /// Where the next page begins; nothing behind the last. A page may be short, or empty, and have a next one.
    pub next: Option<String>,
    /// How many jobs were looked at for it.
    pub looked: u64,
}

impl Admin {
    /// Lists jobs that a query means: at most `limit`, from where an earlier page said or from the first.
    ///
    /// A page looks at no more than about 5,000 jobs. When nothing is found among them, the page is
    /// empty and says where the next one begins.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for a cursor that is none.
    pub async fn jobs(&self, query: &Query, after: Option<&str>, limit: usize) -> Result<JobPage> {
        let from = after.map(Stand::from_text).transpose()?;
        let mut walk = Walk::new(self, query, &JobState::ALL, from).await?;
        let mut jobs = Vec::new();
        while (walk.is_by_id() || jobs.len() < limit) && walk.effort() < MOST_EFFORT {
            match walk.step_into(limit.saturating_sub(jobs.len())).await? {
                Some(meant) => jobs.extend(meant),
                None => break,
            }
        }
        let next = walk.stand().map(Stand::to_text);
        Ok(JobPage { jobs, next, looked: walk.looked })
    }

    /// Returns a job; of several with one id, the one of that queue, or the first by the queues' names.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] when there is none.
    pub async fn job(&self, id: &str, queue: Option<&str>) -> Result<Job> {
        let found = match queue {
            Some(queue) => self.client.queue(queue).get_job(id).await?,
            None => self.client.job(id).await?,
        };
        found.ok_or_else(|| Error::NotFound {
            id: JobId::from_stored(id),
            queue: queue.unwrap_or("any").into(),
        })
    }

    /// Carries out an order about one job. True if it was done, or, for a running job, if its worker was told.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], or [`Error::IllegalMove`] when the order does not reach the job where it stands.
    pub async fn order(&self, order: &Order, id: &str, queue: Option<&str>) -> Result<()> {
        let job = self.job(id, queue).await?;
        let name = Name::from_stored(job.queue());
        let carried_out = async {
            match self.carry_out_one(order, &name, job.id()).await? {
                Ordered::Done | Ordered::Requested => Ok(()),
                Ordered::Refused(from) => {
                    Err(Error::IllegalMove { id: job.id().clone(), from, to: order.leads_to() })
                }
                Ordered::Missing => Err(Error::NotFound { id: job.id().clone(), queue: name.to_string() }),
            }
        };
        let subject = Query::all().of_id(id).in_queue(&name).to_string();
        self.on_record((order.action(), &subject), carried_out, |()| 1).await
    }

    /// Makes the call of an order, without a record.
    pub(super) async fn carry_out_one(&self, order: &Order, queue: &Name, id: &JobId) -> Result<Ordered> {
        let (handle, backend) = (&self.client.handle, self.client.backend());
        match order {
            Order::Retry => handle.ask("retry a job", backend.retry(queue, id)).await,
            Order::Cancel { reason } => {
                handle.ask("cancel a job", backend.cancel(queue, id, reason.as_deref())).await
            }
            Order::Remove => handle.ask("remove a job", backend.remove(queue, id)).await,
            Order::Promote => handle.ask("promote a job", backend.promote(queue, id)).await,
        }
    }
}
