//! A producer process of the laboratory.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use asyncmq::Client;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;
use tokio::time::MissedTickBehavior;

use crate::lab::event::Fate;
use crate::lab::journal::Journal;
use crate::lab::kin::{self, Known};
use crate::lab::load::{self, Drawn};
use crate::lab::send::Sender;
use crate::servers::dice::Dice;

/// How often jobs are sent.
const TICK: Duration = Duration::from_millis(40);
/// How long after it was sent a job that fails is tried again by hand.
const RETRIED_AFTER: Duration = Duration::from_secs(2);
/// How many calls may be under way: an outage does not stop the others from being tried.
const CALLS: usize = 400;

/// Enqueues `rate` jobs a second until the process is told to stop; then waits for the answers.
///
/// # Errors
///
/// Those of the store and of the journal.
pub async fn run(url: &str, folder: &Path, seed: u64, rate: u64) -> anyhow::Result<()> {
    let journal = Arc::new(Journal::in_folder(folder)?);
    let sender = Sender { client: Client::connect(url).await?, journal };
    let (mut dice, calls) = (Dice::new(seed), Arc::new(Semaphore::new(CALLS)));
    let (mut tick, mut number, mut doubled) = (tokio::time::interval(TICK), 0_u64, 0_u64);
    let mut known = Known::default();
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut stop = signal(SignalKind::terminate())?;
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            _ = stop.recv() => break,
        }
        let mut left = rate * TICK.as_millis() as u64 / 1_000;
        while 0 < left {
            let size = (1 + dice.below(4)).min(left);
            let kin = kin::draw(&mut dice, &known, || next_id(seed, &mut number));
            // Of those that wait for others, more are ordered about.
            let orders = if kin.is_some() { 20 } else { 100 };
            let drawn = kin.unwrap_or_else(|| {
                (0..size).map(|_| one(&mut dice, seed, (&mut number, &mut doubled))).collect()
            });
            drawn.iter().for_each(|drawn| known.add(drawn));
            left = left.saturating_sub(drawn.len() as u64);
            let Ok(permit) = calls.clone().acquire_owned().await else { break };
            let (sender, order) = (sender.clone(), dice.below(orders));
            tokio::spawn(async move {
                send(&sender, drawn, order).await;
                drop(permit);
            });
        }
    }
    // Every call has its answer by then, one way or the other.
    let _ = calls.acquire_many(CALLS as u32).await?;
    Ok(())
}

/// Draws a job: one in twenty is sent by every producer.
fn one(dice: &mut Dice, seed: u64, (number, doubled): (&mut u64, &mut u64)) -> Drawn {
    if dice.below(20) == 0 {
        *doubled += 1;
        return load::twice(*doubled);
    }
    load::draw(dice, next_id(seed, number))
}

fn next_id(seed: u64, number: &mut u64) -> String {
    *number += 1;
    format!("job-{seed}-{number}")
}

/// Sends jobs; of a few it then cancels or removes one, or has it tried again once it has failed.
async fn send(sender: &Sender, drawn: Vec<Drawn>, order: u64) {
    let (queue, job) = (drawn[0].sent.queue.clone(), drawn[0].sent.job.clone());
    let (own, fate) = (job.starts_with("job-"), drawn[0].sent.fate);
    let waits = !drawn[0].sent.waits.is_empty();
    if !sender.send(drawn).await || !own {
        return;
    }
    match order {
        0 => sender.order("cancel", &queue, &job).await,
        1 => sender.order("remove", &queue, &job).await,
        _ if fate == Fate::Fails || waits && order == 2 => {
            // Most have failed for good by then, or with another one; of the others it is refused, which is written down too.
            tokio::time::sleep(RETRIED_AFTER).await;
            sender.order("retry", &queue, &job).await;
        }
        _ => {}
    }
}
