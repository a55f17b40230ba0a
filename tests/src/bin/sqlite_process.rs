//! One process on a SQLite file, for the tests that need several and kill some of them.
//!
//! `sqlite_process FILE produce BATCH` pushes until it is killed, and prints the ids of each batch once it is confirmed.
//! `sqlite_process FILE work LIMIT` claims and completes until it is killed, and prints what was confirmed as settled.
//! `sqlite_process FILE load BATCH SECONDS` pushes, claims and completes, and prints how many jobs and the longest wait.
//! `sqlite_process FILE bench JOBS BATCH [normal]` pushes jobs a thousand at a time, then claims and completes them, and
//! prints what each of the two cost.
//! `sqlite_process FILE crowd COUNT` adds as many completed jobs and as many delayed ones, past the store.
//! `sqlite_process FILE wait COUNT` waits for signals, claims after each, and prints the nanoseconds at which it did.

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use asyncmq::JobId;
use asyncmq::backend::sql::sqlite::{SqliteOptions, SqliteStore, Synchronous};
use asyncmq::backend::{CallId, Claim, ClaimedJob, Report, Settlement, Signal, Store, StoreError, TaskSet};
use asyncmq::job::{Envelope, Name, WorkerId};
use asyncmq::lifecycle::Transition;
use bytes::Bytes;

const LEASE: Duration = Duration::from_secs(30);

/// Jobs that a claim must not meet. The arguments are as long as in `job`.
const CROWD: &str = "
    WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 2 * COUNT)
    INSERT INTO jobs (job, queue, id, lane, state, priority, seq, attempt, crashes, max_attempts, created_at, run_at,
                      finished_at, result, args)
    SELECT numbers + n, queue, CAST('crowd' || n AS BLOB), lane, iif(n % 2, 'completed', 'delayed'), 128, numbers + n,
           n % 2, 0, 3, now, now + 864000000000, iif(n % 2, now, NULL), iif(n % 2, x'6e756c6c', NULL), zeroblob(62)
    FROM n, (SELECT queue, lane FROM lanes LIMIT 1), store;
    UPDATE store SET numbers = numbers + 2 * COUNT;
    UPDATE queues SET completed = completed + COUNT, delayed = delayed + COUNT, enqueued = enqueued + 2 * COUNT,
                      ended = ended + COUNT;";

/// One sender, and the numbers of its calls.
struct Process {
    store: Arc<SqliteStore>,
    sender: WorkerId,
    sequence: u64,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |place: usize| arguments.get(place).and_then(|text| text.parse::<u64>().ok()).unwrap_or(1);
    let normal = arguments.iter().any(|argument| argument == "normal");
    let synchronous = if normal { Synchronous::Normal } else { Synchronous::Full };
    let store = SqliteOptions::file(&arguments[1]).synchronous(synchronous).open().await?;
    let mut process = Process { store, sender: WorkerId::generate(), sequence: 0 };
    let count = usize::try_from(number(3))?;
    match arguments[2].as_str() {
        "produce" => loop {
            let ids = process.produce(count).await?;
            print(ids.iter());
        },
        "work" => loop {
            let ids = process.work(count).await?;
            print(ids.iter());
        },
        "load" => process.load(count, Duration::from_secs(number(4))).await,
        "bench" => process.bench(count, usize::try_from(number(4))?).await,
        "crowd" => process.crowd(&arguments[1], count).await,
        "wait" => process.wait(count).await,
        role => anyhow::bail!("there is no role {role:?}"),
    }
}

/// Prints ids in one write, so that a killed process leaves whole lines.
fn print<'a>(ids: impl Iterator<Item = &'a JobId>) {
    let lines: String = ids.map(|id| format!("{id}\n")).collect();
    std::io::stdout().write_all(lines.as_bytes()).expect("whoever started this process reads");
    std::io::stdout().flush().expect("whoever started this process reads");
}

impl Process {
    fn call(&mut self) -> CallId {
        self.sequence += 1;
        CallId { sender: self.sender, sequence: self.sequence }
    }

