//! One file in this process: its writer, its readers, its socket. All stores on the file share it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use rusqlite::Connection;

use super::super::statements as sql;
use super::fault::{Fault, Step};
use super::file::{self, Place, Synchronous};
use super::inbox::{Inbox, Weight};
use super::process_state::{ProcessState, remove_listener};
use super::time::FileTime;
use super::tx::{Shared, Tx};
use super::wakeup::WakeupSocket;
use super::wakeup_message::WakeupMessage;
use super::writer::Writer;
use crate::backend::StoreError;
use crate::clock::{Clock, Timestamp};

/// How many idle connections for reading are kept.
const IDLE_READERS: usize = 4;
/// After how many looks without a listener the other processes are told that nobody listens here.
const UNREGISTER_AFTER: u32 = 20;
/// How long a process that could not set up a socket waits between two looks.
const POLL_WITHOUT_SOCKET: Duration = Duration::from_millis(50);

/// The files that are open in this process.
static OPEN: Mutex<Vec<(PathBuf, Synchronous, Weak<Engine>)>> = Mutex::new(Vec::new());

/// One file, open.
pub(super) struct Engine {
    place: Place,
    inbox: Arc<Inbox>,
    pub(super) process: Arc<ProcessState>,
    readers: Mutex<Vec<Connection>>,
    is_listening: AtomicBool,
}

impl Engine {
    /// Opens a place, or returns what this process has open already.
    pub(super) fn open(place: Place, synchronous: Synchronous, clock: Option<Clock>) -> Step<Arc<Self>> {
        file::check(&place)?;
        let (Some(path), None) = (place.file(), &clock) else { return Self::new(place, synchronous, clock) };
        let path = file::absolute(path)?;
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|(_, _, engine)| engine.strong_count() != 0);
        let same = |(other, how, _): &&(PathBuf, Synchronous, _)| *other == path && *how == synchronous;
        if let Some(engine) = open.iter().find(same).and_then(|(_, _, engine)| engine.upgrade()) {
            return Ok(engine);
        }
        let engine = Self::new(Place::File(path.clone()), synchronous, None)?;
        open.push((path, synchronous, Arc::downgrade(&engine)));
        Ok(engine)
    }

    fn new(place: Place, synchronous: Synchronous, clock: Option<Clock>) -> Step<Arc<Self>> {
        let process = Arc::new(ProcessState::new(&place, FileTime::new(clock)));
        let writer = Writer::open(place.clone(), synchronous, process.clone())?;
        let inbox = Arc::new(Inbox::default());
        let waiting = inbox.clone();
        thread::Builder::new().name("asyncmq-sqlite".into()).spawn(move || writer.run(&waiting))?;
        let (readers, is_listening) = (Mutex::default(), AtomicBool::new(false));
        Ok(Arc::new(Self { place, inbox, process, readers, is_listening }))
    }

    /// Carries a step out in the next transaction, and returns what it returned once that is committed.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        weight: Weight,
        work: impl FnMut(&mut Tx<'_>) -> Step<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let reply = self.inbox.submit(weight, work);
        reply.await.unwrap_or_else(|_| Err(Fault::Closed.into()))
    }

    /// Reads, on a connection of its own where there can be several.
    pub(super) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        mut work: impl FnMut(&Connection, Timestamp) -> Step<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        if self.place == Place::Memory {
            return self.write(Weight::urgent(1), move |tx| work(tx.conn, tx.now)).await;
        }
        let engine = self.clone();
        let read = tokio::task::spawn_blocking(move || engine.read_now(work));
        read.await.unwrap_or_else(|_| Err(Fault::Closed)).map_err(Into::into)
    }

    fn read_now<T>(&self, mut work: impl FnMut(&Connection, Timestamp) -> Step<T>) -> Step<T> {
        let idle = self.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let conn = match (idle, self.place.file()) {
            (Some(conn), _) => conn,
            (None, Some(path)) => file::open_reader(path)?,
            (None, None) => return Err(Fault::Closed),
        };
        let now = self.process.time.now(Timestamp::default());
        let answer = in_one_view(&conn, |conn| work(conn, now));
        match &answer {
            Err(fault) if fault.is_damage() => return Err(file::damaged(&self.place, fault)),
            Err(_) => return answer,
            Ok(_) => {}
        }
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        if readers.len() < IDLE_READERS {
            readers.push(conn);
        }
        answer
    }

    /// Reads outside of any transaction, on a connection of its own.
    pub(super) async fn read_apart<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Connection) -> Step<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let engine = self.clone();
        let read = tokio::task::spawn_blocking(move || match engine.place.file() {
            Some(path) => work(&file::open_reader(path)?),
            None => Err(Fault::Refused("a store in memory has no file")),
        });
        read.await.unwrap_or_else(|_| Err(Fault::Closed)).map_err(Into::into)
    }

    /// Makes sure that messages of other processes are read.
    pub(super) fn listen(self: &Arc<Self>) -> Result<(), StoreError> {
        let Some(path) = self.place.file() else { return Ok(()) };
        if self.is_listening.swap(true, Ordering::SeqCst) {
            return Ok(());
        }
        let reading = Reading::start(self, path).map_err(StoreError::from)?;
        let spawned = thread::Builder::new().name("asyncmq-wake".into()).spawn(move || reading.run());
        spawned.map(drop).map_err(StoreError::unanswered)
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if self.process.local.is_registered()
            && let Some(name) = self.process.socket.get()
        {
            remove_listener(&self.inbox, name.clone());
        }
        self.inbox.close();
    }
}

