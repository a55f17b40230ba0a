//! What a worker says of itself and of its tasks.

use std::time::Duration;

use super::bytes::{Garbled, Reader, Result, Writer};
use super::id::read_worker;
use super::options::{put_backoff, put_dedup, put_retention, read_backoff, read_dedup, read_retention};
use crate::backend::{DEAD_AFTER, TaskDefaults, TaskInfo, WorkerInfo};
use crate::clock::Timestamp;
use crate::job::Name;

/// The version of the format, and the first one, whose tasks had no keys.
const VERSION: u8 = 2;
const FIRST: u8 = 1;

/// Writes what the script does not keep apart: all but the id, the times, and whether the worker is draining.
pub(in super::super) fn worker_bytes(worker: &WorkerInfo) -> Vec<u8> {
    let mut to = vec![VERSION];
    to.put_text(&worker.host);
    to.put_u32(worker.pid);
    to.put_text(&worker.version);
    to.put_u16(worker.queues.len());
    for queue in &worker.queues {
        to.put_text(queue);
    }
    to.put_u32(worker.concurrency);
    to.put_u16(worker.tasks.len());
    for task in &worker.tasks {
        put_task(task, &mut to);
    }
    to.put_u32(worker.running);
    to.put_u64(worker.completed);
    to.put_u64(worker.failed);
    // Behind all that versions before this one read.
    if worker.tasks.iter().any(|task| task.schedule.is_some()) {
        for task in &worker.tasks {
            to.put_option(task.schedule.as_deref(), |to, text| to.put_text(text));
        }
    }
    to
}

fn put_task(task: &TaskInfo, to: &mut Vec<u8>) {
    to.put_text(&task.name);
    to.put_u32(task.version);
    to.put_text(&task.queue);
    to.put_texts(&task.arguments);
    let defaults = &task.defaults;
    to.put_u32(defaults.max_attempts);
    to.put(&[defaults.priority]);
    for time in [defaults.delay, defaults.ttl, defaults.timeout] {
        to.put_option(time, |to, time: Duration| to.put_duration(time));
    }
    put_backoff(&defaults.backoff, to);
    put_retention(defaults.retention, to);
    to.put_texts(&defaults.tags);
    to.put(&[u8::from(defaults.keyed)]);
    to.put_option(defaults.dedup, |to, mode| put_dedup(mode, to));
    to.put(&[u8::from(defaults.dedup_keyed)]);
}

fn read_task(from: &mut Reader<'_>, version_of_entry: u8) -> Result<TaskInfo> {
    let name = Name::from_stored(from.text()?);
    let version = from.u32()?;
    let queue = Name::from_stored(from.text()?);
    let arguments = from.texts()?;
    let (max_attempts, priority) = (from.u32()?, from.u8()?);
    let delay = from.option(Reader::duration)?;
    let ttl = from.option(Reader::duration)?;
    let timeout = from.option(Reader::duration)?;
    let (backoff, retention) = (read_backoff(from)?, read_retention(from)?);
    let tags = from.texts()?;
    let is_first = version_of_entry == FIRST;
    let keyed = !is_first && from.u8()? == 1;
    let (dedup, dedup_keyed) =
        if is_first { (None, false) } else { (from.option(read_dedup)?, from.u8()? == 1) };
    let defaults = TaskDefaults {
        max_attempts,
        priority,
        delay,
        ttl,
        timeout,
        backoff,
        retention,
        tags,
        keyed,
        dedup,
        dedup_keyed,
    };
    Ok(TaskInfo { name, version, queue, arguments, defaults, schedule: None })
}

/// Reads a worker's entry, as it is at `now`.
pub(in super::super) fn read_worker_info(id: &[u8], entry: &[u8], now: Timestamp) -> Result<WorkerInfo> {
    let id = <[u8; 16]>::try_from(id).ok().and_then(read_worker).ok_or(Garbled("a worker"))?;
    let mut from = Reader(entry);
    let (started_at, seen_at) = (from.moment()?, from.moment()?);
    let draining = from.u8()? == b'1';
    let version_of_entry = from.u8()?;
    if !(FIRST..=VERSION).contains(&version_of_entry) {
        return Err(Garbled("a worker of another version"));
    }
    let (host, pid) = (from.text()?.to_owned(), from.u32()?);
    let version = from.text()?.to_owned();
    let queues = from.texts()?.iter().map(|queue| Name::from_stored(queue)).collect();
    let concurrency = from.u32()?;
    let count = from.u16()?;
    let mut tasks = (0..count).map(|_| read_task(&mut from, version_of_entry)).collect::<Result<Vec<_>>>()?;
    let (running, completed, failed) = (from.u32()?, from.u64()?, from.u64()?);
    if !from.is_empty() {
        for task in &mut tasks {
            task.schedule = from.option(Reader::text)?.map(str::to_owned);
        }
    }
    let alive = now.since(seen_at) < DEAD_AFTER;
    let info = WorkerInfo {
        id,
        host,
        pid,
        version,
        queues,
        concurrency,
        tasks,
        draining,
        running,
        completed,
        failed,
        started_at,
        seen_at,
        alive,
    };
    Ok(info)
}
