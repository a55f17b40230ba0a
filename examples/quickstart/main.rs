//! `scripts/quickstart` — or, with orders of your own, `scripts/quickstart FILE_OR_FOLDER`
//!
//! Converts the orders of a CSV file to euros, one job for each row: a rate that is not there yet is a retry, a row that
//! makes no sense is a dead letter, and a dead letter can be replayed once its cause is gone.

mod orders;
mod rates;

use std::collections::BTreeMap;
use std::time::Instant;

use asyncmq::{
    Client, Error, Event, EventData, EventKind, JobHandle, JobState, State, TaskError, Worker, task,
};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use indicatif::{ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};

use orders::Order;
use rates::Rates;

/// What a job returns: it is kept with the job, and comes back typed.
#[derive(Serialize, Deserialize)]
struct Sale {
    country: String,
    euros: f64,
}

/// Converts one row. Three attempts, 200 ms apart; `retain` keeps every result for as long as the summary needs it.
#[task(queue = "orders", retries = 2, backoff = "fixed(200ms)", retain = "10m")]
async fn convert(rates: State<Rates>, row: String) -> Result<Sale, TaskError> {
    // A row that cannot be read now can never be: no retry, straight to the dead letters.
    let order = Order::parse(&row).map_err(TaskError::permanent)?;
    // Any other error is a failed attempt, and the next one comes by itself.
    let rate = rates.of(&order.currency).await?;
    Ok(Sale { country: order.country, euros: order.total / rate })
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let start = Instant::now();
    let rows = orders::read(std::env::args().nth(1))?;
    let (client, rates, bar) = (Client::memory(), Rates::default(), progress_bar(rows.len()));

    let worker = Worker::new(&client).queues(["orders"]).concurrency(8).state(rates.clone()).start().await?;
    let screen = bar.clone();
    let retries = client.on(EventKind::Retrying, move |event| screen.suspend(|| print_retry(&event)));

    // The file and line are the job's id: enqueued twice, a row would still be one job.
    let jobs = rows.into_iter().map(|(line, row)| convert::job(row).id(line));
    let handles = client.enqueue_all(jobs).await?;
    println!("{} orders, 8 at a time:", handles.len());
    let (mut sales, dead) = gather(handles, &bar).await?;

    println!("\n{} orders converted, {} dead letters", sales.len(), dead.len());
    if !dead.is_empty() {
        sales.extend(replay(&client, &rates, dead, &bar).await?);
    }
    print_summary(&sales);
    let (counts, seconds) = (client.queue("orders").counts().await?, start.elapsed().as_secs_f64());
    println!("\n{} jobs completed, {} dead, in {seconds:.1} s", counts.completed, counts.failed);
    retries.off();
    worker.stop().await?;
    Ok(())
}

/// Shows the dead letters, removes the cause of some of them, and replays them all.
async fn replay(
    client: &Client,
    rates: &Rates,
    dead: Vec<JobHandle<convert>>,
    bar: &ProgressBar,
) -> asyncmq::Result<Vec<Sale>> {
    let queue = client.queue("orders");
    for job in queue.list_jobs(JobState::Failed, 0..20).await? {
        let reason = job.errors().last().map_or("", |failure| failure.message());
        println!("  dead   {:<15} {} of {} attempts: {reason}", job.id(), job.attempt(), job.max_attempts());
    }
    rates.learn("NOK", 11.7);
    let count = queue.retry_all(JobState::Failed).await?;
    println!("\nThe rate of NOK is known now: {count} dead letters are replayed, with fresh attempts.");
    let (sales, dead) = gather(dead, bar).await?;
    println!("{} of them converted, {} are dead again.", sales.len(), dead.len());
    Ok(sales)
}

type Ended = (Vec<Sale>, Vec<JobHandle<convert>>);

/// Waits until every job has ended, in whichever order: what they returned, and the dead letters.
async fn gather(handles: Vec<JobHandle<convert>>, bar: &ProgressBar) -> asyncmq::Result<Ended> {
    let (mut sales, mut dead) = (Vec::new(), Vec::new());
    let ends = handles.into_iter().map(|handle| async move { (handle.result().await, handle) });
    let mut ends: FuturesUnordered<_> = ends.collect();
    while let Some((result, handle)) = ends.next().await {
        bar.inc(1);
        match result {
            Ok(sale) => sales.push(sale),
            Err(Error::JobFailed { .. }) => dead.push(handle),
            Err(error) => return Err(error),
        }
    }
    bar.finish_and_clear();
    Ok((sales, dead))
}

fn progress_bar(rows: usize) -> ProgressBar {
    let style =
        ProgressStyle::with_template("  [{bar:40.green}] {pos} of {len}").expect("the template is right");
    ProgressBar::new(rows as u64).with_style(style.progress_chars("=> "))
}

fn print_retry(event: &Event) {
    if let (Some(id), EventData::Retry { failure, after }) = (event.job_id(), event.data()) {
        println!("  retry  {id:<15} attempt {}: {}; again in {after:?}", event.attempt(), failure.message());
    }
}

fn print_summary(sales: &[Sale]) {
    let mut countries: BTreeMap<&str, (usize, f64)> = BTreeMap::new();
    for sale in sales {
        let (orders, euros) = countries.entry(&sale.country).or_default();
        (*orders, *euros) = (*orders + 1, *euros + sale.euros);
    }
    println!("\n  country   orders        euros");
    for (country, (orders, euros)) in &countries {
        println!("  {country:<9} {orders:>6} {euros:>12.2}");
    }
    println!(
        "  {:<9} {:>6} {:>12.2}",
        "total",
        sales.len(),
        sales.iter().map(|sale| sale.euros).sum::<f64>()
    );
}
