//! What the writer, the socket and the verbs of one file share in this process.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::super::statements as sql;
use super::file::Place;
use super::inbox::{Inbox, Weight};
use super::listeners::LocalListeners;
use super::time::FileTime;
use super::tx::Shared;
use super::wakeup::WakeupSender;
use super::wakeup_message::WakeupMessage;
use super::watch::Watchers;

/// The time, those who listen and wait here, and the way to the other processes.
pub(super) struct ProcessState {
    pub(super) time: FileTime,
    pub(super) local: Arc<LocalListeners>,
    pub(super) watchers: Watchers,
    wakeup_sender: Option<Mutex<WakeupSender>>,
    /// The name of this process's socket, once it has one.
    pub(super) socket: OnceLock<String>,
    /// The latest number that this process has given, and whether others gave some before it.
    known: AtomicI64,
    foreign: AtomicBool,
}

impl ProcessState {
    pub(super) fn new(place: &Place, time: FileTime) -> Self {
        let wakeup_sender = place.file().and_then(|file| WakeupSender::new(file).ok()).map(Mutex::new);
        Self {
            time,
            local: Arc::default(),
            watchers: Watchers::default(),
            wakeup_sender,
            socket: OnceLock::new(),
            known: AtomicI64::new(0),
            foreign: AtomicBool::new(false),
        }
    }

    /// Takes note of a step of this process's own.
    pub(super) fn note(&self, before: Shared, after: Shared) {
        if self.known.swap(after.numbers, Ordering::SeqCst) != before.numbers {
            self.foreign.store(true, Ordering::SeqCst);
        }
    }

    /// Tells whether other processes did something since the last time.
    pub(super) fn has_foreign(&self, now: Shared) -> bool {
        let unknown = self.known.swap(now.numbers, Ordering::SeqCst) != now.numbers;
        self.foreign.swap(false, Ordering::SeqCst) | unknown
    }

    /// Writes to the other processes.
    pub(super) fn send(&self, message: &WakeupMessage, inbox: &Inbox) {
        let Some(wakeup_sender) = &self.wakeup_sender else { return };
        let own = self.socket.get().map(String::as_str);
        let dead = wakeup_sender.lock().unwrap_or_else(PoisonError::into_inner).send(&message.write(), own);
        for name in dead {
            remove_listener(inbox, name);
        }
    }

    /// Lists the sockets of all processes; `None` where there are none.
    pub(super) fn sockets(&self) -> Option<Vec<String>> {
        let wakeup_sender = self.wakeup_sender.as_ref()?;
        Some(wakeup_sender.lock().unwrap_or_else(PoisonError::into_inner).names())
    }
}

/// Takes note that a process has died which may have listened.
pub(super) fn remove_listener(inbox: &Inbox, name: String) {
    drop(inbox.submit(Weight::fleeting(1), move |tx| {
        let removed = tx.conn.prepare_cached(sql::LISTENER_DELETE)?.execute([&name])?;
        tx.shared.listeners -= removed as i64;
        Ok(())
    }));
}
