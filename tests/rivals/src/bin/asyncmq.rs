//! asyncmq, as its README has it.

use asyncmq::{Client, Worker, task};
use asyncmq_rivals::{CONCURRENCY, Order, order, payload, variable};

#[task(queue = "rivals")]
async fn send(id: u64, _to: String) {
    asyncmq_rivals::run(id).await;
}

#[tokio::main]
async fn main() -> asyncmq::Result<()> {
    let client = Client::connect(&variable("REDIS_URL")).await?;
    match order() {
        Order::Produce(jobs) => {
            let all = (0..jobs).map(payload).map(|job| send::job(job.id, job.to));
            client.enqueue_all(all).await?;
        }
        Order::Work => {
            let _worker = Worker::new(&client).concurrency(CONCURRENCY).start().await?;
            std::future::pending::<()>().await;
        }
    }
    Ok(())
}
