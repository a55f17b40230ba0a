//! The wire of a simulated process: it loses, holds up, reorders and doubles what goes over it, as its dice fall.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use asyncmq::Clock;
use asyncmq::backend::{Signal, Signals, StoreError};
use asyncmq_tests::servers::dice::Dice;
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep};

use crate::support::line::{Answer, Call, Verb, Wire};

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_millis(500);

/// How long a process that is frozen still runs at most.
const SLICE: Duration = Duration::from_millis(100);

/// The time of a simulation: the runtime's, which stands still while there is something to do.
pub(super) struct Time {
    clock: Clock,
    start: Instant,
    /// How far the store's clock has been moved.
    told: Mutex<Duration>,
}

impl Time {
    pub(super) fn new(clock: Clock) -> Arc<Self> {
        Arc::new(Self { clock, start: Instant::now(), told: Mutex::default() })
    }

    pub(super) fn micros(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_micros()).expect("a simulation is short")
    }

    /// Tells the store what time it is, which it has to know before each call.
    pub(super) fn tell(&self) {
        let (mut told, now) = (self.told.lock().unwrap(), self.start.elapsed());
        self.clock.advance(now - *told);
        *told = now;
    }
}

/// How often things go wrong, in a thousand calls.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Weather {
    pub(super) lost_requests: u64,
    pub(super) lost_replies: u64,
    pub(super) doubled: u64,
    /// Requests that are under way for longer than their sender waits.
    pub(super) held_up: u64,
    /// How long a request or a reply takes at most, in microseconds.
    pub(super) delay: u64,
}

/// How the process at the near end stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stand {
    Runs,
    /// It gets no time: what it would send or hear waits.
    Frozen,
    Dead,
}

/// The wire.
#[derive(Clone)]
pub(super) struct Rough(Arc<Inner>);

struct Inner {
    time: Arc<Time>,
    dice: Mutex<Dice>,
    weather: Mutex<Weather>,
    stand: Mutex<Stand>,
    /// Wakes those who wait in the order in which they came, as a `watch` does not.
    thawed: Notify,
}

/// What becomes of a call.
struct Passage {
    there: Duration,
    back: Duration,
    is_lost: bool,
    /// Whether the one who waits notices at once that there will be no answer.
    is_noticed: bool,
    is_answered: bool,
    again_after: Option<Duration>,
}

impl Rough {
    pub(super) fn new(time: &Arc<Time>, seed: u64, weather: Weather) -> Self {
        let (dice, weather) = (Mutex::new(Dice::new(seed)), Mutex::new(weather));
        let (stand, thawed) = (Mutex::new(Stand::Runs), Notify::new());
        Self(Arc::new(Inner { time: time.clone(), dice, weather, stand, thawed }))
    }

    pub(super) fn set_weather(&self, weather: Weather) {
        *self.0.weather.lock().unwrap() = weather;
    }

    pub(super) fn freeze(&self) {
        self.stands(Stand::Frozen);
    }

    pub(super) fn thaw(&self) {
        self.stands(Stand::Runs);
        self.0.thawed.notify_waiters();
    }

    /// Nothing is sent or heard any more; what is under way arrives.
    pub(super) fn die(&self) {
        self.stands(Stand::Dead);
    }

    /// The dead stay dead.
    fn stands(&self, now: Stand) {
        let mut stand = self.0.stand.lock().unwrap();
        if *stand != Stand::Dead {
            *stand = now;
        }
    }

    fn stand(&self) -> Stand {
        *self.0.stand.lock().unwrap()
    }

    pub(super) fn is_dead(&self) -> bool {
        self.stand() == Stand::Dead
    }

    /// Waits until the process has time; for ever if it is dead.
    pub(super) async fn has_time(&self) {
        while self.stand() != Stand::Runs {
            self.0.thawed.notified().await;
        }
    }

    /// Spends time of the process: none passes for it while it is frozen.
    pub(super) async fn spend(&self, mut time: Duration) {
        while !time.is_zero() {
            let part = time.min(SLICE);
            sleep(part).await;
            self.has_time().await;
            time -= part;
        }
    }

    /// An order has no id by which a store could know it again, so none comes twice or late.
    fn draw(&self, verb: Verb) -> Passage {
        let (mut dice, weather) = (self.0.dice.lock().unwrap(), *self.0.weather.lock().unwrap());
        let mut happens = |often: u64| dice.below(1_000) < often;
        let (is_lost, loses_reply) = (happens(weather.lost_requests), happens(weather.lost_replies));
        let (is_noticed, is_doubled) = (happens(500), happens(weather.doubled) && verb != Verb::Order);
        let is_held_up = happens(weather.held_up) && verb != Verb::Order;
        let mut time = |most: u64| Duration::from_micros(dice.below(most));
        let late = if is_held_up { PATIENCE + time(1_000_000) } else { Duration::ZERO };
        let (there, back) = (late + time(weather.delay), time(weather.delay));
        let again_after = is_doubled.then(|| time(300_000));
        Passage { there, back, is_lost, is_noticed, is_answered: !loses_reply, again_after }
    }
}

/// Takes a call to the store, once or twice or not at all, whatever became of its sender meanwhile.
async fn travel<T>(
    time: Arc<Time>,
    passage: Passage,
    call: impl Call<T>,
    answer: oneshot::Sender<Answer<T>>,
) {
    sleep(passage.there).await;
    let mut unanswered = Some(answer);
    if !passage.is_lost {
        time.tell();
        let reply = call().await;
        sleep(passage.back).await;
        if passage.is_answered
            && let Some(answer) = unanswered.take()
        {
            let _ = answer.send(reply);
        }
    }
    if passage.is_noticed {
        unanswered = None;
    }
    if let Some(after) = passage.again_after {
        sleep(after).await;
        time.tell();
        let _ = call().await;
    } else if unanswered.is_some() {
        sleep(PATIENCE).await;
    }
}

impl Wire for Rough {
    async fn carry<T: Send + 'static>(&self, verb: Verb, call: impl Call<T>) -> Answer<T> {
        self.has_time().await;
        let (answer, answered) = oneshot::channel();
        tokio::spawn(travel(self.0.time.clone(), self.draw(verb), call, answer));
        let answer = tokio::time::timeout(PATIENCE, answered).await;
        self.has_time().await;
        match answer {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(StoreError::unanswered("the connection was lost")),
            Err(_) => Err(StoreError::unanswered("there is no answer")),
        }
    }

    fn listen(&self, signals: Box<dyn Signals>) -> Box<dyn Signals> {
        Box::new(RoughSignals { signals, wire: self.clone() })
    }
}

/// Signals that may be lost: they are hints.
struct RoughSignals {
    signals: Box<dyn Signals>,
    wire: Rough,
}

#[async_trait]
impl Signals for RoughSignals {
    async fn next(&mut self) -> Signal {
        loop {
            let signal = self.signals.next().await;
            let passage = self.wire.draw(Verb::Signals);
            sleep(passage.back).await;
            self.wire.has_time().await;
            if !passage.is_lost {
                return signal;
            }
        }
    }
}
