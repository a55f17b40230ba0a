//! `cargo run --example flow` — an order: paid first, then packed in parts at once, then shipped, with what each of them returned.

use std::time::{Duration, Instant};

use asyncmq::{Client, EventKind, Flow, TaskError, Worker, task};

#[task]
async fn charge(order: u64, cents: u64) -> Result<String, TaskError> {
    if 100_000 < cents {
        Err(TaskError::permanent("the card was declined"))
    } else {
        Ok(format!("receipt {order}"))
    }
}

/// Returns the weight in grams.
#[task]
async fn pack(part: String) -> u32 {
    tokio::time::sleep(Duration::from_millis(100)).await;
    u32::try_from(part.len()).unwrap_or(u32::MAX) * 100
}

#[task]
async fn ship(receipt: String, grams: Vec<u32>) -> String {
    format!("{receipt}: {} parcels, {} g", grams.len(), grams.iter().sum::<u32>())
}

#[task]
async fn apologise(order: u64) {
    println!("       order {order} could not be shipped");
}

async fn order(client: &Client, number: u64, cents: u64) -> asyncmq::Result<()> {
    let mut flow = Flow::with_id(format!("order {number}"));
    let receipt = flow.add(charge::job(number, cents));
    let parcels = ["lamp", "bookshelf"].map(|part| flow.add(pack::job(part).depends_on([&receipt])));
    let shipped = flow.add(ship::with(&receipt, parcels.as_slice()));
    flow.on_failure(apologise::job(number));
    let flow = flow.enqueue_on(client).await?;
    match flow.result(&shipped).await {
        Ok(said) => println!("       {said}"),
        Err(error) => println!("       {error}"),
    }
    for node in flow.wait().await?.nodes {
        let task = node.job.as_ref().map_or("?", |job| job.task());
        println!("       {:<9} {task:<9} {}", &*node.id, node.state().map_or("gone", |state| state.name()));
    }
    Ok(())
}

#[tokio::main]
async fn main() -> asyncmq::Result<()> {
    let (client, start) = (Client::memory(), Instant::now());
    let _log = client.on([EventKind::Started, EventKind::Ready], move |event| {
        let (at, kind) = (start.elapsed().as_millis(), event.kind());
        println!("{at:>3} ms {kind:<11} {}", event.task().unwrap_or_default());
    });
    let worker = Worker::new(&client).concurrency(4).start().await?;
    order(&client, 7, 4_900).await?;
    order(&client, 8, 4_900_000).await?;
    worker.stop().await?;
    Ok(())
}
