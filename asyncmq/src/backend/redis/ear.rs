//! The connection that listens: wake-ups, cancellations and events come over it, and nothing else is asked of it.
//!
//! It is opened with the first listener and opened again whenever it fails. Whoever listens is then told that something
//! may have been missed: workers look for themselves, and so do those who wait for a job.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use redis::{PushInfo, PushKind, RedisResult, Value};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout};

use super::link::{Connection, no_answer, open};
use super::settings::Settings;
use crate::backend::Pause;
use crate::seeded::{Bug, is_seeded};

/// How often the other side is asked whether it is still there.
const ASK_EVERY: Duration = Duration::from_secs(2);
/// How long it may take to answer that.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// How long whoever wants to listen waits for the connection.
const OPEN_WITHIN: Duration = Duration::from_secs(5);

/// What somebody hears on a channel.
#[derive(Debug, Clone, Copy)]
pub(super) enum Sound<'a> {
    Message(&'a [u8]),
    /// The connection was opened anew: messages may have been missed.
    Gap,
}

/// Somebody who listens to channels, for as long as he lives.
pub(super) trait Hearer: Send + Sync {
    fn hear(&self, channel: &[u8], sound: Sound<'_>);
}

/// Who listens to which channel.
type Channels = HashMap<Vec<u8>, Vec<Weak<dyn Hearer>>>;

/// The connection that listens.
pub(super) struct Ear {
    settings: Arc<Settings>,
    channels: Mutex<Channels>,
    /// The connection, and which one in a row it is.
    open: watch::Sender<Option<(u64, OpenConnection)>>,
    running: Mutex<bool>,
    /// A server that has become a replica goes on speaking, but may miss what its master says: another is looked for.
    demotions: watch::Receiver<u64>,
}

#[derive(Clone)]
struct OpenConnection(Connection);

impl Ear {
    pub(super) fn new(settings: Arc<Settings>, demotions: watch::Receiver<u64>) -> Self {
        let (channels, running) = Default::default();
        Self { settings, channels, open: watch::Sender::new(None), running, demotions }
    }

    fn channels(&self) -> MutexGuard<'_, Channels> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets somebody hear what comes on these channels after this has returned.
    pub(super) async fn join(
        self: &Arc<Self>,
        channels: &[Vec<u8>],
        hearer: &Arc<dyn Hearer>,
    ) -> RedisResult<()> {
        {
            let mut known = self.channels();
            for channel in channels {
                let hearers = known.entry(channel.clone()).or_default();
                hearers.retain(|other| other.strong_count() != 0);
                // Who listens twice must not hear twice.
                if !hearers.iter().any(|other| std::ptr::addr_eq(other.as_ptr(), Arc::as_ptr(hearer))) {
                    hearers.push(Arc::downgrade(hearer));
                }
            }
        }
        self.start();
        let mut opened = self.open.subscribe();
        let join = async {
            loop {
                let found = opened.wait_for(Option::is_some).await.ok().and_then(|open| open.clone());
                let Some((number, mut connection)) = found else { return Err(no_answer()) };
                match connection.0.subscribe(channels).await {
                    Ok(()) => return Ok(()),
                    Err(error) => {
                        // The next connection subscribes to all channels by itself.
                        let is_next = |open: &Option<(u64, OpenConnection)>| {
                            open.as_ref().is_some_and(|open| open.0 != number)
                        };
                        if opened.wait_for(is_next).await.is_err() {
                            return Err(error);
                        }
                    }
                }
            }
        };
        timeout(OPEN_WITHIN, join).await.unwrap_or_else(|_| Err(no_answer()))
    }

    /// Starts to listen in the runtime of the caller, unless somebody does already.
    fn start(self: &Arc<Self>) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if !*running {
            *running = true;
            let (running, demotions) = (Running(Arc::downgrade(self)), self.demotions.clone());
            tokio::spawn(listen(running, self.settings.clone(), demotions));
        }
    }

    fn pass_on(&self, channel: &[u8], sound: Sound<'_>) {
        let hearers: Vec<_> = match self.channels().get(channel) {
            Some(hearers) => hearers.iter().filter_map(Weak::upgrade).collect(),
            None => return,
        };
        for hearer in hearers {
            hearer.hear(channel, sound);
        }
    }

    fn tell_of_gap(&self) {
        let channels: Vec<_> = self.channels().keys().cloned().collect();
        for channel in channels {
            self.pass_on(&channel, Sound::Gap);
        }
    }

    /// Forgets channels that nobody listens to any more, and returns them.
    fn deserted(&self) -> Vec<Vec<u8>> {
        let mut deserted = Vec::new();
        self.channels().retain(|channel, hearers| {
            hearers.retain(|hearer| hearer.strong_count() != 0);
            if hearers.is_empty() {
                deserted.push(channel.clone());
            }
            !hearers.is_empty()
        });
        deserted
    }
}

