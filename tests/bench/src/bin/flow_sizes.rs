//! How long chains and fans of jobs take to send and to run, by their sizes: `cargo run --release -p asyncmq-bench --features redis --bin flow_sizes`.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use asyncmq::{Client, Flow, Worker, task};

#[task(name = "sizes.step", queue = "sizes")]
async fn step(number: u64) -> u64 {
    number + 1
}

#[task(name = "sizes.sum", queue = "sizes")]
async fn sum(numbers: Vec<u64>) -> u64 {
    numbers.iter().sum()
}

#[task(name = "sizes.numbers", queue = "sizes")]
async fn numbers(count: u64) -> Vec<u64> {
    (0..count).collect()
}

fn chain(size: usize) -> Flow {
    let mut flow = Flow::new();
    let mut last = flow.add(step::job(0_u64));
    for _ in 1..size {
        last = flow.add(step::with(&last));
    }
    flow
}

/// One, many that take what it returns, and one that takes what they return.
fn fan(size: usize) -> Flow {
    let mut flow = Flow::new();
    let first = flow.add(step::job(0_u64));
    let many: Vec<_> = (0..size).map(|_| flow.add(step::with(&first))).collect();
    flow.add(sum::with(&many));
    flow
}

/// The same, where a list says how many they are.
fn map(size: usize) -> Flow {
    let mut flow = Flow::new();
    let list = flow.add(numbers::job(size as u64));
    let many = flow.map(&list, step::with);
    flow.add(sum::with(&many));
    flow
}

/// A shape of flows, by its size.
type Shape = fn(usize) -> Flow;

async fn measure(store: &str, client: &Client) -> anyhow::Result<()> {
    let shapes: [(&str, Shape, &[usize]); 3] =
        [("chain", chain, &[100, 1_000]), ("fan", fan, &[1_000, 10_000]), ("map", map, &[1_000, 10_000])];
    for (name, shape, sizes) in shapes {
        let mut each = Vec::new();
        for size in sizes {
            let start = Instant::now();
            let flow = shape(*size).enqueue_on(client).await?;
            let sent = start.elapsed();
            let worker = Worker::new(client).queues(["sizes"]).concurrency(100).start().await?;
            let graph = tokio::time::timeout(Duration::from_secs(300), async {
                let head = client.queue("sizes").handle(format!("{}.flow", flow.id())).await?;
                head.result::<serde_json::Value>().await
            });
            graph.await.context("it does not end")??;
            let all = start.elapsed();
            worker.stop().await?;
            each.push(all.as_secs_f64() / *size as f64);
            println!(
                "{store:<7} {name:<6} {size:>6} jobs: sent in {sent:>9.1?}, over after {all:>9.1?}, {:>6.1} us a job",
                each[each.len() - 1] * 1e6
            );
        }
        println!("{store:<7} {name:<6} a job of the larger one takes {:.2} times as long", each[1] / each[0]);
    }
    Ok(())
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    measure("memory", &Client::memory()).await?;
    let folder = tempfile::tempdir()?;
    measure("sqlite", &Client::connect(&format!("sqlite:{}/jobs.db", folder.path().display())).await?)
        .await?;
    match std::env::var("ASYNCMQ_TEST_URL") {
        Ok(url) => measure("redis", &Client::connect(&url).await?).await,
        Err(_) => {
            println!("redis is left out: say which server by ASYNCMQ_TEST_URL");
            Ok(())
        }
    }
}
