//! What goes wrong: drawn from the seed, inflicted, and written down.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::lab::chaos::Plan;
use crate::lab::chaos::arena::{Arena, StoreKind};
use crate::lab::chaos::crew::{Crew, PLACES};
use crate::lab::event::Event;
use crate::lab::load::{self, PAUSED};
use crate::lab::send::Sender;
use crate::lab::worker::LEASE;
use crate::servers::dice::Dice;
use crate::servers::proxy::{Mode, Proxy};
use crate::servers::redis_server::RedisServer;

/// How long it takes from one fault to the next, on average.
const EVERY: Duration = Duration::from_millis(4_200);

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Kill,
    Stop,
    Term,
    ServerKill,
    ServerRestart,
    ScriptFlush,
    ClientKill,
    Reset,
    HalfOpen,
    ReplyLoss,
    MidFrame,
    Delay,
    ClientPause,
    Memory,
    Poison,
    QueuePause,
    Lock,
}

/// How often each comes among 130 faults on Redis.
const ON_REDIS: [(Kind, usize); 16] = [
    (Kind::Kill, 25),
    (Kind::Stop, 12),
    (Kind::Term, 8),
    (Kind::ServerKill, 6),
    (Kind::ServerRestart, 3),
    (Kind::ScriptFlush, 8),
    (Kind::ClientKill, 12),
    (Kind::Reset, 10),
    (Kind::HalfOpen, 8),
    (Kind::ReplyLoss, 12),
    (Kind::MidFrame, 6),
    (Kind::Delay, 6),
    (Kind::ClientPause, 4),
    (Kind::Memory, 2),
    (Kind::Poison, 6),
    (Kind::QueuePause, 4),
];

/// How often each comes on SQLite, where there is no server and no connection.
const ON_SQLITE: [(Kind, usize); 6] = [
    (Kind::Kill, 30),
    (Kind::Stop, 14),
    (Kind::Term, 12),
    (Kind::Lock, 10),
    (Kind::Poison, 8),
    (Kind::QueuePause, 6),
];

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Kill => "kill",
            Self::Stop => "stop",
            Self::Term => "term",
            Self::ServerKill => "server-kill",
            Self::ServerRestart => "server-restart",
            Self::ScriptFlush => "script-flush",
            Self::ClientKill => "client-kill",
            Self::Reset => "reset",
            Self::HalfOpen => "half-open",
            Self::ReplyLoss => "reply-loss",
            Self::MidFrame => "mid-frame",
            Self::Delay => "delay",
            Self::ClientPause => "client-pause",
            Self::Memory => "memory",
            Self::Poison => "poison",
            Self::QueuePause => "queue-pause",
            Self::Lock => "lock",
        })
    }
}

/// A fault that is about to be inflicted.
pub(super) struct Next {
    pub(super) number: usize,
    pub(super) kind: Kind,
}

pub(super) struct Inflictor {
    arena: Arc<Arena>,
    crew: Arc<Crew>,
    sender: Sender,
    kinds: Vec<Kind>,
    /// Those that are still to come before all kinds come again.
    left: Vec<Kind>,
    number: usize,
    start: Instant,
}

impl Inflictor {
    pub(super) fn new(plan: &Plan, arena: Arc<Arena>, crew: Arc<Crew>, sender: Sender) -> Self {
        let all: &[(Kind, usize)] = match plan.store {
            StoreKind::Redis => &ON_REDIS,
            StoreKind::Sqlite => &ON_SQLITE,
        };
        let is_wanted = |kind: &Kind| plan.only.is_empty() || plan.only.contains(&kind.to_string());
        let kinds = all.iter().flat_map(|(kind, times)| vec![*kind; *times]).filter(is_wanted).collect();
        Self { arena, crew, sender, kinds, left: Vec::new(), number: 0, start: Instant::now() }
    }

