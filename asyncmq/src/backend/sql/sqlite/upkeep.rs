//! The duties, and the list of workers.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use rusqlite::OptionalExtension;

use super::super::bytes::{micros, time_of, worker_of};
use super::super::{statements as sql, worker_record};
use super::SqliteStore;
use super::fault::Step;
use super::inbox::Weight;
use super::row::Row;
use super::tx::{Tx, readable};
use crate::backend::{StoreError, Upkeep, WorkerInfo};
use crate::event::{Event, EventData, EventKind};
use crate::job::{Failure, FailureKind, JobState, WorkerId};
use crate::lifecycle::{Limits, Transition, Verdict, after_crash};

/// The number of the latest claim of a worker that was struck off: whatever it claimed still arrives behind it.
const STRUCK_OFF: i64 = i64::MAX;
/// A rescue that was held up for longer judges nobody: whoever held the file held up all those too who wanted to extend their
/// leases, and they come behind it.
const HELD_UP: Duration = Duration::from_secs(1);
/// How long a silent worker stays in the list.
const LISTED_FOR: Duration = Duration::from_secs(300);

#[async_trait]
impl Upkeep for SqliteStore {
    async fn rescue(&self, max_crashes: u32, limit: usize) -> Result<usize, StoreError> {
        let (space, asked) = (self.space, Instant::now());
        self.engine
            .write(Weight::durable(limit), move |tx| match HELD_UP < asked.elapsed() {
                true => Ok(0),
                false => tx.rescue(space, max_crashes, limit),
            })
            .await
    }

    async fn expire(&self, limit: usize) -> Result<usize, StoreError> {
        let space = self.space;
        self.engine.write(Weight::durable(limit), move |tx| tx.expire(space, limit)).await
    }

    async fn prune(&self, limits: &Limits, limit: usize) -> Result<usize, StoreError> {
        let (space, limits, process) = (self.space, *limits, self.engine.process.clone());
        self.engine
            .write(Weight::durable(limit), move |tx| {
                tx.remove_dead_listeners(&process)?;
                tx.prune(space, &limits, limit)
            })
            .await
    }

    async fn register(&self, worker: &WorkerInfo, lease: Duration) -> Result<(), StoreError> {
        let (space, worker) = (self.space, worker.clone());
        self.engine.write(Weight::fleeting(1), move |tx| tx.register(space, &worker, lease)).await
    }

    async fn deregister(&self, worker: WorkerId) -> Result<(), StoreError> {
        let space = self.space;
        self.engine.write(Weight::durable(1), move |tx| tx.deregister(space, worker)).await
    }
}

