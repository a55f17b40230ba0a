//! bullmq-official.

use asyncmq_rivals::{CONCURRENCY, Order, Payload, QUEUE, order, payload, variable};
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
            let options = QueueOptions { connection: connection(), ..Default::default() };
            let queue = Queue::with_options(QUEUE, options).await.unwrap();
            let all = (0..jobs).map(|id| BulkJob::new("send", payload(id))).collect();
            queue.add_bulk(all).await.unwrap();
        }
        Order::Work => {
            let options =
                WorkerOptions { connection: connection(), concurrency: CONCURRENCY, ..Default::default() };
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
