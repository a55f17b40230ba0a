//! Deduplication keys: who holds one, who waits behind it, and until when a window runs.
//!
//! What becomes of a job is decided in `lifecycle`; a job without a key never comes here.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Statement};

use super::super::bytes::{id_bytes, id_of, micros, time_of};
use super::super::statements as sql;
use super::fault::Step;
use super::row::Row;
use super::tx::{Tx, readable};
use crate::backend::Pushed;
use crate::clock::Timestamp;
use crate::event::{EventData, EventKind};
use crate::job::{DedupKey, Envelope, JobId, JobState, Name};
use crate::lifecycle::{Arrival, Held, Owner, Release, arrive, enter, held_until, release, unblock};

/// Who holds a key.
#[derive(Debug, Clone)]
pub(super) struct Holder {
    id: JobId,
    task: Name,
    /// The owner until it has ended.
    job: Option<i64>,
    until: Option<Timestamp>,
    /// The job that is blocked until the owner has ended.
    next: Option<i64>,
}

impl Holder {
    pub(super) fn find(conn: &Connection, queue: i64, key: &str) -> Step<Option<Self>> {
        let mut find = conn.prepare_cached(sql::KEY_FIND)?;
        let found = find.query_row((queue, key), |row| {
            let (id, task): (Vec<u8>, String) = (row.get(0)?, row.get(1)?);
            let until = row.get::<_, Option<i64>>(3)?.map(time_of);
            Ok((id, task, row.get(2)?, until, row.get(4)?))
        });
        let Some((id, task, job, until, next)) = found.optional()? else { return Ok(None) };
        let (id, task) = (readable(id_of(&id), "a job's id")?, Name::from_stored(&task));
        Ok(Some(Self { id, task, job, until, next }))
    }

    /// Returns who holds the key, if it is held at `now`.
    pub(super) fn owner(self, now: Timestamp) -> Option<JobId> {
        let owner = if self.job.is_some() { Owner::Waiting } else { Owner::Ended };
        let held = Held { owner, until: self.until, has_next: self.next.is_some() };
        held.holds(now).then_some(self.id)
    }
}

