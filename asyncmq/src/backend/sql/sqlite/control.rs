//! The operator's side.

use async_trait::async_trait;

use super::super::bytes::{id_bytes, micros, token_of};
use super::super::statements as sql;
use super::SqliteStore;
use super::fault::Step;
use super::inbox::Weight;
use super::list;
use super::row::Row;
use super::tx::{Tx, readable};
use crate::backend::{AuditEntry, Control, Drain, Force, KEPT_ENTRIES, Ordered, StoreError};
use crate::clock::Timestamp;
use crate::event::{Event, EventData, EventKind};
use crate::job::{JobId, JobState, Limit, LimitScope, LimitSource, Name};
use crate::lifecycle::{expiry, is_legal};

#[async_trait]
impl Control for SqliteStore {
    async fn pause(&self, queue: &Name) -> Result<bool, StoreError> {
        self.set_paused(queue, true).await
    }

    async fn resume(&self, queue: &Name) -> Result<bool, StoreError> {
        self.set_paused(queue, false).await
    }

    async fn cancel(&self, queue: &Name, id: &JobId, reason: Option<&str>) -> Result<Ordered, StoreError> {
        let reason = reason.map(ToOwned::to_owned);
        self.order(queue, id, move |tx, row| tx.cancel(row, reason.as_deref())).await
    }

    async fn retry(&self, queue: &Name, id: &JobId) -> Result<Ordered, StoreError> {
        self.order(queue, id, |tx, row| tx.retry(row)).await
    }

    async fn remove(&self, queue: &Name, id: &JobId) -> Result<Ordered, StoreError> {
        self.order(queue, id, |tx, row| match row.status.state {
            JobState::Active => Ok(Ordered::Refused(JobState::Active)),
            _ => tx.forget(row).map(|()| Ordered::Done),
        })
        .await
    }

    async fn promote(&self, queue: &Name, id: &JobId) -> Result<Ordered, StoreError> {
        self.order(queue, id, |tx, row| tx.promote(row)).await
    }

    async fn free_dedup_key(&self, queue: &Name, key: &str) -> Result<bool, StoreError> {
        let (space, queue, key) = (self.space, queue.clone(), key.to_owned());
        self.engine
            .write(Weight::durable(1), move |tx| match tx.find_queue(space, &queue)? {
                Some(queue) => tx.free_dedup_key(queue, &key),
                None => Ok(false),
            })
            .await
    }

    async fn drain(&self, queue: &Name, which: Drain, limit: usize) -> Result<usize, StoreError> {
        let states: &'static [JobState] = match which {
            Drain::Waiting => &[JobState::Waiting],
            Drain::WaitingAndDelayed => &[JobState::Waiting, JobState::Delayed],
        };
        self.remove_some(queue, states, Timestamp::from_micros(u64::MAX), limit).await
    }

    async fn clean(
        &self,
        queue: &Name,
        of: JobState,
        before: Timestamp,
        limit: usize,
    ) -> Result<usize, StoreError> {
        let states = JobState::ALL.iter().position(|state| *state == of && of != JobState::Active);
        let Some(place) = states else { return Ok(0) };
        self.remove_some(queue, &JobState::ALL[place..=place], before, limit).await
    }

    async fn obliterate(
        &self,
        queue: &Name,
        force: Force,
        limit: usize,
    ) -> Result<Result<usize, u64>, StoreError> {
        let (space, queue) = (self.space, queue.clone());
        self.engine
            .write(Weight::durable(limit), move |tx| match tx.find_queue(space, &queue)? {
                Some(known) => tx.obliterate(space, known, force, limit),
                None => Ok(Ok(0)),
            })
            .await
    }

    async fn set_limits(
        &self,
        queue: &Name,
        source: LimitSource,
        limits: &[(LimitScope, Option<Limit>)],
    ) -> Result<bool, StoreError> {
        let (space, queue, limits) = (self.space, queue.clone(), limits.to_vec());
        self.engine.write(Weight::durable(1), move |tx| tx.set_limits(space, &queue, source, &limits)).await
    }

    async fn set_key_weight(
        &self,
        queue: &Name,
        task: &Name,
        key: &str,
        weight: u32,
    ) -> Result<bool, StoreError> {
        let (space, queue, task, key) = (self.space, queue.clone(), task.clone(), key.to_owned());
        let order = move |tx: &mut Tx<'_>| tx.set_key_weight((space, &queue), (&task, &key), weight);
        self.engine.write(Weight::durable(1), order).await?
    }

    async fn record(&self, entry: &AuditEntry) -> Result<(), StoreError> {
        let (space, ordered) = (self.space, entry.id.to_be_bytes());
        let data = serde_json::to_string(entry).map_err(StoreError::refused)?;
        self.engine
            .write(Weight::durable(1), move |tx| {
                let (number, at) = (tx.number(), micros(tx.now));
                tx.conn.prepare_cached(sql::AUDIT_ADD)?.execute((number, space, at, ordered, &data))?;
                tx.conn.prepare_cached(sql::AUDIT_TRIM)?.execute((space, KEPT_ENTRIES as i64))?;
                Ok(())
            })
            .await
    }

    async fn now(&self) -> Result<Timestamp, StoreError> {
        self.engine.write(Weight::urgent(1), |tx| Ok(tx.now)).await
    }
}

