//! oxana.

use asyncmq_rivals::{Order, Payload, concurrency, order, payload, produced, variable};

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
    let storage = oxana::Storage::builder()
        .max_pool_size(concurrency() + 40)
        .build_from_redis_url(variable("REDIS_URL"))
        .unwrap();
    match order() {
        Order::Produce(jobs) => {
            let start = std::time::Instant::now();
            let all: Vec<u64> = (0..jobs).collect();
            for batch in all.chunks(1_000) {
                let batch: Vec<_> = batch.iter().map(|id| EmailJob { payload: payload(*id) }).collect();
                storage.enqueue_list(One, batch).await.unwrap();
            }
            produced(start);
        }
        Order::Work => {
            let runtime = storage.runtime(Shared {}).queue_with_concurrency::<One>(concurrency());
            runtime.worker::<EmailWorker, EmailJob>().run().await.unwrap();
        }
    }
}
