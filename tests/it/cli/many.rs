//! Beside a million jobs: every list answers within a moment, in little memory, and long orders say how far they are.
//!
//! `ASYNCMQ_JOBS=1000000 cargo test --profile bench-quick -p asyncmq-tests --features redis --test it among_many_jobs -- --ignored --nocapture`

use std::time::{Duration, Instant};

use asyncmq::admin::{Order, Query};
use asyncmq::worker::Worker;
use asyncmq::{Client, NewJob, Registry, task};
use nix::sys::resource::{UsageWho, getrusage};

use super::{Desk, desks};

/// How soon a list has to answer.
const MOMENT: Duration = Duration::from_millis(300);

/// Fails at once, for good.
#[task(name = "many.fail", queue = "mail")]
async fn fail() -> Result<(), String> {
    Err("no such user".into())
}

/// Ends well.
#[task(name = "many.pass", queue = "mail")]
async fn pass() -> u32 {
    7
}

fn jobs() -> usize {
    std::env::var("ASYNCMQ_JOBS").map_or(100_000, |jobs| jobs.parse().unwrap())
}

/// Fills a store: most jobs wait, in two priorities and with tags, others are delayed, some failed or completed.
async fn fill(client: &Client, jobs: usize) {
    let queue = client.queue("mail");
    for batch in 0..jobs / 10 / 5_000 {
        let ended =
            (0..5_000).map(|place| NewJob::new(if place < 4_500 { "many.fail" } else { "many.pass" }));
        queue.add_bulk(ended).await.unwrap();
        if batch % 4 == 3 {
            run_all(client).await;
        }
    }
    run_all(client).await;
    for _ in 0..jobs / 10_000 {
        let waiting = (0..7_000).map(|place: u32| {
            let priority = if place.is_multiple_of(10) { 3 } else { 5 };
            NewJob::new("app.send").priority(priority).args(serde_json::json!({"to": place}))
        });
        queue.add_bulk(waiting).await.unwrap();
        let delayed = (0..2_000).map(|_| NewJob::new("app.send").delay(Duration::from_secs(3_600)));
        queue.add_bulk(delayed).await.unwrap();
    }
    for number in 0..50 {
        client.queue(format!("small {number}")).add(NewJob::new("app.send")).await.unwrap();
    }
}

async fn run_all(client: &Client) {
    let registry = Registry::new().with::<fail>().with::<pass>();
    let worker = Worker::new(client).registry(registry).queues(["mail"]).concurrency(200);
    worker.run_until_idle().await.unwrap();
}

/// Returns the median of some measurements.
fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn shown(time: Duration, store: &str, what: &str) {
    println!("{:>10} {store:<7} {what}", format!("{time:.1?}"));
}

/// Returns the most memory that a process which this one started ever had, in MiB.
fn memory_of_commands() -> i64 {
    getrusage(UsageWho::RUSAGE_CHILDREN).unwrap().max_rss() / 1_024
}

async fn page_after(client: &Client, query: &str, pages: usize) -> String {
    let (mut after, query) = (None, query.parse().unwrap());
    for _ in 0..pages {
        after = client.admin().jobs(&query, after.as_deref(), 250).await.unwrap().next;
    }
    after.unwrap()
}

fn lists_answer(desk: &Desk, store: &str, last: &str) {
    for words in [
        &["queue", "list"][..],
        &["queue", "info", "mail"],
        &["job", "list"],
        &["job", "list", "state:delayed"],
        &["job", "list", "state:completed"],
        &["job", "list", "state:waiting", "--after", last],
        &["job", "list", "task:app.*"],
        &["job", "list", "error:none"],
        &["job", "list", "task:none", "--json"],
        &["dead", "list"],
        &["dead", "list", "error:user"],
        &["dead", "list", "error:none"],
        &["job", "inspect", "no-such-id"],
        &["worker", "list"],
        &["tasks"],
        &["audit"],
        &["info"],
        &["doctor"],
        &["job", "remove", "--dry-run", "--query", "state:waiting"],
        &["queue", "drain", "mail", "--dry-run"],
    ] {
        let time = median(
            (0..5)
                .map(|_| {
                    let start = Instant::now();
                    desk.run(words);
                    start.elapsed()
                })
                .collect(),
        );
        shown(time, store, &words.join(" "));
        assert!(time < MOMENT, "{words:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn lists_among_many_jobs_take_less_than_300_ms() {
    let jobs = jobs();
    for desk in desks() {
        let client = desk.client().await;
        let store = client.backend().kind();
        fill(&client, jobs).await;
        let last = page_after(&client, "state:waiting", jobs / 4 / 250).await;
        lists_answer(&desk, store, &last);
        for words in [
            &["job", "list", "error:none", "--all"][..],
            &["job", "remove", "--dry-run", "--query", "error:none"],
            &["job", "cancel", "--yes", "--query", "task:app.* queue:mail"],
        ] {
            let start = Instant::now();
            desk.run(words).done();
            shown(start.elapsed(), store, &format!("{}, among {jobs}", words.join(" ")));
        }
        println!("{:>6} MiB {store:<7} at most, of any of these commands", memory_of_commands());
        assert!(memory_of_commands() < 64, "memory does not grow with the jobs");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn pages_of_memory_among_many_jobs_take_less_than_300_ms() {
    let (client, jobs) = (Client::memory(), jobs());
    fill(&client, jobs).await;
    let admin = client.admin();
    let last = page_after(&client, "state:waiting", jobs / 4 / 250).await;
    for (query, after) in [
        ("", None),
        ("state:delayed", None),
        ("state:waiting", Some(last.as_str())),
        ("error:none", None),
        ("dead", None),
        ("state:completed", None),
    ] {
        let query: Query = if query == "dead" { "state:dead".parse() } else { query.parse() }.unwrap();
        let start = Instant::now();
        admin.jobs(&query, after, 50).await.unwrap();
        shown(start.elapsed(), "memory", &format!("a page of {query}"));
        assert!(start.elapsed() < MOMENT, "{query}");
    }
    let start = Instant::now();
    admin.queues().await.unwrap();
    shown(start.elapsed(), "memory", "queues");
    assert!(start.elapsed() < MOMENT);
    let start = Instant::now();
    assert_eq!(admin.preview(&Order::Remove, &"error:none".parse().unwrap(), 5).await.unwrap().count, 0);
    shown(start.elapsed(), "memory", &format!("a look at each of {jobs}"));
    let cancel = Order::Cancel { reason: None };
    let start = Instant::now();
    admin.carry_out(&cancel, &"task:app.*".parse().unwrap()).await.unwrap();
    shown(start.elapsed(), "memory", "all that wait and are delayed cancelled");
}
