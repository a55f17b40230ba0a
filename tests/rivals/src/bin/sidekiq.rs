//! rusty-sidekiq.

use asyncmq_rivals::{Order, Payload, concurrency, order, payload, produced, variable};
use sidekiq::{Processor, ProcessorConfig, RedisConnectionManager, Result, Worker};

#[derive(Clone)]
struct Email;

#[async_trait::async_trait]
impl Worker<Payload> for Email {
    async fn perform(&self, payload: Payload) -> Result<()> {
        asyncmq_rivals::run(payload.id).await;
        Ok(())
    }
}

#[tokio::main]
async fn main() {
    let manager = RedisConnectionManager::new(variable("REDIS_URL")).unwrap();
    let pool = bb8::Pool::builder()
        .max_size(u32::try_from(concurrency() + 10).unwrap())
        .build(manager)
        .await
        .unwrap();
    match order() {
        Order::Produce(jobs) => {
            let start = std::time::Instant::now();
            // It has no call for many jobs: a few tasks enqueue at once.
            let producers: Vec<_> = (0..16)
                .map(|first| {
                    let pool = pool.clone();
                    tokio::spawn(async move {
                        for id in (first..jobs).step_by(16) {
                            Email::perform_async(&pool, payload(id)).await.unwrap();
                        }
                    })
                })
                .collect();
            for producer in producers {
                producer.await.unwrap();
            }
            produced(start);
        }
        Order::Work => {
            let config = ProcessorConfig::default().num_workers(concurrency());
            let mut processor = Processor::new(pool, vec!["default".into()]).with_config(config);
            processor.register(Email);
            processor.run().await;
        }
    }
}