impl Tx<'_> {
    fn holder(&self, queue: i64, key: &str) -> Step<Option<Holder>> {
        Holder::find(self.conn, queue, key)
    }

    fn standing(&mut self, holder: &Holder) -> Step<Held> {
        let row = holder.job.map_or(Ok(None), |job| self.load(job))?;
        let owner = row.map_or(Owner::Ended, |row| Owner::of(&row.status));
        Ok(Held { owner, until: holder.until, has_next: holder.next.is_some() })
    }

    fn put_key(&self, queue: i64, key: &str, holder: &Holder) -> Step<()> {
        let Holder { id, task, job, until, next } = holder;
        let columns = (queue, key, id_bytes(id), task.as_str(), job, until.map(micros), next);
        self.conn.prepare_cached(sql::KEY_SAVE)?.execute(columns)?;
        Ok(())
    }

    fn drop_key(&self, queue: i64, key: &str) -> Step<()> {
        self.conn.prepare_cached(sql::KEY_DELETE)?.execute((queue, key))?;
        Ok(())
    }

    /// Takes in a job that has a key, or leaves it out.
    pub(super) fn push_keyed(
        &mut self,
        add: &mut Statement<'_>,
        envelope: &Arc<Envelope>,
        key: &DedupKey,
        (queue, lane): (i64, i64),
    ) -> Step<Pushed> {
        if let Some(kept) = self.meet(queue, &id_bytes(&envelope.id))? {
            return Ok(kept);
        }
        let holder = self.holder(queue, &key.key)?;
        let arrival = match &holder {
            Some(holder) => arrive(key.mode, &self.standing(holder)?, holder.task == envelope.task, self.now),
            None => Arrival::Enter,
        };
        let replaced = holder.as_ref().and_then(|holder| match arrival {
            Arrival::Replace => holder.job,
            Arrival::ReplaceNext => holder.next,
            _ => None,
        });
        let gone = replaced.map(|job| self.debounce(job, key, envelope)).transpose()?;
        let mut status = enter(envelope, self.now);
        match (arrival, holder) {
            (Arrival::Duplicate | Arrival::Extend, Some(holder)) => {
                return self.leave_out(queue, envelope, key, (holder, arrival));
            }
            (Arrival::Block | Arrival::ReplaceNext, Some(holder)) => {
                status.state = JobState::Blocked;
                let job = self.add_job(add, envelope, (queue, lane), &status)?;
                self.put_key(queue, &key.key, &Holder { next: job, ..holder })?;
            }
            (_, holder) => {
                let job = self.add_job(add, envelope, (queue, lane), &status)?;
                self.own((queue, job), envelope, holder.and_then(|holder| holder.next))?;
                // Only now: it may end with a parent at once, and frees its key then.
                job.map_or(Ok(()), |job| self.link_if_it_waits(job, envelope))?;
            }
        }
        Ok(gone.map_or(Pushed::Added, |id| Pushed::Debounced { id }))
    }

    fn leave_out(
        &mut self,
        queue: i64,
        envelope: &Arc<Envelope>,
        key: &DedupKey,
        (holder, arrival): (Holder, Arrival),
    ) -> Step<Pushed> {
        let data = || EventData::Dedup { key: key.key.to_string(), job: holder.id.clone() };
        self.emit_envelope(EventKind::Deduplicated, envelope, (queue, 0, None), data)?;
        let (id, task) = (holder.id.clone(), holder.task.clone());
        if arrival == Arrival::Extend {
            let until = held_until(key.mode, self.now);
            self.put_key(queue, &key.key, &Holder { until, ..holder })?;
        }
        Ok(Pushed::Deduplicated { id, task })
    }

    /// Removes a job that has not started, as another one takes its place.
    fn debounce(&mut self, job: i64, key: &DedupKey, by: &Envelope) -> Step<JobId> {
        let row = readable(self.load(job)?, "a key without its job")?;
        let id = self.envelope(&row)?.id;
        let data = EventData::Dedup { key: key.key.to_string(), job: by.id.clone() };
        self.emit_job(EventKind::Debounced, &row, |_| data)?;
        self.count_ended(row.queue);
        if row.kin {
            self.note_end(&row)?;
        }
        self.erase(&row)?;
        self.tell_children()?;
        Ok(id)
    }

    /// Makes a job the owner of its key; `next` stays blocked behind it.
    fn own(&mut self, (queue, job): (i64, Option<i64>), envelope: &Envelope, next: Option<i64>) -> Step<()> {
        let Some(key) = envelope.dedup() else { return Ok(()) };
        let until = held_until(key.mode, self.now);
        let (id, task) = (envelope.id.clone(), envelope.task.clone());
        self.put_key(queue, &key.key, &Holder { id, task, job, until, next })
    }

    /// Makes a job that begins anew the owner of its key, if nobody holds it.
    pub(super) fn own_if_free(&mut self, row: &Row, envelope: &Envelope) -> Step<()> {
        let Some(key) = envelope.dedup() else { return Ok(()) };
        let holder = self.holder(row.queue, &key.key)?;
        if holder.and_then(|holder| holder.owner(self.now)).is_some() {
            return Ok(());
        }
        self.own((row.queue, Some(row.job)), envelope, None)
    }

    /// Frees the key of a job that ends or is removed: whoever is blocked behind it is the owner from now on.
    pub(super) fn free_key(&mut self, row: &Row) -> Step<()> {
        let envelope = self.envelope(row)?;
        let Some(DedupKey { key, .. }) = envelope.dedup() else { return Ok(()) };
        let Some(holder) = self.holder(row.queue, key)? else { return Ok(()) };
        if holder.next == Some(row.job) {
            return self.put_key(row.queue, key, &Holder { next: None, ..holder });
        }
        if holder.job != Some(row.job) {
            return Ok(());
        }
        match release(holder.next, holder.until, self.now) {
            Release::Next(next) => {
                let next = self.unblock(next)?;
                let envelope = self.envelope(&next)?;
                self.own((row.queue, Some(next.job)), &envelope, None)
            }
            Release::Keep => self.put_key(row.queue, key, &Holder { job: None, ..holder }),
            Release::Free => self.drop_key(row.queue, key),
        }
    }

    /// Lets a job wait that was blocked, behind the others.
    pub(super) fn unblock(&mut self, job: i64) -> Step<Row> {
        let mut row = readable(self.load(job)?, "a key without its job")?;
        unblock(&mut row.status, self.now);
        self.renumber(&mut row);
        self.save(&mut row)?;
        self.emit_job(EventKind::Ready, &row, |_| EventData::None)?;
        Ok(row)
    }

    /// Frees a key, whoever holds it. Returns whether somebody did.
    pub(super) fn free_dedup_key(&mut self, queue: i64, key: &str) -> Step<bool> {
        let Some(holder) = self.holder(queue, key)? else { return Ok(false) };
        self.drop_key(queue, key)?;
        if let Some(next) = holder.next {
            self.unblock(next)?;
        }
        Ok(holder.owner(self.now).is_some())
    }

    /// Clears windows away that are over, as many as are left to do.
    pub(super) fn prune_keys(&mut self, queue: i64, left: &mut usize) -> Step<()> {
        let mut over = self.conn.prepare_cached(sql::KEYS_OVER)?;
        let most = i64::try_from(*left).unwrap_or(i64::MAX);
        let keys = over.query_map((queue, micros(self.now), most), |row| row.get(0))?;
        let keys: Vec<String> = keys.collect::<Result<_, _>>()?;
        drop(over);
        *left -= keys.len();
        for key in keys {
            match self.holder(queue, &key)?.filter(|holder| holder.next.is_some()) {
                // Somebody waits for the owner, which holds the key until it has ended.
                Some(holder) => self.put_key(queue, &key, &Holder { until: None, ..holder })?,
                None => self.drop_key(queue, &key)?,
            }
        }
        Ok(())
    }
}