impl Tx<'_> {
    fn expire(&mut self, space: i64, limit: usize) -> Step<usize> {
        let mut expired = 0;
        for queue in self.queues_of(space)? {
            let mut expiring = self.conn.prepare_cached(sql::EXPIRING)?;
            let columns = (queue.queue, micros(self.now), (limit - expired) as i64);
            let jobs = expiring.query_map(columns, |row| row.get(0))?;
            let jobs: Vec<i64> = jobs.collect::<Result<_, _>>()?;
            for job in jobs {
                let mut row = readable(self.load(job)?, "a place without its job")?;
                self.expire_job(&mut row)?;
                expired += 1;
            }
        }
        Ok(expired)
    }

    fn register(&mut self, space: i64, worker: &WorkerInfo, lease: Duration) -> Step<()> {
        let latest = self.renew(space, worker.id, self.now.after(lease))?;
        if latest.is_some_and(|(number, ..)| number == STRUCK_OFF) {
            return Ok(());
        }
        let id = worker.id.as_uuid().into_bytes();
        let mut find = self.conn.prepare_cached(sql::WORKER_FIND)?;
        let known: Option<i64> = find.query_row([id], |row| row.get(0)).optional()?;
        let (started_at, seen_at) = (known.unwrap_or(micros(self.now)), micros(self.now));
        let mut save = self.conn.prepare_cached(sql::WORKER_SAVE)?;
        save.execute((id, space, worker.draining, started_at, seen_at, worker_record::write(worker)?))?;
        if known.is_none() && self.has_listeners() {
            self.emit(space, Event::of_worker(EventKind::WorkerStarted, worker.id, self.now));
        }
        Ok(())
    }

    fn deregister(&mut self, space: i64, worker: WorkerId) -> Step<()> {
        for mut row in self.held(worker, usize::MAX)? {
            row.token = None;
            self.give_back(&mut row)?;
        }
        let worker_id = worker.as_uuid().into_bytes();
        let was_listed = self.conn.prepare_cached(sql::WORKER_DELETE)?.execute([worker_id])? != 0;
        self.conn.prepare_cached(sql::SESSION_STRIKE)?.execute((worker_id, space, micros(self.now)))?;
        if was_listed && self.has_listeners() {
            self.emit(space, Event::of_worker(EventKind::WorkerStopped, worker, self.now));
        }
        Ok(())
    }

    /// Forgets a worker.
    fn remove_worker(&mut self, worker: WorkerId) -> Step<()> {
        let worker = worker.as_uuid().into_bytes();
        self.conn.prepare_cached(sql::SESSION_DELETE)?.execute([worker])?;
        self.conn.prepare_cached(sql::WORKER_DELETE)?.execute([worker])?;
        Ok(())
    }

    /// Reads what a worker holds, in the order in which it was claimed.
    fn held(&mut self, worker: WorkerId, limit: usize) -> Step<Vec<Row>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut held = self.conn.prepare_cached(sql::HELD)?;
        let jobs = held.query_map((worker.as_uuid().into_bytes(), limit), |row| row.get(0))?;
        let jobs: Vec<i64> = jobs.collect::<Result<_, _>>()?;
        drop(held);
        jobs.into_iter().map(|job| readable(self.load(job)?, "a claim without its job")).collect()
    }

    /// Releases a job that a worker holds; one that somebody wanted cancelled is cancelled.
    fn give_back(&mut self, row: &mut Row) -> Step<()> {
        let cancel = row.cancel.take();
        let transition = cancel.map_or(Transition::Release, |reason| Transition::Cancel { reason });
        self.carry_out(row, transition)
    }

    fn rescue(&mut self, space: i64, max_crashes: u32, limit: usize) -> Step<usize> {
        let mut over = self.conn.prepare_cached(sql::SESSIONS_OVER)?;
        let dead = over.query_map((space, micros(self.now)), |row| {
            let draining: Option<bool> = row.get(1)?;
            Ok((worker_of(row.get_ref(0)?.as_blob()?), draining.unwrap_or_default()))
        })?;
        let dead: Vec<(Option<WorkerId>, bool)> = dead.collect::<Result<_, _>>()?;
        drop(over);
        let mut rescued = 0;
        for (worker, draining) in dead {
            let worker = readable(worker, "a worker's id")?;
            rescued += self.rescue_all(worker, draining, (max_crashes, limit - rescued))?;
        }
        self.remove_silent_workers(space)?;
        Ok(rescued)
    }

    /// Takes the jobs of a worker whose lease ran out, at most `limit`. Returns how many.
    ///
    /// Each keeps its token: should the worker be alive after all, it may still settle until somebody else claims the job.
    fn rescue_all(
        &mut self,
        worker: WorkerId,
        draining: bool,
        (max_crashes, limit): (u32, usize),
    ) -> Step<usize> {
        let held = self.held(worker, limit)?;
        let count = held.len();
        for mut row in held {
            if draining {
                self.give_back(&mut row)?;
            } else {
                self.rescue_job(&mut row, max_crashes)?;
            }
        }
        Ok(count)
    }

    fn rescue_job(&mut self, row: &mut Row, max_crashes: u32) -> Step<()> {
        if let Some(reason) = row.cancel.take() {
            return self.carry_out(row, Transition::Cancel { reason });
        }
        let is_suspect = self.is_suspect(row)?;
        let verdict = after_crash(row.status.crashes, is_suspect, max_crashes);
        (row.charged, row.suspect) = (true, Some(verdict == Verdict::Suspect));
        row.status.crashes = row.status.crashes.saturating_add(1);
        if verdict == Verdict::Quarantined {
            let message = format!("the worker died {} time(s) with this job in hand", row.status.crashes);
            let failure = Failure::new(row.status.attempt, FailureKind::Crash, message);
            return self.carry_out(row, Transition::Fail { failure });
        }
        row.status.attempt = row.status.attempt.saturating_sub(1);
        row.status.state = JobState::Waiting;
        self.emit_job(EventKind::Stalled, row, |_| EventData::None)?;
        self.save(row)
    }

    /// Forgets workers that have been silent for long and hold nothing.
    fn remove_silent_workers(&mut self, space: i64) -> Step<()> {
        let border = micros(self.now).saturating_sub(micros(time_of(0).after(LISTED_FOR)));
        let mut silent = self.conn.prepare_cached(sql::SESSIONS_SILENT)?;
        let workers = silent.query_map((space, border), |row| Ok(worker_of(row.get_ref(0)?.as_blob()?)))?;
        let workers: Vec<Option<WorkerId>> = workers.collect::<Result<_, _>>()?;
        drop(silent);
        for worker in workers.into_iter().flatten() {
            if self.held(worker, 1)?.is_empty() {
                self.remove_worker(worker)?;
            }
        }
        Ok(())
    }
}