/// The task that listens; should its runtime go, the next listener starts another.
struct Running(Weak<Ear>);

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(ear) = self.0.upgrade() {
            ear.open.send_replace(None);
            *ear.running.lock().unwrap_or_else(PoisonError::into_inner) = false;
        }
    }
}

/// Opens a connection, listens until it fails, and does so again, for as long as the store lives.
async fn listen(running: Running, settings: Arc<Settings>, mut demotions: watch::Receiver<u64>) {
    let mut pause = Pause::new();
    for number in 0.. {
        let (pushes, mut heard) = mpsc::unbounded_channel();
        demotions.mark_unchanged();
        match open_with(&running.0, &settings, pushes).await {
            Ok(Some(connection)) => {
                let Some(ear) = running.0.upgrade() else { return };
                ear.open.send_replace(Some((number, OpenConnection(connection.clone()))));
                if number != 0 {
                    ear.tell_of_gap();
                }
                drop(ear);
                let since = Instant::now();
                let error = tokio::select! {
                    error = hear(&running.0, connection, &mut heard) => error,
                    Ok(()) = demotions.changed() => "its server has become a replica".into(),
                };
                let Some(ear) = running.0.upgrade() else { return };
                ear.open.send_replace(None);
                tracing::warn!(
                    reason = error,
                    "the connection for wake-ups and events was lost; opening another"
                );
                if Duration::from_secs(5) < since.elapsed() {
                    pause = Pause::new();
                }
            }
            Ok(None) => return,
            Err(error) => {
                tracing::debug!(%error, "the connection for wake-ups and events cannot be opened yet")
            }
        }
        if running.0.strong_count() == 0 {
            return;
        }
        if is_seeded(Bug::DeafAfterCut) && number == 0 {
            std::future::pending::<()>().await;
        }
        pause.wait().await;
    }
}

/// Opens a connection and subscribes to all channels; nothing if the store has gone.
async fn open_with(
    ear: &Weak<Ear>,
    settings: &Settings,
    pushes: super::link::Pushes,
) -> RedisResult<Option<Connection>> {
    let mut connection = open(settings, Some(pushes)).await?;
    let Some(ear) = ear.upgrade() else { return Ok(None) };
    let channels: Vec<_> = ear.channels().keys().cloned().collect();
    for some in channels.chunks(500) {
        timeout(settings.deadline, connection.subscribe(some)).await.map_err(|_| no_answer())??;
    }
    Ok(Some(connection))
}

/// Passes on what is heard until the connection fails; returns why it did.
async fn hear(
    ear: &Weak<Ear>,
    mut connection: Connection,
    heard: &mut mpsc::UnboundedReceiver<PushInfo>,
) -> String {
    let mut ask = tokio::time::interval_at(Instant::now() + ASK_EVERY, ASK_EVERY);
    ask.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let asked = connection.clone();
    let ping = redis::cmd("PING");
    let mut answer =
        std::pin::pin!(futures_util::future::Either::Left(std::future::pending::<RedisResult<()>>()));
    loop {
        tokio::select! {
            push = heard.recv() => match push {
                Some(push) => {
                    let Some(ear) = ear.upgrade() else { return "the store has gone".into() };
                    if !take(&ear, push) {
                        return "the server closed it".into();
                    }
                }
                None => return "it ended".into(),
            },
            answered = answer.as_mut() => match answered {
                Ok(()) => answer.set(futures_util::future::Either::Left(std::future::pending())),
                Err(error) => return error.to_string(),
            },
            _ = ask.tick() => {
                let Some(ear) = ear.upgrade() else { return "the store has gone".into() };
                let deserted = ear.deserted();
                if !deserted.is_empty() && connection.unsubscribe(&deserted).await.is_err() {
                    return "it does not answer".into();
                }
                let mut asked = asked.clone();
                let ping = ping.clone();
                answer.set(futures_util::future::Either::Right(Box::pin(async move {
                    timeout(ANSWER_WITHIN, asked.send(&ping)).await.map_err(|_| no_answer())?.map(|_| ())
                })));
            }
        }
    }
}

/// Passes one message on; tells whether the connection is still there.
fn take(ear: &Ear, push: PushInfo) -> bool {
    match push.kind {
        PushKind::Disconnection => return false,
        PushKind::Message | PushKind::PMessage => {
            let mut data = push.data.into_iter().rev();
            if let (Some(Value::BulkString(message)), Some(Value::BulkString(channel))) =
                (data.next(), data.next())
            {
                ear.pass_on(&channel, Sound::Message(&message));
            }
        }
        _ => {}
    }
    true
}
