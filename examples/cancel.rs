//! `cargo run --example cancel` — a job can be cancelled before it starts and while it runs, and can cancel itself.

use std::time::Duration;

use asyncmq::{Client, Context, EventKind, TaskError, Worker, task};
use futures::StreamExt;

/// Listens for its cancellation, and so has the time to clean up.
#[task]
async fn export(ctx: Context, table: String) -> Result<u32, TaskError> {
    for row in 0..1_000_u32 {
        ctx.progress(row / 10, ());
        tokio::select! {
            () = ctx.cancelled() => {
                println!("export of {table}: told to stop at row {row}, removing what was written");
                return Err(TaskError::cancel("somebody wanted it to stop"));
            }
            () = tokio::time::sleep(Duration::from_millis(10)) => {}
        }
    }
    Ok(1_000)
}

/// Does not listen: it is dropped where it awaits.
#[task]
async fn sleep(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

/// Finds out by itself that there is nothing to do.
#[task]
async fn remind(customer: String) -> Result<(), TaskError> {
    Err(TaskError::cancel(format!("{customer} has paid meanwhile")))
}

#[tokio::main]
async fn main() -> asyncmq::Result<()> {
    let client = Client::memory();
    let waiting = export::job("customers").enqueue_on(&client).await?;
    println!("waiting job cancelled: {}", waiting.cancel().await?);

    let progress = client.events_where(EventKind::Progress).await?;
    let worker = Worker::new(&client).start().await?;
    let listening = export::job("orders").enqueue_on(&client).await?;
    let deaf = sleep::job(3_600_u64).enqueue_on(&client).await?;
    let reminder = remind::job("Ann").enqueue_on(&client).await?;
    progress.take(2).collect::<Vec<_>>().await; // By then the export is well under way.
    println!("running jobs cancelled: {} {}", listening.cancel().await?, deaf.cancel().await?);

    for ended in [waiting.result().await.err(), listening.result().await.err(), reminder.result().await.err()]
    {
        println!("{}", ended.expect("it was cancelled"));
    }
    println!("{}", deaf.result().await.expect_err("it was cancelled"));
    println!("cancelled once more: {}", deaf.cancel().await?);
    worker.stop().await?;
    Ok(())
}