impl SqliteStore {
    async fn set_paused(&self, queue: &Name, paused: bool) -> Result<bool, StoreError> {
        let (space, queue) = (self.space, queue.clone());
        self.engine.write(Weight::durable(1), move |tx| tx.set_paused(space, &queue, paused)).await
    }

    /// Carries out an order about one job.
    async fn order(
        &self,
        queue: &Name,
        id: &JobId,
        mut order: impl FnMut(&mut Tx<'_>, &mut Row) -> Step<Ordered> + Send + 'static,
    ) -> Result<Ordered, StoreError> {
        let (space, queue, id) = (self.space, queue.clone(), id_bytes(id));
        self.engine
            .write(Weight::durable(1), move |tx| match tx.find(space, &queue, &id)? {
                Some(mut row) => order(tx, &mut row),
                None => Ok(Ordered::Missing),
            })
            .await
    }

    async fn remove_some(
        &self,
        queue: &Name,
        states: &'static [JobState],
        before: Timestamp,
        limit: usize,
    ) -> Result<usize, StoreError> {
        let (space, queue) = (self.space, queue.clone());
        self.engine
            .write(Weight::durable(limit), move |tx| {
                let Some(queue) = tx.find_queue(space, &queue)? else { return Ok(0) };
                let mut removed = 0;
                for state in states {
                    for job in list::older(tx.conn, queue, *state, before, limit - removed)? {
                        let row = readable(tx.load(job)?, "a place without its job")?;
                        // Another one's removal may have ended it.
                        if row.status.state == *state {
                            tx.forget(&row)?;
                            removed += 1;
                        }
                    }
                }
                Ok(removed)
            })
            .await
    }
}

impl Tx<'_> {
    fn set_paused(&mut self, space: i64, name: &Name, paused: bool) -> Step<bool> {
        let queue = self.queue(space, name)?;
        self.conn.prepare_cached(sql::QUEUE_USE)?.execute([queue])?;
        let changed = self.conn.prepare_cached(sql::QUEUE_PAUSE)?.execute((paused, queue))? != 0;
        if changed {
            // Other processes that miss the message see that a number was given.
            self.number();
            self.wake(queue);
            if self.has_listeners() {
                let kind = if paused { EventKind::QueuePaused } else { EventKind::QueueResumed };
                self.emit(space, Event::of_queue(kind, name.clone(), self.now));
            }
        }
        Ok(changed)
    }

