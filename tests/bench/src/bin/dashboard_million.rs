//! How long each page and list takes with a million jobs in the store, and how much memory that needs:
//! `cargo run --release -p asyncmq-bench --features redis --bin dashboard_million -- sqlite:/tmp/million.db 1000000`.
#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on has failed")]

use std::time::{Duration, Instant};

use asyncmq::dashboard::{self, Config, Role};
use asyncmq::{Client, NewJob, TaskError, Worker, task};
use axum::body::{Body, to_bytes};
use axum::http::Request;
use tower::ServiceExt;

/// Nothing may take longer.
const MOST: Duration = Duration::from_millis(300);

#[task(queue = "ends", name = "million.fail", retries = 0)]
async fn fail(number: u64) -> Result<(), TaskError> {
    Err(TaskError::permanent(format!("number {number} cannot be done")))
}

#[task(queue = "ends", name = "million.done")]
async fn done(number: u64) -> u64 {
    number
}

/// Puts jobs into ten queues, and lets some of them end.
async fn fill(client: &Client, jobs: u64) {
    let ended = (jobs / 20).min(50_000);
    let args = |number: u64| serde_json::json!({ "number": number });
    for part in (0..jobs).collect::<Vec<_>>().chunks(5_000) {
        let all = part.iter().map(|number| {
            let job = NewJob::new("million.wait").queue(format!("queue-{}", number % 10)).args(args(*number));
            if number % 1_000 == 0 { job.tag("rare") } else { job }
        });
        client.enqueue_all(all.collect::<Vec<_>>()).await.unwrap();
    }
    for part in (0..ended).collect::<Vec<_>>().chunks(5_000) {
        let all = part.iter().map(|number| {
            let name = if number % 2 == 0 { "million.fail" } else { "million.done" };
            NewJob::new(name).queue("ends").args(args(*number))
        });
        client.enqueue_all(all.collect::<Vec<_>>()).await.unwrap();
    }
    let worker = Worker::new(client).queues(["ends"]).concurrency(100).start().await.unwrap();
    while client.queue("ends").counts().await.unwrap().unfinished() != 0 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    worker.stop().await.unwrap();
}

/// Returns how much memory this process holds, in MiB.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().split(' ').next().unwrap().parse::<u64>().unwrap() / 1024
}

const PATHS: [&str; 27] = [
    "/",
    "/?span=1h",
    "/queues",
    "/queue?name=queue-3",
    "/jobs",
    "/jobs?limit=200",
    "/jobs?queue=queue-7&state=waiting",
    "/jobs?q=tag:rare",
    "/jobs?q=tag:none",
    "/jobs?q=state:failed%20error:cannot",
    "/dead",
    "/dead?q=error:nothing",
    "/workers",
    "/tasks",
    "/stats",
    "/events",
    "/audit",
    "/doctor",
    "/bulk?order=retry&state=failed",
    "/bulk?order=cancel&q=tag:rare",
    "/queue/clear?name=queue-3&what=drain",
    "/suggest?q=queue:q",
    "/metrics",
    "/api/queues",
    "/api/jobs?limit=200",
    "/api/dead?q=error:cannot&limit=200",
    "/ready",
];

#[tokio::main]
async fn main() {
    let mut words = std::env::args().skip(1);
    let url = words.next().unwrap_or_else(|| "memory:".into());
    let jobs: u64 = words.next().map_or(1_000_000, |jobs| jobs.parse().unwrap());
    let client = Client::connect(&url).await.unwrap();
    let start = Instant::now();
    if client.queue("queue-0").counts().await.unwrap().total() == 0 {
        fill(&client, jobs).await;
    }
    println!(
        "{jobs} jobs in {} after {:.1} s, {} MiB",
        client.backend().kind(),
        start.elapsed().as_secs_f64(),
        memory()
    );
    let token = "0123456789abcdef";
    let router = dashboard::router(&client, Config::new().token("measure", token, Role::Admin).unwrap());
    tokio::time::sleep(Duration::from_secs(6)).await;
    let before = memory();
    let mut slow = 0;
    for path in PATHS {
        let (mut times, mut size) = (Vec::new(), 0);
        for _ in 0..15 {
            let request = Request::builder().uri(path).header("host", "localhost");
            let request =
                request.header("authorization", format!("Bearer {token}")).body(Body::empty()).unwrap();
            let start = Instant::now();
            let answer = router.clone().oneshot(request).await.unwrap();
            assert!(answer.status().is_success(), "{path}: {}", answer.status());
            size = to_bytes(answer.into_body(), usize::MAX).await.unwrap().len();
            times.push(start.elapsed());
        }
        times.sort();
        let (median, most) = (times[times.len() / 2], times[times.len() - 1]);
        slow += usize::from(MOST < most);
        let millis = |time: Duration| time.as_secs_f64() * 1_000.0;
        println!("{:>9.1} ms median {:>9.1} ms most {:>8} bytes  {path}", millis(median), millis(most), size);
    }
    println!(
        "memory: {before} MiB before, {} MiB after; {slow} of {} pages over {MOST:?}",
        memory(),
        PATHS.len()
    );
}
