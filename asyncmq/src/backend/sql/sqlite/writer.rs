//! The one writer of this process: a thread that carries out what has gathered in one transaction, and answers after
//! its commit.

use std::fs::File;
use std::sync::Arc;

use rusqlite::Connection;

use super::super::bytes::time_of;
use super::checkpoint::{self, Checkpointer};
use super::fault::{Fault, Step};
use super::file::{self, Place, Synchronous};
use super::inbox::{Inbox, Item};
use super::listeners::LocalListeners;
use super::names::Names;
use super::process_state::ProcessState;
use super::sync::Syncer;
use super::tx::{Notices, Shared, Tx};
use super::wakeup_message::WakeupMessage;

/// The log of a file, and the threads that do what waits for the disk.
struct Log {
    file: Arc<File>,
    /// Absent when nothing has to survive a power cut.
    syncer: Option<Syncer>,
    checkpointer: Checkpointer,
}

/// The writer's side of a file.
pub(super) struct Writer {
    place: Place,
    synchronous: Synchronous,
    conn: Option<Connection>,
    /// What looks after the connection's log.
    log: Option<Log>,
    /// The right to write, in turn with the other processes.
    lock: Option<File>,
    names: Names,
    process: Arc<ProcessState>,
    /// Set once the file was found damaged: then it is left as it is.
    damage: Option<String>,
}

impl Writer {
    /// Opens the file, made when there is none.
    pub(super) fn open(place: Place, synchronous: Synchronous, process: Arc<ProcessState>) -> Step<Self> {
        let lock = place.file().map(open_lock).transpose()?;
        let mut writer = Self {
            place,
            synchronous,
            conn: None,
            log: None,
            lock,
            names: Names::default(),
            process,
            damage: None,
        };
        writer.connect(true).map_err(|fault| writer.worded(fault))?;
        Ok(writer)
    }

    /// Carries out what is handed in until the inbox is closed.
    pub(super) fn run(mut self, inbox: &Inbox) {
        while let Some(batch) = inbox.next_batch() {
            self.carry_out(batch, inbox);
        }
    }

    fn connect(&mut self, create: bool) -> Step<()> {
        if self.conn.is_none() {
            let lock = self.lock.as_ref().map(WriteLock::take).transpose()?;
            let conn = file::open_writer(&self.place, create)?;
            drop(lock);
            self.open_log()?;
            self.conn = Some(conn);
        }
        Ok(())
    }

    /// Opens the log for syncing, beside the connection that writes it.
    fn open_log(&mut self) -> Step<()> {
        let Some(path) = self.place.file() else { return Ok(()) };
        let file = Arc::new(File::options().write(true).open(file::log_path(path))?);
        match &mut self.log {
            Some(log) => log.file = file,
            None => {
                let syncer = (self.synchronous == Synchronous::Full).then(Syncer::start).transpose()?;
                let checkpointer = Checkpointer::start(path.to_owned())?;
                self.log = Some(Log { file, syncer, checkpointer });
            }
        }
        Ok(())
    }

    /// Carries steps out in one transaction. If one of them spoils it, each gets one of its own.
    fn carry_out(&mut self, mut batch: Vec<Item>, inbox: &Inbox) {
        match self.attempt(&mut batch) {
            Ok(notices) => {
                self.tell(notices, inbox);
                self.confirm(batch);
                self.after_commit();
            }
            Err(fault) if batch.len() == 1 || fault.is_of_all() => {
                let fault = self.worded(fault);
                for item in batch {
                    item.work.reply(Err(fault.again()));
                }
            }
            Err(_) => batch.into_iter().for_each(|item| self.carry_out(vec![item], inbox)),
        }
    }

    /// Answers steps that are committed: at once, or when they are on the disk.
    fn confirm(&self, batch: Vec<Item>) {
        let syncer = self.log.as_ref().and_then(|log| Some((log.syncer.as_ref()?, &log.file)));
        let mut durable = Vec::new();
        for item in batch {
            if item.weight.durable && syncer.is_some() {
                durable.push(item.work);
            } else {
                item.work.reply(Ok(()));
            }
        }
        if let Some((syncer, log)) = syncer
            && !durable.is_empty()
        {
            syncer.confirm(log.clone(), durable);
        }
    }