    pub(super) fn cancel(&mut self, row: &mut Row, reason: Option<&str>) -> Step<Ordered> {
        let state = row.status.state;
        if state == JobState::Active {
            self.conn.prepare_cached(sql::JOB_CANCELLING)?.execute((reason, row.job))?;
            self.tell_holder(row);
            return Ok(Ordered::Requested);
        }
        if !is_legal(state, JobState::Cancelled) {
            return Ok(Ordered::Refused(state));
        }
        row.status.state = JobState::Cancelled;
        row.status.finished_at = Some(self.now);
        row.status.set_reason(reason.map(Into::into));
        self.emit_job(EventKind::Cancelled, row, |status| {
            status.notes.reason.clone().map_or(EventData::None, EventData::Reason)
        })?;
        self.retire(row, crate::job::Retention::Standard)?;
        Ok(Ordered::Done)
    }

    /// Tells the worker that holds a job that somebody wants it back.
    fn tell_holder(&mut self, row: &Row) {
        let token = row.token.as_deref().and_then(|fence| token_of(fence, row.job));
        if let (Some(worker), Some(token)) = (row.status.worker, token) {
            self.notices.cancels.push((worker, token));
        }
    }

    fn retry(&mut self, row: &mut Row) -> Step<Ordered> {
        let state = row.status.state;
        if !(state.is_terminal() && is_legal(state, JobState::Waiting)) {
            return Ok(Ordered::Refused(state));
        }
        let envelope = self.envelope(row)?;
        self.load_notes(row)?;
        Self::unretire(row);
        row.suspect = Some(false);
        let status = &mut row.status;
        let waits = !envelope.extras().parents.is_empty();
        status.state = if waits { JobState::Blocked } else { JobState::Waiting };
        (status.attempt, status.crashes) = (0, 0);
        (status.finished_at, status.started_at) = (None, None);
        status.clear_outcome();
        status.run_at = self.now;
        status.expires_at = expiry(&envelope, self.now);
        self.save_notes(row)?;
        self.renumber(row);
        self.save(row)?;
        self.own_if_free(row, &envelope)?;
        self.emit_job(EventKind::Enqueued, row, |_| EventData::None)?;
        if waits {
            self.link(row.job, &envelope)?;
        }
        Ok(Ordered::Done)
    }

    fn promote(&mut self, row: &mut Row) -> Step<Ordered> {
        if row.status.state != JobState::Delayed {
            return Ok(Ordered::Refused(row.status.state));
        }
        row.status.state = JobState::Waiting;
        row.status.run_at = self.now;
        if row.status.expires_at.is_some() {
            row.status.expires_at = expiry(&self.envelope(row)?, self.now);
        }
        self.renumber(row);
        self.save(row)?;
        Ok(Ordered::Done)
    }

    fn obliterate(&mut self, space: i64, queue: i64, force: Force, limit: usize) -> Step<Result<usize, u64>> {
        let (_, name) = self.queue_name(queue)?;
        let active = list::stands(self.conn, space, &name)?.map_or(0, |stands| stands.counts.active);
        if force == Force::RefuseActive && active != 0 {
            return Ok(Err(active));
        }
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let jobs = list::jobs(self.conn, sql::LIST_ANY, (queue, limit))?;
        for job in &jobs {
            let row = readable(self.load(*job)?, "an id without its job")?;
            if row.status.state == JobState::Active {
                self.tell_holder(&row);
            }
            self.forget(&row)?;
        }
        self.flush()?;
        if list::jobs(self.conn, sql::LIST_ANY, (queue, 1))?.is_empty() {
            for statement in [
                sql::KEYS_CLEAR,
                sql::SCHEDULES_DELETE,
                sql::QUEUE_UNUSE,
                sql::LINES_DELETE,
                sql::LIMITS_DELETE,
                sql::STARTS_DELETE_ALL,
                sql::WEIGHTS_DELETE,
            ] {
                self.conn.prepare_cached(statement)?.execute([queue])?;
            }
        }
        Ok(Ok(jobs.len()))
    }
}
