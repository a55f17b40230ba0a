//! apalis-redis.

use apalis::prelude::*;
use apalis_redis::{Config, RedisStorage};
use asyncmq_rivals::{Order, Payload, QUEUE, concurrency, order, payload, produced, variable};

async fn handler(payload: Payload) -> Result<(), BoxDynError> {
    asyncmq_rivals::run(payload.id).await;
    Ok(())
}

#[tokio::main]
async fn main() {
    let connection = apalis_redis::connect(variable("REDIS_URL")).await.unwrap();
    let mut storage =
        RedisStorage::new(connection).with_config(Config::default().queue(QUEUE).batch_size(concurrency()));
    match order() {
        Order::Produce(jobs) => {
            let start = std::time::Instant::now();
            let all: Vec<u64> = (0..jobs).collect();
            for batch in all.chunks(1_000) {
                storage.push_bulk(batch.iter().copied().map(payload).collect()).await.unwrap();
            }
            produced(start);
        }
        Order::Work => {
            let worker = WorkerBuilder::new(format!("worker-{}", std::process::id()))
                .backend(storage)
                .concurrency(concurrency());
            worker.parallelize(tokio::spawn).build(handler).run().await.unwrap();
        }
    }
}
