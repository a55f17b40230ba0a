//! A worker binary without a task.

#[tokio::main]
async fn main() -> asyncmq::Result<()> {
    asyncmq::worker::run().await
}