    /// Draws the next fault; none if none is wanted.
    pub(super) fn next(&mut self, dice: &mut Dice) -> Option<Next> {
        if self.left.is_empty() {
            self.left.clone_from(&self.kinds);
        }
        if self.left.is_empty() {
            return None;
        }
        let place = usize::try_from(dice.below(self.left.len() as u64)).unwrap_or_default();
        self.number += 1;
        Some(Next { number: self.number, kind: self.left.swap_remove(place) })
    }

    /// Waits until it is time for the next one.
    pub(super) async fn rest(&self, start: Instant, until: Duration, dice: &mut Dice) {
        let due = EVERY * u32::try_from(self.number).unwrap_or(u32::MAX);
        let jitter = Duration::from_millis(dice.below(1_000));
        let left = until.saturating_sub(start.elapsed());
        tokio::time::sleep((due + jitter).saturating_sub(self.start.elapsed()).min(left)).await;
    }

    /// Lets it happen, and returns when it is over.
    pub(super) async fn inflict(&self, next: &Next, dice: &mut Dice) -> anyhow::Result<()> {
        let place = usize::try_from(dice.below(PLACES.len() as u64))?;
        let line = usize::try_from(dice.below(self.crew.proxies().len().max(1) as u64))?;
        let target = match next.kind {
            // Who is stopped on SQLite may hold the file, and everybody up.
            Kind::Stop if self.arena.server().is_err() => String::new(),
            Kind::Kill | Kind::Stop | Kind::Term => PLACES[place].to_owned(),
            Kind::Reset | Kind::HalfOpen | Kind::ReplyLoss | Kind::MidFrame | Kind::Delay => {
                PLACES.get(line).map_or_else(|| "producer".to_owned(), ToString::to_string)
            }
            _ => String::new(),
        };
        let (fault, kind) = (next.number, next.kind.to_string());
        self.sender.journal.note(Event::FaultBegins { fault, kind, target });
        let time = Duration::from_millis(50 + dice.below(750));
        match next.kind {
            Kind::Kill => self.end(place, Signal::SIGKILL).await?,
            Kind::Term => self.end(place, Signal::SIGTERM).await?,
            Kind::Stop => self.freeze(place, dice).await?,
            Kind::Poison => self.poison(fault, dice).await?,
            Kind::QueuePause => self.pause(time).await,
            Kind::Lock => self.lock(time * 4).await?,
            Kind::Reset | Kind::HalfOpen | Kind::ReplyLoss | Kind::MidFrame | Kind::Delay => {
                self.disturb(next.kind, &self.crew.proxies()[line], time).await;
            }
            _ => self.disturb_server(next.kind, time, dice).await?,
        }
        self.sender.journal.note(Event::FaultEnds { fault });
        if next.kind == Kind::HalfOpen {
            // Whoever has not noticed by then never will; what has opened another connection keeps it.
            tokio::time::sleep(Duration::from_secs(4)).await;
            self.crew.proxies()[line].heal();
        }
        Ok(())
    }

    async fn end(&self, place: usize, signal: Signal) -> anyhow::Result<()> {
        let process = self.crew.process(place);
        self.crew.send(place, signal)?;
        self.crew.replaced(place, process).await
    }

    /// Stops a process for longer than its lease.
    async fn freeze(&self, place: usize, dice: &mut Dice) -> anyhow::Result<()> {
        self.crew.send(place, Signal::SIGSTOP)?;
        tokio::time::sleep(LEASE.mul_f64(1.5 + dice.below(1_500) as f64 / 1e3)).await;
        self.crew.send(place, Signal::SIGCONT)
    }

