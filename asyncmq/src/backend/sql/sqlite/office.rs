//! What the writer, the letterbox and the verbs of one file share in this process.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::super::statements as sql;
use super::ears::Ears;
use super::file::Place;
use super::inbox::{Inbox, Weight};
use super::letter::Letter;
use super::post::Postman;
use super::step::Shared;
use super::time::FileTime;
use super::watch::Watchers;

/// The time, those who listen and wait here, and the way to the other processes.
pub(super) struct Office {
    pub(super) time: FileTime,
    pub(super) ears: Arc<Ears>,
    pub(super) watchers: Watchers,
    postman: Option<Mutex<Postman>>,
    /// The name of this process's letterbox, once it has one.
    pub(super) letterbox: OnceLock<String>,
    /// The latest number that this process has given, and whether others gave some before it.
    known: AtomicI64,
    foreign: AtomicBool,
}

impl Office {
    pub(super) fn new(place: &Place, time: FileTime) -> Self {
        let postman = place.file().and_then(|file| Postman::new(file).ok()).map(Mutex::new);
        Self {
            time,
            ears: Arc::default(),
            watchers: Watchers::default(),
            postman,
            letterbox: OnceLock::new(),
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
    pub(super) fn send(&self, letter: &Letter, inbox: &Inbox) {
        let Some(postman) = &self.postman else { return };
        let own = self.letterbox.get().map(String::as_str);
        let dead = postman.lock().unwrap_or_else(PoisonError::into_inner).send(&letter.write(), own);
        for name in dead {
            strike(inbox, name);
        }
    }

    /// Lists the letterboxes of all processes; `None` where there are none.
    pub(super) fn letterboxes(&self) -> Option<Vec<String>> {
        let postman = self.postman.as_ref()?;
        Some(postman.lock().unwrap_or_else(PoisonError::into_inner).names())
    }
}

/// Takes note that a process has died which may have listened.
pub(super) fn strike(inbox: &Inbox, name: String) {
    drop(inbox.submit(Weight::fleeting(1), move |tx| {
        let struck = tx.conn.prepare_cached(sql::LISTENER_DELETE)?.execute([&name])?;
        tx.shared.listeners -= struck as i64;
        Ok(())
    }));
}
