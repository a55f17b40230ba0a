//! The duty that fires schedules: what is due in the queues that this worker serves, at the moment at which it is due.
//!
//! All workers do so; the store decides who does it. A paused queue fires all the same, its jobs wait.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::backend::{Pause, StoreError, StoredSchedule, jittered};
use crate::client::{Declared, Schedules, declared, fire_due};
use crate::job::Name;
use crate::schedule::ScheduleId;
use crate::worker::duty::spawn;
use crate::worker::shared::Shared;

/// The longest time between two looks, should the wake-up for a new schedule have been lost.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How long after a store did not answer it is asked again.
const AGAIN_AFTER: Duration = Duration::from_millis(500);
/// How long after a store refused what it has done before it is asked again, about: what it lacks, memory above all, it may
/// have at any moment, and some schedules make up for nothing.
const REFUSED_AGAIN: Duration = Duration::from_secs(1);
/// How often it is looked whether what is declared is declared still.
const CHECK_EVERY: Duration = Duration::from_secs(15);
/// How long no live worker may declare a schedule before it is paused: longer than a deploy leaves none.
const DESERTED_FOR: Duration = Duration::from_secs(60);

/// Starts the duty.
pub(super) fn start(shared: &Arc<Shared>, queues: &[Name]) {
    let (queues, mut declarations) = (queues.to_vec(), Vec::new());
    for task in shared.tasks.values().filter(|task| queues.iter().any(|queue| *queue == task.queue())) {
        match declared(task, shared.backend.max_payload()) {
            Ok(declaration) => declarations.extend(declaration),
            Err(error) => tracing::error!(task = task.name(), %error, "a task cannot be run by itself"),
        }
    }
    spawn(shared, move |shared| serve(shared, queues, declarations));
}

async fn serve(shared: Arc<Shared>, queues: Vec<Name>, declarations: Vec<Declared>) {
    let schedules = shared.client().schedules();
    declare(&schedules, &declarations).await;
    let (mut watch, mut trouble) = (Watch::default(), Trouble::default());
    loop {
        let began = Instant::now();
        let next_in = match fire_due(&shared.backend, &queues).await {
            Ok(next_in) => {
                trouble = Trouble { has_answered: true, is_told: false };
                next_in
            }
            Err(error) => Some(trouble.of(&error)),
        };
        if next_in.is_some() || !declarations.is_empty() {
            watch.look(&schedules, &queues).await;
        }
        let next = began + next_in.map_or(LOOK_EVERY, |next| next.min(LOOK_EVERY));
        tokio::select! {
            () = tokio::time::sleep_until(next) => {}
            () = shared.schedules_changed.notified() => {}
        }
    }
}

/// What was said of a store that does not fire.
#[derive(Default)]
struct Trouble {
    /// Whether it ever answered: one that never does has no schedules.
    has_answered: bool,
    is_told: bool,
}

impl Trouble {
    /// Says it once, and returns how long to wait before the next try.
    fn of(&mut self, error: &StoreError) -> Duration {
        if error.is_retryable() {
            tracing::debug!(%error, "schedules could not be fired now");
            return AGAIN_AFTER;
        }
        if self.has_answered && !std::mem::replace(&mut self.is_told, true) {
            tracing::warn!(%error, "the store refuses to fire schedules; it is tried again and again");
        }
        if self.has_answered { jittered(REFUSED_AGAIN) } else { LOOK_EVERY }
    }
}

/// Brings what the tasks declare into the store, as soon as it takes it.
async fn declare(schedules: &Schedules, declarations: &[Declared]) {
    let (mut pause, mut tries) = (Pause::new(), 0_u32);
    while let Err(error) = schedules.declare(declarations).await {
        match tries {
            0 => tracing::warn!(
                ?error,
                "what the tasks declare could not be scheduled yet; it is tried again and again"
            ),
            _ => tracing::debug!(?error, "what the tasks declare could not be scheduled yet"),
        }
        tries += 1;
        if tries < 20 { pause.wait().await } else { tokio::time::sleep(LOOK_EVERY).await }
    }
}

/// What this worker has seen of schedules that nobody declares any more.
#[derive(Default)]
struct Watch {
    looked: Option<Instant>,
    deserted: HashMap<ScheduleId, Instant>,
}

impl Watch {
    /// Looks from time to time, and pauses what has been deserted for long enough.
    async fn look(&mut self, schedules: &Schedules, queues: &[Name]) {
        if self.looked.is_some_and(|looked| looked.elapsed() < CHECK_EVERY) {
            return;
        }
        self.looked = Some(Instant::now());
        match schedules.deserted(queues).await {
            Ok(deserted) => self.note(schedules, deserted).await,
            Err(error) => tracing::debug!(%error, "declared schedules could not be checked now"),
        }
    }

    async fn note(&mut self, schedules: &Schedules, deserted: Vec<StoredSchedule>) {
        self.deserted.retain(|id, _| deserted.iter().any(|stored| stored.id == *id));
        for stored in deserted {
            let since = *self.deserted.entry(stored.id.clone()).or_insert_with(Instant::now);
            if since.elapsed() < DESERTED_FOR {
                continue;
            }
            match schedules.orphan(&stored).await {
                Ok(true) => tracing::warn!(
                    schedule = %stored.id,
                    "no live worker declares this schedule any more: it is paused until one does; remove it if it is not needed"
                ),
                Ok(false) => {}
                Err(error) => tracing::debug!(%error, "a deserted schedule could not be paused now"),
            }
        }
    }
}
