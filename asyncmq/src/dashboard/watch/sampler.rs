//! The loop that looks at all counts every five seconds.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::{EVERY, Watch};
use crate::client::Client;
use crate::dashboard::state::gone;
use crate::error::Result;

/// A look that takes longer counts as none.
const PATIENCE: Duration = Duration::from_secs(10);

/// Samples until the dashboard is gone.
pub(super) async fn run(watch: Arc<Watch>, client: Client, stopped: watch::Receiver<bool>) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let sampling = async {
        loop {
            ticks.tick().await;
            match timeout(PATIENCE, sample(&watch, &client)).await {
                Ok(Ok(())) => watch.note_sampled(),
                Ok(Err(error)) => {
                    tracing::warn!(%error, "the dashboard could not look at the queues; it tries again")
                }
                Err(_) => {
                    tracing::warn!("the dashboard waited in vain for a look at the queues; it tries again")
                }
            }
        }
    };
    tokio::select! {
        () = sampling => {}
        () = gone(stopped) => {}
    }
}

async fn sample(watch: &Watch, client: &Client) -> Result<()> {
    let queues = client.admin().queues().await?;
    let failed = watch.tally().failed_for_good();
    watch.history().add(&queues, failed);
    watch.changed();
    Ok(())
}
