//! The read side.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension};

use super::super::bytes::{id_bytes, id_of, micros, time_of, worker_of};
use super::super::{note_record, options, statements as sql, worker_record};
use super::SqliteStore;
use super::fault::{Fault, Step};
use super::hold::{self, Hold};
use super::inbox::Weight;
use super::keys::Holder;
use super::prune::queues_of;
use super::tx::readable;
use super::{diagnose, list};
use crate::backend::{
    AuditEntry, Cursor, DEAD_AFTER, EventStream, Finding, Inspect, KeyWeight, LimitInfo, LimitStanding, Page,
    QueueInfo, Scanned, StoreError, WorkerInfo,
};
use crate::event::EventFilter;
use crate::job::{Envelope, Job, JobId, JobState, Name, Status};

#[async_trait]
impl Inspect for SqliteStore {
    async fn find(&self, queue: &Name, id: &JobId) -> Result<Option<Job>, StoreError> {
        let (space, queue, id) = (self.space, queue.clone(), id_bytes(id));
        self.engine
            .read(move |conn, _| match list::stands(conn, space, &queue)? {
                Some(stands) => find(conn, stands.queue, &id),
                None => Ok(None),
            })
            .await
    }

    async fn find_everywhere(&self, id: &JobId) -> Result<Vec<Job>, StoreError> {
        let (space, id) = (self.space, id_bytes(id));
        self.engine
            .read(move |conn, _| {
                let queues = queues_of(conn, space)?;
                let jobs = queues.iter().filter_map(|queue| find(conn, queue.queue, &id).transpose());
                jobs.collect()
            })
            .await
    }

    async fn list(&self, queue: &Name, state: JobState, page: Page) -> Result<Vec<Job>, StoreError> {
        let (space, queue) = (self.space, queue.clone());
        self.engine
            .read(move |conn, _| {
                let Some(stands) = list::stands(conn, space, &queue)? else { return Ok(Vec::new()) };
                let jobs = list::list(conn, stands.queue, state, page)?;
                jobs.into_iter().filter_map(|job| read(conn, job).transpose()).collect()
            })
            .await
    }