/// Reads several tables as they stood at one time.
fn in_one_view<T>(conn: &Connection, work: impl FnOnce(&Connection) -> Step<T>) -> Step<T> {
    let view = conn.unchecked_transaction()?;
    let answer = work(conn)?;
    view.commit()?;
    Ok(answer)
}

/// The thread that reads this process's messages, and looks for itself should some be lost.
struct Reading {
    engine: Weak<Engine>,
    process: Arc<ProcessState>,
    socket: Option<WakeupSocket>,
    conn: Connection,
    idle_polls: u32,
}

impl Reading {
    fn start(engine: &Arc<Engine>, path: &Path) -> Step<Self> {
        let conn = file::open_reader(path)?;
        let socket = match WakeupSocket::open(path) {
            Ok(socket) => Some(socket),
            Err(error) => {
                tracing::warn!(%error, "no socket can be set up beside the file; this process looks for itself");
                None
            }
        };
        let process = engine.process.clone();
        let name = socket.as_ref().map(WakeupSocket::name);
        let _ = process.socket.set(name.unwrap_or_else(|| uuid::Uuid::now_v7().simple().to_string()));
        let engine = Arc::downgrade(engine);
        Ok(Self { engine, process, socket, conn, idle_polls: 0 })
    }

    fn run(mut self) {
        while self.engine.strong_count() != 0 {
            let mut message = WakeupMessage::default();
            message.everything = self.wait(&mut message);
            if message.is_empty() || message.everything {
                message.everything = self.look();
            }
            self.handle(&message);
            self.unregister_if_idle();
        }
    }

    /// Waits for messages. Returns whether some may be missing.
    fn wait(&self, message: &mut WakeupMessage) -> bool {
        let Some(socket) = &self.socket else {
            thread::sleep(POLL_WITHOUT_SOCKET);
            return true;
        };
        match socket.wait(|bytes| message.read(bytes)) {
            Ok(full) => full || message.everything,
            Err(error) => {
                tracing::warn!(%error, "cannot read messages of other processes");
                thread::sleep(POLL_WITHOUT_SOCKET);
                true
            }
        }
    }

    /// Looks whether other processes did something.
    fn look(&self) -> bool {
        match Shared::read(&self.conn) {
            Ok(shared) => self.process.has_foreign(shared),
            Err(fault) => {
                tracing::debug!(%fault, "cannot look whether the file has changed");
                false
            }
        }
    }

    fn handle(&self, message: &WakeupMessage) {
        if message.everything {
            self.process.watchers.wake_all();
        } else {
            self.process.watchers.wake(&message.wakes);
            self.process.watchers.tell_of_schedules(&message.schedules);
        }
        for (worker, token) in &message.cancels {
            self.process.watchers.cancel(*worker, *token);
        }
        if let Err(fault) = self.process.local.catch_up(&self.conn) {
            tracing::debug!(%fault, "cannot read events yet");
        }
    }

    /// When nobody has listened for a while, the other processes need not keep events for this one.
    fn unregister_if_idle(&mut self) {
        let local = &self.process.local;
        if local.has_listeners() || !local.is_registered() {
            self.idle_polls = 0;
            return;
        }
        self.idle_polls += 1;
        if self.idle_polls < UNREGISTER_AFTER {
            return;
        }
        self.idle_polls = 0;
        let (Some(engine), Some(name)) = (self.engine.upgrade(), self.process.socket.get().cloned()) else {
            return;
        };
        drop(engine.inbox.submit(Weight::fleeting(1), move |tx| {
            if !tx.local.has_listeners() {
                let removed = tx.conn.prepare_cached(sql::LISTENER_DELETE)?.execute([&name])?;
                tx.shared.listeners -= removed as i64;
                tx.notices.registered = Some(false);
            }
            Ok(())
        }));
    }
}