    fn after_commit(&mut self) {
        if let (Some(conn), Some(log)) = (&self.conn, &mut self.log)
            && let Err(fault) = log.checkpointer.after_commit(conn)
        {
            tracing::debug!(%fault, "cannot copy the log into the file yet");
        }
    }

    /// What a failed sync was about may never reach the disk by another one: then the log is copied into the file.
    fn recover(&self, conn: &Connection) -> Step<()> {
        let syncer = self.log.as_ref().and_then(|log| log.syncer.as_ref());
        if let Some(syncer) = syncer.filter(|syncer| syncer.has_failed()) {
            checkpoint::copy_all(conn)?;
            syncer.recover();
        }
        Ok(())
    }

    fn attempt(&mut self, batch: &mut [Item]) -> Step<Notices> {
        if let Some(damage) = &self.damage {
            return Err(Fault::Damaged(damage.clone()));
        }
        self.connect(false)?;
        let done = self.transact(batch);
        if let Err(fault) = &done {
            self.names.forget();
            if let Some(conn) = &self.conn
                && !conn.is_autocommit()
            {
                let _ = conn.execute_batch("ROLLBACK");
            }
            if fault.spoils_connection() && self.place != Place::Memory {
                self.conn = None;
            }
        }
        done
    }

    fn transact(&mut self, batch: &mut [Item]) -> Step<Notices> {
        let Some(conn) = &self.conn else { return Err(Fault::Closed) };
        self.recover(conn)?;
        let _lock = self.lock.as_ref().map(WriteLock::take).transpose()?;
        conn.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let before = Shared::read(conn)?;
        let now = self.process.time.now(time_of(before.now));
        let mut tx = Tx::new(conn, &mut self.names, &self.process.local, now, before);
        for item in batch {
            item.work.run(&mut tx)?;
            tx.flush()?;
        }
        let (notices, after) = tx.finish(before)?;
        commit(conn, &self.process.local, &notices, before)?;
        self.process.note(before, after);
        if let Some(registered) = notices.registered {
            self.process.local.register(registered);
        }
        Ok(notices)
    }

    /// Tells the others in this process and elsewhere what was committed.
    fn tell(&mut self, notices: Notices, inbox: &Inbox) {
        if notices.is_nothing() {
            return;
        }
        self.process.watchers.wake(&notices.wakes);
        self.process.watchers.tell_of_schedules(&notices.schedules);
        for (worker, token) in &notices.cancels {
            self.process.watchers.cancel(*worker, *token);
        }
        let message = WakeupMessage {
            wakes: notices.wakes,
            schedules: notices.schedules,
            cancels: notices.cancels,
            events: notices.kept_events,
            everything: false,
        };
        if !message.is_empty() {
            self.process.send(&message, inbox);
        }
    }

    /// Names the file in what is said of damage, and takes care that it is not touched any more.
    fn worded(&mut self, fault: Fault) -> Fault {
        if !fault.is_damage() {
            return fault;
        }
        let damaged = file::damaged(&self.place, &fault);
        self.damage = Some(damaged.to_string());
        self.conn = None;
        damaged
    }
}

/// Commits, and tells the listeners of this process what happened before anybody can tell them what happened later.
fn commit(conn: &Connection, local: &LocalListeners, notices: &Notices, before: Shared) -> Step<()> {
    let mut commit = conn.prepare_cached("COMMIT")?;
    if notices.events.is_empty() || !local.has_listeners() {
        commit.execute([])?;
        return Ok(());
    }
    let mut dispatch = local.dispatch();
    commit.execute([])?;
    if let Err(fault) = dispatch.tell(conn, before.events + 1, &notices.events) {
        tracing::warn!(%fault, "cannot read the events of other processes; listeners miss them");
    }
    Ok(())
}

fn open_lock(path: &std::path::Path) -> Step<File> {
    Ok(File::options().create(true).append(true).open(file::lock_path(path))?)
}

/// The right to write, for as long as this lives.
struct WriteLock<'a>(&'a File);

impl<'a> WriteLock<'a> {
    fn take(lock: &'a File) -> Step<Self> {
        lock.lock()?;
        Ok(Self(lock))
    }
}

impl Drop for WriteLock<'_> {
    fn drop(&mut self) {
        let _ = self.0.unlock();
    }
}
