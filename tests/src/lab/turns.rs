//! The jobs of the laboratory that limits hold, for all of them or for each place.

use std::time::Duration;

use asyncmq::job::RateWindow;
use asyncmq::{Context, RateLimit, Registry, task};

use crate::lab::event::{Hold, Rate};
use crate::lab::load::{Drawn, Payload, WORK, begin, micros_of};
use crate::servers::dice::Dice;

/// How many of a thousand jobs limits hold.
pub const PART: u64 = 95;

/// Runs only beside one other job of its place.
#[task(name = "lab.narrow", queue = "work", key = place, concurrency = 2)]
pub async fn narrow(ctx: &Context, payload: Payload, place: String, micros: u64) {
    let end = begin(ctx, &payload);
    let _ = place;
    tokio::time::sleep(Duration::from_micros(micros)).await;
    end();
}

/// Starts so often in any second for each place.
#[task(name = "lab.paced", queue = "work", key = place, rate_limit = "window(6/1s)")]
pub async fn paced(ctx: &Context, payload: Payload, place: String) {
    let _ = place;
    begin(ctx, &payload)();
}

/// Starts so often on average, and a few at a time.
#[task(name = "lab.bucket", queue = "work", rate_limit = "8/1s", concurrency = 3)]
pub async fn bucket(ctx: &Context, payload: Payload, micros: u64) {
    let end = begin(ctx, &payload);
    tokio::time::sleep(Duration::from_micros(micros)).await;
    end();
}

/// Adds these tasks to others.
#[must_use]
pub fn with(registry: Registry) -> Registry {
    registry.with::<narrow>().with::<paced>().with::<bucket>()
}

/// Returns what the jobs of the mix are held to.
#[must_use]
pub fn holds() -> Vec<Hold> {
    let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    let rate = |limit: RateLimit| Rate {
        permits: limit.permits(),
        interval: micros(limit.interval()),
        sliding: limit.kind() == RateWindow::Sliding,
    };
    let registry = with(Registry::new());
    let hold = registry.iter().map(|task| Hold {
        queue: WORK.to_owned(),
        task: task.name().to_owned(),
        most: task.options().concurrency,
        rate: task.options().rate_limit.map(rate),
    });
    hold.filter(|hold| hold.most.is_some() || hold.rate.is_some()).collect()
}

/// Draws a job that is held.
pub fn draw(dice: &mut Dice, id: String) -> Drawn {
    match dice.below(PART) {
        0..40 => narrow_at(dice, id),
        40..75 => paced_at(dice, id),
        _ => {
            let more = micros_of(20_000 + dice.below(180_000));
            Drawn::new("lab.bucket", id, Payload::draw(dice), more)
        }
    }
}

/// The places of jobs that take turns.
pub const PLACES: [&str; 2] = ["here", "there"];

fn place(dice: &mut Dice) -> &'static str {
    PLACES[dice.below(PLACES.len() as u64) as usize]
}

/// Draws a job that runs only beside one other of its place.
fn narrow_at(dice: &mut Dice, id: String) -> Drawn {
    let (place, micros) = (place(dice), 100_000 + dice.below(200_000));
    let more = serde_json::json!({ "place": place, "micros": micros });
    Drawn::new("lab.narrow", id, Payload::draw(dice), more).at(place)
}

/// Draws a job of which few start in a second.
fn paced_at(dice: &mut Dice, id: String) -> Drawn {
    let place = place(dice);
    let more = serde_json::json!({ "place": place });
    Drawn::new("lab.paced", id, Payload::draw(dice), more).at(place)
}
