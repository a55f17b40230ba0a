//! Limits under load and deaths, by the server's own clock: never above what they allow, and nearly all of it used.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use asyncmq::backend::redis::RedisStore;
use asyncmq::backend::{CallId, Claim, Control, Inspect, Store, StoreError, TaskSet, Upkeep};
use asyncmq::job::RateWindow;
use asyncmq::job::{Envelope, JobId, Name, WorkerId};
use asyncmq::{Client, Event, EventKind, Limit, LimitScope, LimitSource, RateLimit, Retention};
use futures::StreamExt;

use super::caller::completed;
use asyncmq_tests::servers::dice::Dice;
use asyncmq_tests::servers::redis_check::check;
use asyncmq_tests::servers::redis_server::RedisServer;

const QUEUE: Name = Name::from_static("held");
const TASKS: [Name; 3] =
    [Name::from_static("by key"), Name::from_static("bucket"), Name::from_static("window")];
const LEASE: Duration = Duration::from_millis(600);
const SECOND: Duration = Duration::from_secs(1);
/// What the jobs of each task, or of each of its keys, are held to.
const LIMITS: [Limit; 3] = [
    Limit::NONE.concurrency(3),
    Limit::NONE.rate(RateLimit::per(40, SECOND)),
    Limit::NONE.rate(RateLimit::window(30, SECOND)),
];
const KEYS: u64 = 5;

/// A job of one of the tasks in turn; those of the first have keys in turn.
fn job(number: u64) -> Arc<Envelope> {
    let task = TASKS[usize::try_from(number % 3).unwrap()].clone();
    let mut job = Envelope::new(JobId::generate(), QUEUE, task, b"{}".to_vec().into());
    if number.is_multiple_of(3) {
        job.extras_mut().key = Some(format!("key {}", number / 3 % KEYS).into());
    }
    Arc::new(job)
}

/// Somebody who claims, runs jobs for a while, and now and then dies with them.
struct Mortal {
    store: Arc<RedisStore>,
    dice: Dice,
    id: WorkerId,
    calls: u64,
}

impl Mortal {
    const fn call(&mut self) -> CallId {
        self.calls += 1;
        CallId { sender: self.id, sequence: self.calls }
    }

    async fn live(mut self, until: Instant) {
        let tasks: TaskSet = TASKS.into_iter().map(|task| (task, 1)).collect();
        while Instant::now() < until {
            let call = self.call();
            let claim = Claim { call, queues: &[QUEUE], tasks: &tasks, limit: 8, lease: LEASE };
            let claimed = self.store.claim(claim).await.unwrap();
            if claimed.jobs.is_empty() {
                let wait = claimed.next_due.unwrap_or(Duration::from_millis(5));
                tokio::time::sleep(wait.min(Duration::from_millis(5))).await;
                continue;
            }
            tokio::time::sleep(Duration::from_millis(self.dice.below(20))).await;
            if self.dice.below(30) == 0 {
                (self.id, self.calls) = (WorkerId::generate(), 0);
                continue;
            }
            let settlements: Vec<_> =
                claimed.jobs.into_iter().map(|job| completed(job, Retention::Nothing)).collect();
            let call = self.call();
            self.store.settle(call, &settlements).await.unwrap();
        }
    }
}

/// What happened, by the server's clock in microseconds.
#[derive(Default)]
struct History {
    starts: BTreeMap<Name, Vec<u64>>,
    /// For each key when a job of it began or ceased to be in a hand.
    moves: HashMap<String, Vec<(u64, i32)>>,
    deaths: usize,
}

impl History {
    fn note(&mut self, event: &Event, keys: &HashMap<JobId, String>) {
        let micros = asyncmq::Timestamp::from(event.time()).as_micros();
        let by = match event.kind() {
            EventKind::Started => 1,
            EventKind::Completed | EventKind::Stalled | EventKind::Failed => -1,
            _ => return,
        };
        self.deaths += usize::from(event.kind() == EventKind::Stalled);
        if by == 1
            && let Some(task) = event.task()
        {
            self.starts.entry(Name::from_stored(task)).or_default().push(micros);
        }
        if let Some(key) = event.job_id().and_then(|id| keys.get(id)) {
            self.moves.entry(key.clone()).or_default().push((micros, by));
        }
    }

