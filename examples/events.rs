//! `cargo run --example events` — everything that happens is an event: as callbacks, as a stream, in any process.

use std::time::Duration;

use asyncmq::{Client, Context, EventData, EventFilter, EventKind, Worker, task};
use futures::StreamExt;

/// Reports how far it is. At most ten reports a second are sent; the latest wins.
#[task(queue = "video")]
async fn transcode(ctx: Context, file: String) -> String {
    for percent in [25, 50, 75, 100] {
        tokio::time::sleep(Duration::from_millis(120)).await;
        ctx.progress(percent, format!("{file}, part {}", percent / 25));
    }
    file.replace(".mov", ".mp4")
}

#[task(queue = "mail")]
async fn notify(address: String) -> Result<(), String> {
    Err(format!("no mail server for {address}"))
}

#[tokio::main]
async fn main() -> asyncmq::Result<()> {
    let client = Client::memory();

    // A callback for one kind. Others: several kinds, or a pattern such as `EventFilter::parse("job:*")`.
    let failed = client.on(EventKind::Failed, |event| {
        if let EventData::Failure(failure) = event.data() {
            println!("  on failed: {} says {}", event.task().unwrap_or_default(), failure.message());
        }
    });

    // A stream, here of one queue. A listener that is too slow loses the oldest events and is told how many.
    let mut events = client.events_where(EventFilter::all().queue("video")).await?;

    let worker = Worker::new(&client).start().await?;
    let mailed = notify::job("ann@example.com").enqueue_on(&client).await?;
    transcode::job("holiday.mov").enqueue_on(&client).await?;

    while let Some(event) = events.next().await {
        print!("{}", event.kind());
        match event.data() {
            EventData::Progress(progress) => println!(" {} % {}", progress.percent(), progress.data()),
            EventData::Result(json) => println!(" {}", String::from_utf8_lossy(json)),
            _ => println!(),
        }
        if event.kind().is_terminal() {
            break;
        }
    }
    println!("{} events missed", events.missed());
    println!("{}", mailed.result().await.expect_err("there is no mail server"));
    failed.off();
    worker.stop().await?;
    Ok(())
}