    async fn scan(
        &self,
        queue: &Name,
        state: JobState,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Scanned, StoreError> {
        let (space, queue) = (self.space, queue.clone());
        let after = after.map(|after| Ok::<_, StoreError>((after.part(0)?, after.part(1)?))).transpose()?;
        self.engine
            .read(move |conn, _| {
                let Some(stands) = list::stands(conn, space, &queue)? else {
                    return Ok(Scanned { jobs: Vec::new(), next: None });
                };
                let places = list::behind(conn, stands.queue, state, after, limit)?;
                let last = places.last().filter(|_| places.len() == limit);
                let next = last.map(|(rank, number, _)| Cursor::of(&[rank, number]));
                let jobs = places.iter().filter_map(|(.., job)| read(conn, *job).transpose());
                Ok(Scanned { jobs: jobs.collect::<Step<_>>()?, next })
            })
            .await
    }

    async fn dedup_owner(&self, queue: &Name, key: &str) -> Result<Option<JobId>, StoreError> {
        let (space, queue, key) = (self.space, queue.clone(), key.to_owned());
        self.engine
            .read(move |conn, now| {
                let Some(stands) = list::stands(conn, space, &queue)? else { return Ok(None) };
                Ok(Holder::find(conn, stands.queue, &key)?.and_then(|holder| holder.owner(now)))
            })
            .await
    }

    async fn queue(&self, queue: &Name) -> Result<QueueInfo, StoreError> {
        let (space, name) = (self.space, queue.clone());
        self.engine
            .read(move |conn, now| {
                let stands = list::stands(conn, space, &name)?;
                let oldest = match &stands {
                    Some(stands) => list::oldest_waiting(conn, stands.queue)?,
                    None => None,
                };
                let stands = stands.unwrap_or_default();
                Ok(QueueInfo {
                    name: name.clone(),
                    paused: stands.paused,
                    counts: stands.counts,
                    oldest_waiting: oldest.map(|due| now.since(due)),
                    enqueued: stands.enqueued,
                    ended: stands.ended,
                })
            })
            .await
    }

    async fn limits(&self, queue: &Name) -> Result<Vec<LimitInfo>, StoreError> {
        let (space, queue) = (self.space, queue.clone());
        self.engine
            .read(move |conn, _| match list::stands(conn, space, &queue)? {
                Some(stands) => Ok(hold::table(conn, stands.queue)?.infos()),
                None => Ok(Vec::new()),
            })
            .await
    }

    async fn key_weights(&self, queue: &Name) -> Result<Vec<KeyWeight>, StoreError> {
        let (space, queue) = (self.space, queue.clone());
        self.engine
            .read(move |conn, _| match list::stands(conn, space, &queue)? {
                Some(stands) => hold::key_weights(conn, stands.queue),
                None => Ok(Vec::new()),
            })
            .await
    }

    async fn held_by(
        &self,
        queue: &Name,
        task: &Name,
        key: Option<&str>,
    ) -> Result<Vec<LimitStanding>, StoreError> {
        let (space, queue, task) = (self.space, queue.clone(), task.clone());
        let key = key.map(ToOwned::to_owned);
        self.engine
            .read(move |conn, now| match list::stands(conn, space, &queue)? {
                Some(stands) => Hold::of(conn, stands.queue)?.standings(conn, &task, key.as_deref(), now),
                None => Ok(Vec::new()),
            })
            .await
    }

    async fn parked_keys(&self, queue: &Name) -> Result<u64, StoreError> {
        let (space, queue) = (self.space, queue.clone());
        self.engine
            .read(move |conn, now| match list::stands(conn, space, &queue)? {
                Some(stands) => {
                    let mut count = conn.prepare_cached(sql::LINES_PARKED)?;
                    let count = count.query_row((stands.queue, micros(now)), |row| row.get::<_, i64>(0))?;
                    Ok(count.unsigned_abs())
                }
                None => Ok(0),
            })
            .await
    }

    async fn queues(&self) -> Result<Vec<Name>, StoreError> {
        let space = self.space;
        self.engine
            .read(move |conn, _| {
                let used = queues_of(conn, space)?.into_iter().filter(|queue| queue.used);
                Ok(used.map(|queue| Name::from_stored(&queue.name)).collect())
            })
            .await
    }

    async fn workers(&self) -> Result<Vec<WorkerInfo>, StoreError> {
        let space = self.space;
        self.engine
            .read(move |conn, now| {
                let mut list = conn.prepare_cached(sql::WORKERS)?;
                let mut rows = list.query([space])?;
                let mut workers = Vec::new();
                while let Some(row) = rows.next()? {
                    let id = readable(worker_of(row.get_ref(0)?.as_blob()?), "a worker's id")?;
                    let (started_at, seen_at) = (time_of(row.get(1)?), time_of(row.get(2)?));
                    let info = worker_record::read(row.get_ref(3)?.as_str()?, id, started_at, seen_at)?;
                    workers.push(WorkerInfo { alive: now.since(seen_at) < DEAD_AFTER, ..info });
                }
                Ok(workers)
            })
            .await
    }

    async fn audit(&self, page: Page) -> Result<Vec<AuditEntry>, StoreError> {
        let space = self.space;
        let start = i64::try_from(page.start).unwrap_or(i64::MAX);
        let count = i64::try_from(page.end.saturating_sub(page.start)).unwrap_or(i64::MAX);
        self.engine
            .read(move |conn, _| {
                let mut list = conn.prepare_cached(sql::AUDIT_LIST)?;
                let mut rows = list.query([space, count, start])?;
                let mut entries = Vec::new();
                while let Some(row) = rows.next()? {
                    let entry: Option<AuditEntry> = serde_json::from_str(row.get_ref(3)?.as_str()?).ok();
                    let entry = readable(entry, "a record of an order")?;
                    let id = row.get::<_, Option<[u8; 16]>>(2)?.map_or(0, u128::from_be_bytes);
                    let (at, told_at) = (time_of(row.get(0)?), time_of(row.get(1)?));
                    entries.push(AuditEntry { id, at, told_at, ..entry });
                }
                Ok(entries)
            })
            .await
    }

    async fn diagnose(&self) -> Result<Vec<Finding>, StoreError> {
        let place = self.engine.place().clone();
        self.engine.read(move |conn, _| diagnose::look(conn, &place)).await
    }

    async fn subscribe(&self, filter: EventFilter) -> Result<EventStream, StoreError> {
        self.engine.listen()?;
        let (space, process) = (self.space, self.engine.process.clone());
        let engine = self.engine.clone();
        let stream = self.engine.write(Weight::urgent(1), move |tx| {
            if let Some(name) = process.socket.get()
                && !process.local.is_registered()
            {
                let added = tx.conn.prepare_cached(sql::LISTENER_ADD)?.execute([name])?;
                tx.shared.listeners += added as i64;
                tx.notices.registered = Some(true);
            }
            Ok(process.local.listen(space, filter.clone(), tx.shared.events))
        });
        let stream = stream.await?;
        // The store's threads live as long as somebody listens.
        Ok(Box::pin(futures_util::StreamExt::map(stream, move |heard| {
            let _store = &engine;
            heard
        })))
    }
}

fn find(conn: &Connection, queue: i64, id: &[u8]) -> Step<Option<Job>> {
    let mut find = conn.prepare_cached(sql::JOB_FIND)?;
    let job: Option<i64> = find.query_row((queue, id), |row| row.get(0)).optional()?;
    drop(find);
    job.map_or(Ok(None), |job| read(conn, job))
}

/// Reads all about a job.
fn read(conn: &Connection, job: i64) -> Step<Option<Job>> {
    let mut all = conn.prepare_cached(sql::JOB_READ)?;
    let mut rows = all.query([job])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let envelope = read_envelope(conn, job, row)?;
    let mut status = read_status(row)?;
    if row.get(17)? {
        read_notes(conn, job, &mut status)?;
    }
    Ok(Some(Job::new(Arc::new(envelope), status)))
}

fn read_envelope(conn: &Connection, job: i64, row: &rusqlite::Row<'_>) -> Step<Envelope> {
    let queue = Name::from_stored(row.get_ref(1)?.as_str()?);
    let id = readable(id_of(row.get_ref(2)?.as_blob()?), "a job's id")?;
    let task = Name::from_stored(row.get_ref(3)?.as_str()?);
    let args: Bytes = match row.get_ref(21)?.as_blob_or_null()? {
        Some(args) => Bytes::copy_from_slice(args),
        None => {
            let mut large = conn.prepare_cached(sql::PAYLOAD)?;
            large.query_row([job], |row| row.get::<_, Vec<u8>>(0))?.into()
        }
    };
    let mut envelope = Envelope::new(id, queue, task, args);
    (envelope.version, envelope.priority, envelope.max_attempts) = (row.get(4)?, row.get(6)?, row.get(9)?);
    if let Some(text) = row.get_ref(19)?.as_str_or_null()? {
        options::read(text, &mut envelope)?;
    }
    Ok(envelope)
}

fn read_status(row: &rusqlite::Row<'_>) -> Step<Status> {
    let state = readable(JobState::from_name(row.get_ref(5)?.as_str()?), "a job's state")?;
    let mut status = Status::new(state, time_of(row.get(10)?), time_of(row.get(11)?));
    (status.attempt, status.crashes) = (row.get(7)?, row.get(8)?);
    status.expires_at = row.get::<_, Option<i64>>(12)?.map(time_of);
    status.started_at = row.get::<_, Option<i64>>(13)?.map(time_of);
    status.finished_at = row.get::<_, Option<i64>>(14)?.map(time_of);
    status.worker = row.get_ref(15)?.as_blob_or_null()?.and_then(worker_of);
    let cancelling: bool = row.get(16)?;
    if !cancelling {
        status.set_reason(row.get(18)?);
    }
    status.result = row.get::<_, Option<Vec<u8>>>(20)?.map(Bytes::from);
    Ok(status)
}

fn read_notes(conn: &Connection, job: i64, status: &mut Status) -> Step<()> {
    let mut load = conn.prepare_cached(sql::NOTES_LOAD)?;
    let mut rows = load.query([job])?;
    let Some(row) = rows.next()? else { return Err(Fault::Unreadable("a note that is missing")) };
    if let Some(text) = row.get_ref(0)?.as_str_or_null()? {
        status.notes.errors = note_record::read_failures(text)?;
    }
    if let Some(text) = row.get_ref(1)?.as_str_or_null()? {
        status.notes.logs = note_record::read_lines(text)?;
    }
    if let Some(text) = row.get_ref(2)?.as_str_or_null()? {
        status.notes.progress = Some(note_record::read_progress(text)?);
    }
    Ok(())
}
