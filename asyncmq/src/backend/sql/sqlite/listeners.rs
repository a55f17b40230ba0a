//! Those in this process who listen to events, each told in the order in which the steps were committed,
//! whichever process carried them out. Without listeners nothing is built.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::HashMap;
use futures_util::StreamExt;
use futures_util::stream::unfold;
use rusqlite::Connection;
use tokio::sync::{broadcast, mpsc};

use super::super::{event_record, statements as sql};
use super::fault::Step;
use crate::backend::{EventStream, Heard};
use crate::event::{Event, EventFilter};
use crate::job::{JobId, Name};

/// How many events are kept for a listener that is slow.
const KEPT_EVENTS: usize = 8_192;
/// How many events of other processes are read at once.
const READ_AT_ONCE: i64 = 1_024;

type Subject = (Name, JobId);

/// The listeners of this process on one file.
#[derive(Debug, Default)]
pub(super) struct LocalListeners {
    count: AtomicUsize,
    /// Whether the file says that this process listens.
    registered: AtomicBool,
    heard: Mutex<Dispatch>,
}

/// All listeners, and how far they have heard.
#[derive(Debug, Default)]
pub(super) struct Dispatch {
    /// The number of the latest event that was told.
    cursor: i64,
    spaces: HashMap<i64, Emitter>,
}

#[derive(Debug)]
struct Emitter {
    all: broadcast::Sender<Heard>,
    /// Those that wait for one job, apart, so that a thousand waiting producers do not each read everything.
    of_jobs: HashMap<Subject, Vec<mpsc::UnboundedSender<Heard>>>,
}

impl LocalListeners {
    /// Tells whether anybody here listens.
    pub(super) fn has_listeners(&self) -> bool {
        self.count.load(Ordering::SeqCst) != 0
    }

    pub(super) fn is_registered(&self) -> bool {
        self.registered.load(Ordering::SeqCst)
    }

    /// Takes note of whether the file says that this process listens.
    pub(super) fn register(&self, registered: bool) {
        self.registered.store(registered, Ordering::SeqCst);
    }

    /// Tells whether any other process of the `listeners` listens.
    pub(super) fn others(&self, listeners: i64) -> bool {
        i64::from(self.is_registered()) < listeners
    }

    /// Locked from before a commit until its events are told, so that nobody tells later ones first.
    pub(super) fn dispatch(&self) -> MutexGuard<'_, Dispatch> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Listens from now on: what happens after event number `latest`.
    pub(super) fn listen(self: &Arc<Self>, space: i64, filter: EventFilter, latest: i64) -> EventStream {
        let mut dispatch = self.dispatch();
        if self.count.fetch_add(1, Ordering::SeqCst) == 0 {
            dispatch.cursor = latest;
        }
        let emitter = dispatch.spaces.entry(space).or_insert_with(Emitter::new);
        let guard = Listening { local: self.clone(), space, subject: filter.wanted_job().cloned() };
        match filter.wanted_job().cloned() {
            Some(subject) => {
                let (sender, receiver) = mpsc::unbounded_channel();
                emitter.of_jobs.entry(subject).or_default().push(sender);
                one_job(receiver, guard, filter)
            }
            None => everything(emitter.all.subscribe(), guard, filter),
        }
    }

    /// Tells what other processes did since the last time.
    pub(super) fn catch_up(&self, conn: &Connection) -> Step<()> {
        if !self.has_listeners() {
            return Ok(());
        }
        let mut dispatch = self.dispatch();
        while dispatch.read(conn, i64::MAX)? {}
        Ok(())
    }
}

impl Dispatch {
    /// Tells what other processes did before event number `first`, and then these events.
    pub(super) fn tell(&mut self, conn: &Connection, first: i64, events: &[(i64, Event)]) -> Step<()> {
        while self.cursor + 1 < first && self.read(conn, first)? {}
        self.skip_to(first - 1);
        for (space, event) in events {
            self.emit(*space, event);
        }
        self.cursor = self.cursor.max(first - 1 + events.len() as i64);
        Ok(())
    }

