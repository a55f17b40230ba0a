//! The one writer of this process: a thread that carries out what has gathered in one transaction, and answers after
//! its commit.

use std::fs::File;
use std::sync::Arc;

use rusqlite::Connection;

use super::super::bytes::time_of;
use super::ears::Ears;
use super::fault::{Fault, Step};
use super::file::{self, Place, Synchronous};
use super::inbox::{Inbox, Item};
use super::letter::Letter;
use super::names::Names;
use super::office::Office;
use super::step::{Shared, Told, Tx};

/// The writer's side of a file.
pub(super) struct Writer {
    place: Place,
    synchronous: Synchronous,
    conn: Option<Connection>,
    /// How commits of this connection are made at the moment.
    on_disk: bool,
    /// The right to write, in turn with the other processes.
    gate: Option<File>,
    names: Names,
    office: Arc<Office>,
    /// Set once the file was found damaged: then it is left as it is.
    damage: Option<String>,
}

impl Writer {
    /// Opens the file, made when there is none.
    pub(super) fn open(place: Place, synchronous: Synchronous, office: Arc<Office>) -> Step<Self> {
        let gate = place.file().map(open_gate).transpose()?;
        let mut writer = Self {
            place,
            synchronous,
            conn: None,
            on_disk: true,
            gate,
            names: Names::default(),
            office,
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
            let _turn = self.gate.as_ref().map(Turn::take).transpose()?;
            self.conn = Some(file::open_writer(&self.place, create)?);
            self.on_disk = true;
        }
        Ok(())
    }

    /// Carries steps out in one transaction. If one of them spoils it, each gets one of its own.
    fn carry_out(&mut self, mut batch: Vec<Item>, inbox: &Inbox) {
        match self.attempt(&mut batch) {
            Ok(told) => {
                for item in batch {
                    item.work.reply(Ok(()));
                }
                self.tell(told, inbox);
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

    fn attempt(&mut self, batch: &mut [Item]) -> Step<Told> {
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

    fn transact(&mut self, batch: &mut [Item]) -> Step<Told> {
        let Some(conn) = &self.conn else { return Err(Fault::Closed) };
        let durable = batch.iter().any(|item| item.weight.durable);
        let on_disk = durable && self.synchronous == Synchronous::Full;
        if on_disk != self.on_disk {
            conn.pragma_update(None, "synchronous", if on_disk { "FULL" } else { "NORMAL" })?;
            self.on_disk = on_disk;
        }
        let _turn = self.gate.as_ref().map(Turn::take).transpose()?;
        conn.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let before = Shared::read(conn)?;
        let now = self.office.time.now(time_of(before.now));
        let mut tx = Tx::new(conn, &mut self.names, &self.office.ears, now, before);
        for item in batch {
            item.work.run(&mut tx)?;
            tx.flush()?;
        }
        let (told, after) = tx.finish(before)?;
        commit(conn, &self.office.ears, &told, before)?;
        self.office.note(before, after);
        if let Some(registered) = told.registered {
            self.office.ears.register(registered);
        }
        Ok(told)
    }

    /// Tells the others in this process and elsewhere what was committed.
    fn tell(&mut self, told: Told, inbox: &Inbox) {
        if told.is_nothing() {
            return;
        }
        self.office.watchers.wake(&told.wakes);
        for (worker, token) in &told.cancels {
            self.office.watchers.cancel(*worker, *token);
        }
        let letter =
            Letter { wakes: told.wakes, cancels: told.cancels, events: told.kept_events, everything: false };
        if !letter.is_empty() {
            self.office.send(&letter, inbox);
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
fn commit(conn: &Connection, ears: &Ears, told: &Told, before: Shared) -> Step<()> {
    let mut commit = conn.prepare_cached("COMMIT")?;
    if told.events.is_empty() || !ears.is_heard() {
        commit.execute([])?;
        return Ok(());
    }
    let mut hall = ears.hall();
    commit.execute([])?;
    if let Err(fault) = hall.tell(conn, before.events + 1, &told.events) {
        tracing::warn!(%fault, "cannot read the events of other processes; listeners miss them");
    }
    Ok(())
}

fn open_gate(path: &std::path::Path) -> Step<File> {
    Ok(File::options().create(true).append(true).open(file::gate_path(path))?)
}

/// The right to write, for as long as this lives.
struct Turn<'a>(&'a File);

impl<'a> Turn<'a> {
    fn take(gate: &'a File) -> Step<Self> {
        gate.lock()?;
        Ok(Self(gate))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let _ = self.0.unlock();
    }
}