    async fn produce(&mut self, count: usize) -> Result<Vec<JobId>, StoreError> {
        let jobs: Vec<Arc<Envelope>> = (0..count).map(|_| Arc::new(job())).collect();
        let call = self.call();
        self.store.push(call, &jobs).await?;
        Ok(jobs.iter().map(|job| job.id.clone()).collect())
    }

    async fn claim(&mut self, limit: usize) -> Result<Vec<ClaimedJob>, StoreError> {
        let (call, tasks) = (self.call(), TaskSet::from_iter([(Name::from_static("t"), 1)]));
        let queues = [Name::from_static("q")];
        let claim = Claim { call, queues: &queues, tasks: &tasks, limit, lease: LEASE };
        Ok(self.store.claim(claim).await?.jobs)
    }

    async fn work(&mut self, limit: usize) -> Result<Vec<JobId>, StoreError> {
        let jobs = self.claim(limit).await?;
        if jobs.is_empty() {
            tokio::task::yield_now().await;
            return Ok(Vec::new());
        }
        let settlements: Vec<Settlement> = jobs.iter().map(complete).collect();
        let call = self.call();
        self.store.settle(call, &settlements).await?;
        Ok(jobs.iter().map(|job| job.envelope.id.clone()).collect())
    }

    async fn load(&mut self, batch: usize, time: Duration) -> anyhow::Result<()> {
        let (start, mut done, mut longest) = (Instant::now(), 0, Duration::ZERO);
        while start.elapsed() < time {
            let before = Instant::now();
            self.produce(batch).await?;
            longest = longest.max(before.elapsed());
            let before = Instant::now();
            done += self.work(batch).await?.len();
            longest = longest.max(before.elapsed());
        }
        println!("{done} {}", longest.as_micros());
        Ok(())
    }

    async fn bench(&mut self, jobs: usize, batch: usize) -> anyhow::Result<()> {
        let (start, cpu) = (Instant::now(), processor());
        for _ in 0..jobs.div_ceil(1_000) {
            self.produce(1_000).await?;
        }
        report("push", jobs, start, cpu);
        let (start, cpu, mut done) = (Instant::now(), processor(), 0);
        while done < jobs {
            done += self.work(batch).await?.len();
        }
        report("drain", jobs, start, cpu);
        Ok(())
    }

    async fn crowd(&mut self, path: &str, count: usize) -> anyhow::Result<()> {
        // There has to be a lane.
        self.produce(1).await?;
        self.work(1).await?;
        let conn = rusqlite::Connection::open(path)?;
        conn.execute_batch(
            &format!("BEGIN IMMEDIATE; {CROWD} COMMIT;").replace("COUNT", &count.to_string()),
        )?;
        Ok(())
    }

    async fn wait(&mut self, count: usize) -> anyhow::Result<()> {
        let mut signals = self.store.signals(self.sender, &[Name::from_static("q")]).await?;
        let mut done = 0;
        println!("ready");
        while done < count {
            if signals.next().await == Signal::Work {
                for job in self.claim(10).await? {
                    println!("{} {}", job.envelope.id, nanos());
                    done += 1;
                }
            }
        }
        Ok(())
    }
}

/// Returns the time that this process has had on a processor.
fn processor() -> Duration {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let spent = tasks.filter_map(|task| {
        let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(spent.sum())
}

fn report(what: &str, jobs: usize, start: Instant, cpu: Duration) {
    let (wall, cpu) = (start.elapsed(), processor().saturating_sub(cpu));
    let rate = jobs as f64 / wall.as_secs_f64();
    println!("{what}: {rate:.0} jobs/s, {:.2} µs of processor a job", cpu.as_secs_f64() * 1e6 / jobs as f64);
}

fn nanos() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos()
}

fn job() -> Envelope {
    let args = Bytes::from_static(br#"{"to":"ann@example.com","subject":"Welcome to the new service"}"#);
    Envelope::new(JobId::generate(), Name::from_static("q"), Name::from_static("t"), args)
}

fn complete(job: &ClaimedJob) -> Settlement {
    let transition =
        Transition::Complete { result: Bytes::from_static(b"null"), retention: job.envelope.retention };
    Settlement { envelope: job.envelope.clone(), token: job.token, transition, report: Report::default() }
}
