//! The store on Redis or Valkey: one atomic, fenced script per transition, a batch at a time.
//!
//! What is kept where stands at the scripts (`scripts/*.lua`), what keys are called in `keys`, how bytes are spelt in `codec`.
//! Here calls are written and answers read. Time is the server's, unless a test brings a [`Clock`] of its own.
//!
//! # What survives what
//!
//! Every step is one script, so whatever part of the append-only file is read back is a consistent store. A worker's or
//! client's death loses nothing that was acknowledged. A server that dies with `appendonly yes` loses nothing when its
//! process is killed, and at a power cut what `appendfsync` says: nothing with `always`, about a second with `everysec`.
//! With `appendonly no` it loses what came after the last snapshot. A failover loses what no replica had yet;
//! `?replicated=1` counts a step as done only when that many replicas have it.

mod claim;
mod codec;
mod control;
mod diagnose;
mod driver;
mod ear;
mod error;
mod events;
mod far;
#[cfg(feature = "conformance")]
pub(crate) mod fuzz;
mod inspect;
mod keys;
mod lanes;
mod leases;
mod limits;
mod link;
mod lookout;
mod mail;
mod one;
mod push;
mod reply;
mod scan;
mod schedules;
mod script;
#[cfg(feature = "seeded-bugs")]
mod seeds;
mod settings;
mod settle;
mod signals;
mod start;
mod store;
mod strays;
mod turn;
mod upkeep;

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use redis::{RedisResult, Value};

use self::ear::Ear;
use self::events::Listeners;
use self::keys::Keys;
use self::lanes::Lanes;
use self::link::Link;
use self::lookout::Lookout;
use self::mail::{Rounds, Trusted};
use self::script::{Call, Script};
use self::settings::{Servers, Settings};
use crate::backend::{Backend, CallId, RECALLED_CALLS, StoreError};
use crate::clock::Clock;
use crate::error::Result;
use crate::job::Name;

/// The longest time in microseconds that scripts, which count in floating point, can add to the present: 221 years.
const LONGEST: u64 = 7_000_000_000_000_000;
/// The last moment that scripts can name: in the year 2255.
const LAST: u64 = 9_000_000_000_000_000;

/// A store on a Redis server, on one that Sentinels watch, or in a cluster.
pub struct RedisStore {
    link: Link,
    keys: Keys,
    lanes: Lanes,
    ear: Arc<Ear>,
    listeners: Arc<Listeners>,
    rounds: Rounds,
    lookout: Lookout,
    trusted: Trusted,
    /// The time of a test; the server's where there is none.
    clock: Option<Clock>,
    this: Weak<Self>,
}

impl RedisStore {
    /// Connects to the server that a URL names, and says what of its settings puts jobs at risk.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`](crate::Error::Invalid) for a URL that cannot be,
    /// [`Error::Store`](crate::Error::Store) when no server answers or it lets nobody in.
    pub async fn connect(url: &str) -> Result<Arc<Self>> {
        let store = Self::new(Settings::parse(url)?, None);
        start::check(&store).await?;
        Ok(store)
    }

    /// Connects like [`RedisStore::connect`], to a store whose time is that of `clock`: for tests.
    ///
    /// # Errors
    ///
    /// What [`RedisStore::connect`] says.
    pub async fn connect_with_clock(url: &str, clock: Clock) -> Result<Arc<Self>> {
        let store = Self::new(Settings::parse(url)?, Some(clock));
        start::check(&store).await?;
        Ok(store)
    }

    fn new(settings: Settings, clock: Option<Clock>) -> Arc<Self> {
        let keys = Keys::new(settings.prefix.clone(), settings.servers == Servers::Cluster);
        let settings = Arc::new(settings);
        let link = Link::new(settings.clone());
        let ear = Arc::new(Ear::new(settings, link.demotions()));
        Arc::new_cyclic(|this| Self {
            link,
            lanes: Lanes::default(),
            listeners: Arc::new(Listeners::new(keys.clone())),
            keys,
            ear,
            rounds: Rounds::default(),
            lookout: Lookout::default(),
            trusted: Trusted::default(),
            clock,
            this: this.clone(),
        })
    }

    /// The time as scripts take it: empty for the server's own.
    fn time(&self) -> String {
        self.clock.as_ref().map(|clock| clock.now().as_micros().to_string()).unwrap_or_default()
    }

    /// Begins a call about queues that share a slot.
    async fn call(&self, script: &'static Script, queues: &[Name]) -> RedisResult<Call> {
        let mut call = self.bare_call(script, queues).await?;
        call.arg(self.time());
        Ok(call)
    }

    /// Begins a call that tells the time itself, if at all.
    async fn bare_call(&self, script: &'static Script, queues: &[Name]) -> RedisResult<Call> {
        let shared = queues.first().map_or_else(|| self.keys.common(), |queue| self.keys.shared(queue));
        let mut bases = Vec::with_capacity(1 + queues.len());
        bases.push(shared);
        bases.extend(queues.iter().map(|queue| self.keys.queue(queue)));
        Ok(Call::new(script, self.link.dialect().await?, &bases))
    }

    /// Makes a call that changes jobs, and sees to what it may have left for queues in other slots.
    async fn send(&self, call: &Call) -> RedisResult<Value> {
        let (answer, has_mail) = reply::opened(self.transmit(call).await?);
        if has_mail {
            self.carry_for(call).await;
        }
        Ok(answer)
    }

    /// Puts queues on the list of those that were used. On one server the scripts do it themselves.
    async fn list_queues<'a>(
        &self,
        queues: impl Iterator<Item = &'a Name>,
    ) -> std::result::Result<(), StoreError> {
        let bases: Vec<_> = queues.map(|queue| self.keys.queue(queue)).collect();
        if self.keys.is_cluster() && !bases.is_empty() {
            let mut add = redis::cmd("SADD");
            add.arg(format!("{}queues", self.keys.common())).arg(bases);
            self.link.send(&add).await.map_err(error::worded)?;
        }
        Ok(())
    }

    /// Sorts things by what one script can reach: all of them on one server, those of one queue in a cluster.
    fn apart<'a, T>(&self, things: &'a [T], queue_of: impl Fn(&T) -> &Name) -> Vec<(Vec<usize>, Vec<&'a T>)> {
        let mut groups: Vec<(Vec<usize>, Vec<&'a T>)> = Vec::new();
        for (place, thing) in things.iter().enumerate() {
            let same = |group: &&mut (Vec<usize>, Vec<&'a T>)| {
                !self.keys.is_cluster()
                    || group.1.first().is_some_and(|first| queue_of(first) == queue_of(thing))
            };
            match groups.iter_mut().find(same) {
                Some(group) => {
                    group.0.push(place);
                    group.1.push(thing);
                }
                None => groups.push((vec![place], vec![thing])),
            }
        }
        groups
    }
}

impl Backend for RedisStore {
    fn kind(&self) -> &'static str {
        "redis"
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").field("settings", self.link.settings()).finish_non_exhaustive()
    }
}

/// Returns a time's microseconds, rounded up, so that nothing is ever due early.
fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_nanos().div_ceil(1_000)).unwrap_or(u64::MAX).min(LONGEST)
}

/// Returns a moment's microseconds since 1970.
fn moment(since: Duration) -> u64 {
    u64::try_from(since.as_nanos().div_ceil(1_000)).unwrap_or(u64::MAX).min(LAST)
}

/// Returns where the reply to a call is kept, among as many as are recalled.
fn slot(verb: char, call: CallId) -> String {
    format!("{verb}{}", call.sequence % RECALLED_CALLS as u64)
}
