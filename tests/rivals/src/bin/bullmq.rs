//! bullmq-official.

use asyncmq_rivals::{Order, Payload, QUEUE, concurrency, order, payload, produced, variable};
use bullmq::options::RedisConnectionOptions;
use bullmq::queue::BulkJob;
use bullmq::worker::CancellationToken;
use bullmq::{Job, Queue, QueueOptions, Worker, WorkerOptions};

fn connection() -> RedisConnectionOptions {
    RedisConnectionOptions { url: variable("REDIS_URL"), ..Default::default() }
}

#[tokio::main]
async fn main() {
    match order() {
        Order::Produce(jobs) => {
            let start = std::time::Instant::now();
            let options = QueueOptions { connection: connection(), ..Default::default() };
            let queue = Queue::with_options(QUEUE, options).await.unwrap();
            let all: Vec<u64> = (0..jobs).collect();
            for batch in all.chunks(1_000) {
                let batch = batch.iter().map(|id| BulkJob::new("send", payload(*id))).collect();
                queue.add_bulk(batch).await.unwrap();
            }
            produced(start);
        }
        Order::Work => {
            let options =
                WorkerOptions { connection: connection(), concurrency: concurrency(), ..Default::default() };
            let handler = |job: Job, _: CancellationToken| async move {
                let payload: Payload = serde_json::from_value(job.data().clone()).unwrap();
                asyncmq_rivals::run(payload.id).await;
                Ok(serde_json::Value::Null)
            };
            let _worker = Worker::with_options(QUEUE, handler, options).await.unwrap();
            std::future::pending::<()>().await;
        }
    }
}