    /// Lets a job come that takes its processes with it, and waits until it is given up.
    async fn poison(&self, fault: usize, dice: &mut Dice) -> anyhow::Result<()> {
        let id = format!("poison-{fault}");
        self.sender.send(vec![load::poison(dice, id.clone())]).await;
        let queue = self.sender.client.queue(load::WORK);
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let job = queue.get_job(&id).await;
            if matches!(&job, Ok(Some(job)) if job.state() == asyncmq::JobState::Failed) {
                return Ok(());
            }
            anyhow::ensure!(Instant::now() < deadline, "a job that kills is not given up: {job:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Pauses a queue for a while.
    async fn pause(&self, time: Duration) {
        self.sender.order("pause", PAUSED, "").await;
        tokio::time::sleep(time * 2).await;
        self.sender.order("resume", PAUSED, "").await;
    }

    async fn lock(&self, time: Duration) -> anyhow::Result<()> {
        let arena = self.arena.clone();
        tokio::task::spawn_blocking(move || arena.hold_lock(time)).await?
    }

    async fn disturb(&self, kind: Kind, proxy: &Proxy, time: Duration) {
        match kind {
            Kind::Delay => {
                proxy.delay(time);
                tokio::time::sleep(time * 3).await;
                proxy.delay(Duration::ZERO);
            }
            Kind::ReplyLoss => {
                proxy.set(Mode::SwallowReplies);
                tokio::time::sleep(time / 2).await;
                proxy.heal();
            }
            Kind::HalfOpen => {
                // Those that there are say nothing any more; new ones are sound.
                proxy.set_new(Mode::Pass);
                proxy.set(Mode::Swallow);
            }
            Kind::MidFrame => proxy.halve_next(),
            _ => proxy.cut(),
        }
    }

    async fn disturb_server(&self, kind: Kind, time: Duration, dice: &mut Dice) -> anyhow::Result<()> {
        let server = self.arena.server()?.clone();
        match kind {
            Kind::ServerKill | Kind::ServerRestart => {
                let down = Duration::from_secs([1, 1, 2, 5][usize::try_from(dice.below(4))?]);
                let is_kill = kind == Kind::ServerKill;
                tokio::task::spawn_blocking(move || restart(&server, is_kill, down)).await?;
            }
            Kind::ScriptFlush => server.order::<()>(&["SCRIPT", "FLUSH"]),
            Kind::ClientKill => kill_clients(&server, dice),
            Kind::ClientPause => {
                server.order::<()>(&["CLIENT", "PAUSE", &(time * 4).as_millis().to_string(), "ALL"]);
                tokio::time::sleep(time * 4).await;
            }
            _ => {
                server.order::<()>(&["CONFIG", "SET", "maxmemory", "1"]);
                tokio::time::sleep(time * 2).await;
                server.order::<()>(&["CONFIG", "SET", "maxmemory", "0"]);
            }
        }
        Ok(())
    }
}

/// Ends the server, by force or in order, and starts it again after a while.
fn restart(server: &RedisServer, is_kill: bool, down: Duration) {
    if !is_kill && let Ok(client) = redis::Client::open(server.url()) {
        // It says nothing when it obeys.
        let _ =
            client.get_connection().and_then(|mut connection| redis::cmd("SHUTDOWN").exec(&mut connection));
    }
    server.kill();
    std::thread::sleep(down);
    server.revive();
}

/// Closes all connections, those that listen, or one of the others.
fn kill_clients(server: &RedisServer, dice: &mut Dice) {
    let mut admin = server.admin();
    let list: String =
        redis::cmd("CLIENT").arg("LIST").arg("TYPE").arg("normal").query(&mut admin).unwrap_or_default();
    let ids: Vec<&str> =
        list.lines().filter_map(|line| line.strip_prefix("id=")?.split(' ').next()).collect();
    let mut kill = redis::cmd("CLIENT");
    kill.arg("KILL");
    match dice.below(3) {
        0 => kill.arg("TYPE").arg("normal"),
        1 => kill.arg("TYPE").arg("pubsub"),
        _ => kill.arg("ID").arg(ids[usize::try_from(dice.below(ids.len() as u64)).unwrap_or_default()]),
    };
    // The order's own connection may be the one.
    let _: Result<i64, _> = kill.query(&mut admin);
}
