//! asyncmq, as its README has it.

use asyncmq::{Client, Worker, task};
use asyncmq_rivals::{Order, concurrency, order, payload, produced, variable};

#[task(queue = "rivals")]
async fn send(id: u64, _to: String) {
    asyncmq_rivals::run(id).await;
}

#[tokio::main]
async fn main() -> asyncmq::Result<()> {
    let client = Client::connect(&variable("REDIS_URL")).await?;
    match order() {
        Order::Produce(jobs) => {
            let start = std::time::Instant::now();
            let all: Vec<u64> = (0..jobs).collect();
            for batch in all.chunks(1_000) {
                let batch = batch.iter().map(|id| payload(*id)).map(|job| send::job(job.id, job.to));
                client.enqueue_all(batch).await?;
            }
            produced(start);
        }
        Order::Work => {
            let _worker = Worker::new(&client).concurrency(concurrency()).start().await?;
            std::future::pending::<()>().await;
        }
    }
    Ok(())
}