    /// Reads some events of other processes that lie before `border`; false if there are no more.
    fn read(&mut self, conn: &Connection, border: i64) -> Step<bool> {
        let mut after = conn.prepare_cached(sql::EVENTS_AFTER)?;
        let mut rows = after.query([self.cursor, READ_AT_ONCE])?;
        let mut some = false;
        while let Some(row) = rows.next()? {
            let (number, space): (i64, i64) = (row.get(0)?, row.get(1)?);
            if border <= number {
                return Ok(false);
            }
            self.skip_to(number - 1);
            if let Some(event) = event_record::read(row.get_ref(2)?.as_str().unwrap_or_default()) {
                self.emit(space, &event);
            }
            self.cursor = number;
            some = true;
        }
        Ok(some)
    }

    /// What lies between was dropped before it could be read.
    fn skip_to(&mut self, number: i64) {
        let missed = number - self.cursor;
        if 0 < missed {
            for emitter in self.spaces.values() {
                emitter.tell_all(&Heard::Missed(missed.unsigned_abs()));
            }
            self.cursor = number;
        }
    }

    fn emit(&self, space: i64, event: &Event) {
        if let Some(emitter) = self.spaces.get(&space) {
            emitter.tell(event);
        }
    }
}

impl Emitter {
    fn new() -> Self {
        Self { all: broadcast::Sender::new(KEPT_EVENTS), of_jobs: HashMap::default() }
    }

    fn tell(&self, event: &Event) {
        let heard = || Heard::Event(Box::new(event.clone()));
        if !self.of_jobs.is_empty()
            && let (Some(queue), Some(id)) = (event.queue(), event.job_id())
            && let Some(listeners) = self.of_jobs.get(&(Name::from_stored(queue), id.clone()))
        {
            for listener in listeners {
                let _ = listener.send(heard());
            }
        }
        if self.all.receiver_count() != 0 {
            let _ = self.all.send(heard());
        }
    }

    fn tell_all(&self, heard: &Heard) {
        for listener in self.of_jobs.values().flatten() {
            let _ = listener.send(heard.clone());
        }
        let _ = self.all.send(heard.clone());
    }
}

fn everything(events: broadcast::Receiver<Heard>, guard: Listening, filter: EventFilter) -> EventStream {
    let all = unfold((events, guard), |(mut events, guard)| async move {
        let heard = match events.recv().await {
            Ok(heard) => heard,
            Err(broadcast::error::RecvError::Lagged(count)) => Heard::Missed(count),
            Err(broadcast::error::RecvError::Closed) => return None,
        };
        Some((heard, (events, guard)))
    });
    wanted(all, filter)
}

fn one_job(events: mpsc::UnboundedReceiver<Heard>, guard: Listening, filter: EventFilter) -> EventStream {
    let all = unfold((events, guard), |(mut events, guard)| async move {
        let heard = events.recv().await?;
        Some((heard, (events, guard)))
    });
    wanted(all, filter)
}

fn wanted(all: impl futures_core::Stream<Item = Heard> + Send + 'static, filter: EventFilter) -> EventStream {
    Box::pin(all.filter(move |heard| {
        let wants = match heard {
            Heard::Event(event) => filter.wants(event),
            Heard::Missed(_) => true,
        };
        std::future::ready(wants)
    }))
}

/// Ends a subscription when its stream is dropped.
struct Listening {
    local: Arc<LocalListeners>,
    space: i64,
    subject: Option<Subject>,
}

impl Drop for Listening {
    fn drop(&mut self) {
        let mut dispatch = self.local.dispatch();
        self.local.count.fetch_sub(1, Ordering::SeqCst);
        let Some(emitter) = dispatch.spaces.get_mut(&self.space) else { return };
        if let Some(subject) = &self.subject
            && let Some(listeners) = emitter.of_jobs.get_mut(subject)
        {
            listeners.retain(|listener| !listener.is_closed());
            if listeners.is_empty() {
                emitter.of_jobs.remove(subject);
            }
        }
    }
}
