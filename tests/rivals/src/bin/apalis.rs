//! apalis-redis.

use apalis::prelude::*;
use apalis_redis::{Config, RedisStorage};
use asyncmq_rivals::{CONCURRENCY, Order, Payload, QUEUE, order, payload, variable};

async fn handler(payload: Payload) -> Result<(), BoxDynError> {
    asyncmq_rivals::run(payload.id).await;
    Ok(())
}

#[tokio::main]
async fn main() {
    let connection = apalis_redis::connect(variable("REDIS_URL")).await.unwrap();
    let mut storage =
        RedisStorage::new(connection).with_config(Config::default().queue(QUEUE).batch_size(CONCURRENCY));
    match order() {
        Order::Produce(jobs) => {
            storage.push_bulk((0..jobs).map(payload).collect()).await.unwrap();
        }
        Order::Work => {
            let worker = WorkerBuilder::new("worker").backend(storage).concurrency(CONCURRENCY);
            worker.parallelize(tokio::spawn).build(handler).run().await.unwrap();
        }
    }
}
