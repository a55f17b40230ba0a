//! oxana.

use asyncmq_rivals::{CONCURRENCY, Order, Payload, order, payload, variable};

#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub struct EmailJob {
    payload: Payload,
}

#[derive(Debug, thiserror::Error)]
pub enum Failed {}

#[derive(Debug, Clone)]
pub struct Shared {}

#[derive(oxana::Worker)]
#[oxana(context = Shared, error = Failed, registry = None)]
pub struct EmailWorker;

impl oxana::Job for EmailJob {}

impl EmailWorker {
    async fn process(&self, job: EmailJob, _context: &oxana::JobContext) -> Result<(), Failed> {
        asyncmq_rivals::run(job.payload.id).await;
        Ok(())
    }
}

#[derive(serde::Serialize)]
pub struct One;

impl oxana::Queue for One {
    fn to_config() -> oxana::QueueConfig {
        oxana::QueueConfig {
            kind: oxana::QueueKind::Static { key: asyncmq_rivals::QUEUE.into() },
            concurrency: oxana::QueueConcurrency::Fixed(1),
            throttle: None,
        }
    }
}

#[tokio::main]
async fn main() {
    let storage =
        oxana::Storage::builder().max_pool_size(50).build_from_redis_url(variable("REDIS_URL")).unwrap();
    match order() {
        Order::Produce(jobs) => {
            let all: Vec<_> = (0..jobs).map(|id| EmailJob { payload: payload(id) }).collect();
            storage.enqueue_list(One, all).await.unwrap();
        }
        Order::Work => {
            let runtime = storage.runtime(Shared {}).queue_with_concurrency::<One>(CONCURRENCY);
            runtime.worker::<EmailWorker, EmailJob>().run().await.unwrap();
        }
    }
}
