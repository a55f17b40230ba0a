//! `cargo run --example delayed_and_priority` — which job runs when: due times first, then priorities, then first come.

use std::time::{Duration, Instant, SystemTime};

use asyncmq::{Client, EventKind, Worker, task};
use futures::StreamExt;

/// Priority 5 unless a job says otherwise; lower runs first.
#[task(queue = "kitchen", priority = 5)]
async fn cook(dish: String) -> String {
    dish
}

#[tokio::main]
async fn main() -> asyncmq::Result<()> {
    let client = Client::memory();
    let millis = Duration::from_millis;

    let jobs = [
        cook::job("soup"),
        cook::job("salad"),
        cook::job("dessert").priority(200),
        cook::job("the critic's fish").priority(0),
        cook::job("cake, in half a second").delay(millis(500)),
        cook::job("coffee, at a time of the clock").at(SystemTime::now() + millis(250)),
        cook::job("breakfast").delay(Duration::from_secs(8 * 3_600)),
    ];
    let count = jobs.len();
    let handles = client.enqueue_all(jobs).await?;

    let kitchen = client.queue("kitchen");
    println!("{} wait, {} are delayed", kitchen.counts().await?.waiting, kitchen.counts().await?.delayed);

    // One cook, so that the order can be seen.
    let start = Instant::now();
    let mut completed = client.events_where(EventKind::Completed).await?;
    let worker = Worker::new(&client).concurrency(1).start().await?;
    for served in 1..=count {
        if served == count {
            // What is delayed can be made due.
            kitchen.promote_job(handles[count - 1].id()).await?;
        }
        let Some(event) = completed.next().await else { break };
        let dish = handles.iter().find(|handle| event.job_id() == Some(handle.id()));
        println!("{:>4} ms  {}", start.elapsed().as_millis(), dish.expect("it is ours").result().await?);
    }
    worker.stop().await?;
    Ok(())
}
