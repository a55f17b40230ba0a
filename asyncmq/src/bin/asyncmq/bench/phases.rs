//! What is measured, one phase after the other.

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use asyncmq::{Client, Drain, Force, JobState, Result, Retention, Worker};

use super::load::{self, QUEUE, expect, job, probe, reached};
use super::process;
use super::report::Row;
use super::server::{Sample, Server};

/// How many jobs one bulk call is given.
const BULK: usize = 10_000;
/// How many tasks enqueue at once in the phase that does so.
const PRODUCERS: usize = 100;

/// What is measured with.
pub(crate) struct Bench {
    pub(super) client: Client,
    pub(super) server: Option<Server>,
    pub(super) jobs: usize,
    pub(super) concurrency: usize,
    pub(super) probes: usize,
    pub(super) discard: bool,
}

type Measured<'a> = Pin<Box<dyn Future<Output = Result<Row>> + Send + 'a>>;

/// One phase.
pub(super) struct Phase {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) run: for<'a> fn(&'a Bench) -> Measured<'a>,
}

/// Every phase, in its order.
pub(super) const PHASES: &[Phase] = &[
    Phase {
        name: "one",
        title: "enqueue, one awaited after the other",
        run: |bench| Box::pin(bench.one_by_one()),
    },
    Phase {
        name: "many",
        title: "enqueue, 100 tasks that each await their own",
        run: |bench| Box::pin(bench.many()),
    },
    Phase { name: "bulk", title: "enqueue in bulk", run: |bench| Box::pin(bench.bulk()) },
    Phase { name: "drain", title: "drain: claim, decode, run, settle", run: |bench| Box::pin(bench.drain()) },
    Phase {
        name: "through",
        title: "end to end: bulk enqueue while a worker runs",
        run: |bench| Box::pin(bench.through()),
    },
    Phase {
        name: "idle",
        title: "start of a lone job on an idle worker",
        run: |bench| Box::pin(bench.idle()),
    },
];

impl Bench {
    fn job(&self, id: usize) -> asyncmq::JobBuilder<load::noop> {
        if self.discard { job(id).retain(Retention::Nothing) } else { job(id) }
    }

    fn worker(&self) -> Worker {
        Worker::new(&self.client).queues([QUEUE]).concurrency(self.concurrency)
    }

    async fn one_by_one(&self) -> Result<Row> {
        let jobs = (self.jobs / 10).max(1);
        let (before, start) = (self.sample().await, Instant::now());
        for id in 0..jobs {
            self.job(id).enqueue_on(&self.client).await?;
        }
        let row = Row::rate("one", PHASES[0].title, jobs, start.elapsed());
        let row = self.costs(row, before, jobs).await;
        self.empty().await?;
        Ok(row)
    }

    async fn many(&self) -> Result<Row> {
        let each = (self.jobs / PRODUCERS).max(1);
        let (before, start) = (self.sample().await, Instant::now());
        let producers: Vec<_> = (0..PRODUCERS)
            .map(|producer| {
                let (client, discard) = (self.client.clone(), self.discard);
                tokio::spawn(async move {
                    for id in 0..each {
                        let job = job(producer * each + id);
                        let job = if discard { job.retain(Retention::Nothing) } else { job };
                        job.enqueue_on(&client).await?;
                    }
                    Ok::<(), asyncmq::Error>(())
                })
            })
            .collect();
        for producer in producers {
            producer.await.map_err(|error| asyncmq::Error::Startup(error.to_string()))??;
        }
        let row = Row::rate("many", PHASES[1].title, each * PRODUCERS, start.elapsed());
        let row = self.costs(row, before, each * PRODUCERS).await;
        self.empty().await?;
        Ok(row)
    }

    async fn fill(&self, jobs: usize) -> Result<()> {
        let mut next = 0;
        while next < jobs {
            let end = (next + BULK).min(jobs);
            self.client.enqueue_all((next..end).map(|id| self.job(id))).await?;
            next = end;
        }
        Ok(())
    }

    async fn bulk(&self) -> Result<Row> {
        let (before, start) = (self.sample().await, Instant::now());
        self.fill(self.jobs).await?;
        let row = Row::rate("bulk", PHASES[2].title, self.jobs, start.elapsed());
        let row = self.costs(row, before, self.jobs).await;
        let row = self.memory(row, before).await;
        self.empty().await?;
        Ok(row)
    }

    async fn drain(&self) -> Result<Row> {
        self.fill(self.jobs).await?;
        expect(self.jobs);
        let (before, start) = (self.sample().await, Instant::now());
        let worker = self.worker().start().await?;
        reached().await;
        let row = Row::rate("drain", PHASES[3].title, self.jobs, start.elapsed());
        let row = self.costs(row, before, self.jobs).await;
        worker.stop().await?;
        Ok(row)
    }

    async fn through(&self) -> Result<Row> {
        let worker = self.worker().start().await?;
        expect(self.jobs);
        let (before, start) = (self.sample().await, Instant::now());
        self.fill(self.jobs).await?;
        reached().await;
        let row = Row::rate("through", PHASES[4].title, self.jobs, start.elapsed());
        let row = self.costs(row, before, self.jobs).await;
        worker.stop().await?;
        Ok(row)
    }

    async fn idle(&self) -> Result<Row> {
        let worker = self.worker().start().await?;
        load::take_starts();
        for id in 0..self.probes {
            // The gap differs from probe to probe, so that no timer of the worker is met again and again.
            tokio::time::sleep(Duration::from_micros(2_000 + (id as u64 * 7_919) % 5_000)).await;
            probe::job(load::clock()).retain(Retention::Nothing).enqueue_on(&self.client).await?;
            reached().await;
        }
        let row = Row::latencies("idle", PHASES[5].title, load::take_starts());
        worker.stop().await?;
        Ok(row)
    }

    /// Takes note of what this process and the server have used.
    async fn sample(&self) -> (Duration, Sample) {
        let server = match &self.server {
            Some(server) => server.sample().await,
            None => Sample::default(),
        };
        (process::cpu(), server)
    }

    /// Adds what each job cost here and on the server.
    #[expect(clippy::cast_precision_loss, reason = "a mean needs no exact count")]
    async fn costs(&self, row: Row, before: (Duration, Sample), jobs: usize) -> Row {
        let (cpu, server) = self.sample().await;
        let each = |total: f64| total / jobs as f64;
        let row = row.with("cpu_us", each((cpu - before.0).as_secs_f64() * 1e6));
        if self.server.is_none() {
            return row;
        }
        row.with("server_cpu_us", each((server.cpu - before.1.cpu) * 1e6))
            .with("server_commands", each(server.commands - before.1.commands))
    }

    /// Adds what each job that waits takes of the server's memory.
    #[expect(clippy::cast_precision_loss, reason = "a mean needs no exact count")]
    async fn memory(&self, row: Row, before: (Duration, Sample)) -> Row {
        match &self.server {
            Some(server) => {
                let now = server.sample().await;
                row.with("server_bytes", (now.memory - before.1.memory) / self.jobs as f64)
            }
            None => row,
        }
    }

    /// Removes what a phase left.
    async fn empty(&self) -> Result<()> {
        let queue = self.client.queue(QUEUE);
        queue.drain(Drain::WaitingAndDelayed).await?;
        queue.clean(JobState::Completed, std::time::SystemTime::now() + Duration::from_secs(86_400)).await?;
        Ok(())
    }

    /// Removes everything that the bench left in the store.
    pub(super) async fn clear(&self) -> Result<()> {
        self.client.queue(QUEUE).obliterate(Force::RemoveActive).await?;
        Ok(())
    }
}
