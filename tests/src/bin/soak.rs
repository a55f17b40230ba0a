//! Lets many jobs that do nothing pass through the in-memory store, and shows the memory of the process as it goes.
//!
//! `soak [jobs]`, a million unless said: each tenth of them prints a line with the jobs so far and the kibibytes in use.

use std::time::Instant;

use asyncmq::{Client, Worker, task};

#[task(queue = "soak")]
async fn nothing(_payload: String) {}

/// Returns the memory of this process in kibibytes.
fn resident() -> std::io::Result<u64> {
    let text = std::fs::read_to_string("/proc/self/statm")?;
    let pages = text.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok());
    Ok(pages.unwrap_or_default() * 4)
}

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let jobs: u64 = std::env::args().nth(1).map_or(Ok(1_000_000), |text| text.parse())?;
    let client = Client::memory();
    let worker = Worker::new(&client).concurrency(100).start().await?;
    let start = Instant::now();
    for tenth in 1..=10 {
        let mut left = jobs / 10;
        while left != 0 {
            let batch = left.min(1_000);
            left -= batch;
            client.enqueue_all((0..batch).map(|_| nothing::job("x".repeat(100)))).await?;
            // No more wait than a few batches: what is measured is what the passed ones leave behind.
            while 4_000 < client.queue("soak").counts().await?.waiting {
                tokio::task::yield_now().await;
            }
        }
        worker.idle().await;
        println!("{} {}", tenth * (jobs / 10), resident()?);
    }
    let counts = client.queue("soak").counts().await?;
    println!("kept {} unfinished {}", counts.completed, counts.unfinished());
    eprintln!("{jobs} jobs in {:?}", start.elapsed());
    worker.stop().await?;
    Ok(())
}
