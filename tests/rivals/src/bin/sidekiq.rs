//! rusty-sidekiq.

use asyncmq_rivals::{CONCURRENCY, Order, Payload, order, payload, variable};
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
    let pool = bb8::Pool::builder().max_size(20).build(manager).await.unwrap();
    match order() {
        Order::Produce(jobs) => {
            for id in 0..jobs {
                Email::perform_async(&pool, payload(id)).await.unwrap();
            }
        }
        Order::Work => {
            let config = ProcessorConfig::default().num_workers(CONCURRENCY);
            let mut processor = Processor::new(pool, vec!["default".into()]).with_config(config);
            processor.register(Email);
            processor.run().await;
        }
    }
}
