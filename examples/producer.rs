//! `ASYNCMQ_URL=sqlite:jobs.db cargo run --features asyncmq-examples/sqlite --example producer` — jobs for another program.
//!
//! It knows the tasks of the `worker` example only by name. Run that beside it, before or after, with the same store.

use asyncmq::{Client, EventFilter, NewJob};
use futures::StreamExt;
use serde_json::json;

#[tokio::main]
async fn main() -> asyncmq::Result<()> {
    if std::env::var_os("ASYNCMQ_URL").is_none() {
        println!("set ASYNCMQ_URL: what is enqueued in this process's memory, no other one will see");
        return Ok(());
    }
    let client = Client::from_env().await?;
    let mut events = client.events_where(EventFilter::parse("job:*")?).await?;

    // By name, arguments by name or by position. Options that are left out are those that the worker published.
    let mail = NewJob::new("send_welcome").args(json!({"to": "ann@example.com", "name": "Ann"}));
    let report = NewJob::new("daily_report").args(json!([[12.5, 30.0, 7.25]]));
    let mut open = vec![
        client.queue("mail").add(mail).await?.id().clone(),
        client.queue("reports").add(report).await?.id().clone(),
    ];

    println!("two jobs enqueued; waiting for a worker to end them");
    while !open.is_empty() {
        let Some(event) = events.next().await else { break };
        println!("{:<14} {}", event.kind(), event.task().unwrap_or_default());
        if event.kind().is_terminal() {
            open.retain(|id| event.job_id() != Some(id));
        }
    }
    Ok(())
}
