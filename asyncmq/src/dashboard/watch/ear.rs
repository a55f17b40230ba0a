//! The loop that hears every event: it keeps the latest, counts by outcome, and measures how long jobs wait and run.

use std::sync::Arc;

use futures_util::StreamExt;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use super::{EVERY, Watch};
use crate::admin::Hidden;
use crate::backend::Pause;
use crate::client::{Client, Events};
use crate::dashboard::state::gone;
use crate::event::{Event, EventKind};

/// Hears until the dashboard is gone.
pub(super) async fn run(
    watch: Arc<Watch>,
    client: Client,
    conceal: Arc<Hidden>,
    stopped: watch::Receiver<bool>,
) {
    let hearing = async {
        let mut pause = Pause::new();
        loop {
            match client.events().await {
                Ok(events) => {
                    pause = Pause::new();
                    hear(&watch, &conceal, events).await;
                }
                Err(error) => {
                    tracing::warn!(%error, "the dashboard cannot listen to events yet; it tries again")
                }
            }
            pause.wait().await;
        }
    };
    tokio::select! {
        () = hearing => {}
        () = gone(stopped) => {}
    }
}

/// Hears until the stream ends, which it does when its store closes.
async fn hear(watch: &Watch, conceal: &Hidden, mut events: Events) {
    let mut quiet = interval(EVERY);
    quiet.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let event = tokio::select! {
            event = events.next() => event,
            _ = quiet.tick() => {
                watch.note_heard();
                continue;
            }
        };
        let Some(event) = event else { return };
        take_in(watch, conceal, &event);
        watch.tally().missed = events.missed();
    }
}

fn take_in(watch: &Watch, conceal: &Hidden, event: &Event) {
    watch.tally().count(event);
    watch.recent.add(conceal.event(event));
    // How far a job is, pages of that job show when they look again by themselves.
    if event.kind() != EventKind::Progress {
        watch.changed();
    }
}