    /// Returns the most jobs of one key that were in hand at once.
    fn most_at_once(&self) -> i32 {
        let most = self.moves.values().map(|moves| {
            let mut moves = moves.clone();
            moves.sort_unstable();
            let mut running = 0;
            let sums = moves.iter().map(|(_, by)| {
                running += by;
                running
            });
            sums.max().unwrap_or_default()
        });
        most.max().unwrap_or_default()
    }
}

/// Checks that in no time more started than a rate lets, and that nearly all that it lets did. Returns the part that did.
fn check_rate(rate: RateLimit, starts: &[u64], took: Duration) -> f64 {
    let interval = u64::try_from(rate.interval().as_micros()).unwrap();
    for (first, from) in starts.iter().enumerate() {
        for (last, to) in starts.iter().enumerate().skip(first) {
            let (count, span) = ((last - first + 1) as f64, to - from);
            let permits = f64::from(rate.permits());
            let most = match rate.kind() {
                RateWindow::Sliding if interval <= span => break,
                RateWindow::Sliding => permits,
                _ if 3 * interval < span => break,
                _ => permits * (1.0 + span as f64 / interval as f64) + 1e-6,
            };
            assert!(count <= most, "{count} starts within {span} us under {rate}");
        }
    }
    starts.len() as f64 / (f64::from(rate.permits()) * took.as_secs_f64() / rate.interval().as_secs_f64())
}

async fn limits_hold(time: Duration) {
    let server = RedisServer::start(&[]);
    let store = RedisStore::connect(&server.url()).await.unwrap();
    let limits: Vec<_> =
        TASKS.into_iter().zip(LIMITS).map(|(task, limit)| (LimitScope::Task(task), Some(limit))).collect();
    store.set_limits(&QUEUE, LimitSource::Declared, &limits).await.unwrap();
    let jobs: Vec<_> = (0..9_000 + 150 * time.as_secs()).map(job).collect();
    let keys: HashMap<JobId, String> =
        jobs.iter().filter_map(|job| Some((job.id.clone(), job.key()?.to_string()))).collect();
    let sender = WorkerId::generate();
    for (sequence, batch) in (1..).zip(jobs.chunks(500)) {
        store.push(CallId { sender, sequence }, batch).await.unwrap();
    }
    let client = Client::connect(&server.url()).await.unwrap();
    let mut events = client.events().await.unwrap();
    let until = Instant::now() + time;
    let workers: Vec<_> = (0..4)
        .map(|number| {
            let mortal =
                Mortal { store: store.clone(), dice: Dice::new(number), id: WorkerId::generate(), calls: 0 };
            tokio::spawn(mortal.live(until))
        })
        .collect();
    let rescuer = tokio::spawn(rescue(store.clone(), until));
    let mut history = History::default();
    while Instant::now() < until {
        let next = tokio::time::timeout(Duration::from_millis(50), events.next()).await;
        if let Ok(Some(event)) = next {
            history.note(&event, &keys);
        }
    }
    for worker in workers {
        worker.await.unwrap();
    }
    rescuer.await.unwrap().unwrap();
    // The permits that are taken are those of jobs in hands.
    check(&mut server.admin(), "asyncmq", true);
    assert!(store.queue(&QUEUE).await.unwrap().counts.waiting != 0, "there was work all the time");
    let most = history.most_at_once();
    let used: Vec<_> = (1..3)
        .map(|place| {
            let starts = &history.starts[&TASKS[place]];
            check_rate(LIMITS[place].rate_limit().unwrap(), starts, time)
        })
        .collect();
    println!("{} deaths; at most {most} of 3 of a key at once; {used:.3?} of the rates used", history.deaths);
    assert!(0 < history.deaths, "somebody died with jobs in hand");
    assert_eq!(most, 3);
    assert!(used.iter().all(|part| 0.95 <= *part), "{used:?}");
}

async fn rescue(store: Arc<RedisStore>, until: Instant) -> Result<(), StoreError> {
    while Instant::now() < until + 2 * LEASE {
        store.rescue(1_000_000, 1_000).await?;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_hold_for_some_seconds_of_deaths() {
    limits_hold(Duration::from_secs(4)).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a minute: the same for longer"]
async fn limits_hold_for_a_minute_of_deaths() {
    limits_hold(Duration::from_secs(60)).await;
}
