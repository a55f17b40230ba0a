//! The read side.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use redis::Value;

use super::RedisStore;
use super::codec::{
    Kept, id_bytes, letter_of, read_id, read_profile, read_record, read_status, read_worker_info,
};
use super::error::worded;
use super::keys::Keys;
use super::link::Link;
use super::reply::{bytes, count, next, number, parts, strange};
use super::scan::{Held, read_audit};
use super::script::{COUNT_PARKED, KEY, LIST, LOOK, STATS};
use crate::backend::{
    AuditEntry, Control, Counts, Cursor, EventStream, Finding, Inspect, KeyWeight, LimitInfo, LimitStanding,
    Page, QueueInfo, Scanned, StoreError, WorkerInfo,
};
use crate::clock::Timestamp;
use crate::event::EventFilter;
use crate::job::{Job, JobId, JobState, Name};

/// How many jobs one script looks at.
const AT_ONCE: u64 = 250;

#[async_trait]
impl Inspect for RedisStore {
    async fn find(&self, queue: &Name, id: &JobId) -> Result<Option<Job>, StoreError> {
        Ok(self.look(queue, &[id_bytes(id)]).await?.pop())
    }

    async fn find_everywhere(&self, id: &JobId) -> Result<Vec<Job>, StoreError> {
        let mut jobs = Vec::new();
        for queue in self.queues().await? {
            jobs.extend(self.find(&queue, id).await?);
        }
        Ok(jobs)
    }

    async fn list(&self, queue: &Name, of: JobState, page: Page) -> Result<Vec<Job>, StoreError> {
        match of {
            JobState::Active => self.list_active(queue, page).await,
            _ => self.list_in_order(queue, of, page).await,
        }
    }

    async fn scan(
        &self,
        queue: &Name,
        of: JobState,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Scanned, StoreError> {
        match of {
            JobState::Active => self.scan_active(queue, after, limit).await,
            _ => self.scan_in_order(queue, of, after, limit).await,
        }
    }

    async fn dedup_owner(&self, queue: &Name, key: &str) -> Result<Option<JobId>, StoreError> {
        let mut call = self.call(&KEY, std::slice::from_ref(queue)).await.map_err(worded)?;
        call.arg("owner").arg(key);
        let id = bytes(self.ask(&call).await?)?;
        Ok(if id.is_empty() { None } else { Some(read_id(&id)?) })
    }

    async fn queue(&self, queue: &Name) -> Result<QueueInfo, StoreError> {
        let call = self.call(&STATS, std::slice::from_ref(queue)).await.map_err(worded)?;
        let answer = self.ask(&call).await?;
        let mut answer = parts(answer)?.into_iter();
        let mut number = || number(&next(&mut answer)?);
        let (now, paused) = (number()?, number()? == 1);
        let mut size = || u64::try_from(number()?).map_err(|_| strange());
        let (enqueued, ended, all) = (size()?, size()?, size()?);
        let (active, delayed, blocked, completed) = (size()?, size()?, size()?, size()?);
        let (failed, expired, cancelled) = (size()?, size()?, size()?);
        let oldest = number()?;
        let others = active + delayed + blocked + completed + failed + expired + cancelled;
        let waiting = all.saturating_sub(others);
        let counts = Counts { waiting, active, delayed, blocked, completed, failed, expired, cancelled };
        let waits =
            |due: u64| Duration::from_micros(u64::try_from(now).unwrap_or_default().saturating_sub(due));
        let oldest_waiting = u64::try_from(oldest).ok().map(waits);
        Ok(QueueInfo { name: queue.clone(), paused, counts, oldest_waiting, enqueued, ended })
    }

    async fn limits(&self, queue: &Name) -> Result<Vec<LimitInfo>, StoreError> {
        Ok(self.held_to(queue, &[]).await?.table.infos())
    }

    async fn key_weights(&self, queue: &Name) -> Result<Vec<KeyWeight>, StoreError> {
        self.weights(queue).await
    }

    async fn held_by(
        &self,
        queue: &Name,
        task: &Name,
        key: Option<&str>,
    ) -> Result<Vec<LimitStanding>, StoreError> {
        self.standings(queue, task, key).await
    }

    async fn parked_keys(&self, queue: &Name) -> Result<u64, StoreError> {
        let call = self.call(&COUNT_PARKED, std::slice::from_ref(queue)).await.map_err(worded)?;
        count(&call.send(&self.link).await.map_err(worded)?)
    }

    async fn queues(&self) -> Result<Vec<Name>, StoreError> {
        queues(&self.link, &self.keys).await
    }

    async fn workers(&self) -> Result<Vec<WorkerInfo>, StoreError> {
        let now = self.now().await?;
        let mut question = redis::cmd("HGETALL");
        question.arg(format!("{}workers", self.keys.common()));
        let entries: Vec<(Vec<u8>, Vec<u8>)> =
            redis::from_redis_value(self.link.send(&question).await.map_err(worded)?)
                .map_err(|_| strange())?;
        let mut workers = Vec::with_capacity(entries.len());
        for (id, entry) in entries {
            match read_worker_info(&id, &entry, now) {
                Ok(worker) => workers.push(worker),
                Err(error) => tracing::debug!(%error, "a worker cannot be listed"),
            }
        }
        workers.sort_by_key(|worker| worker.id);
        Ok(workers)
    }

    async fn audit(&self, page: Page) -> Result<Vec<AuditEntry>, StoreError> {
        if page.end <= page.start {
            return Ok(Vec::new());
        }
        let place = |place: u64| i64::try_from(place).unwrap_or(i64::MAX);
        let mut question = redis::cmd("LRANGE");
        question
            .arg(format!("{}audit", self.keys.common()))
            .arg(-place(page.end))
            .arg(-place(page.start) - 1);
        let entries = parts(self.link.send(&question).await.map_err(worded)?)?;
        entries.into_iter().rev().map(read_audit).collect()
    }

    async fn diagnose(&self) -> Result<Vec<Finding>, StoreError> {
        // It has to answer at all; what else it does not tell is a note.
        self.now().await?;
        Ok(self.look_at_server().await)
    }

    async fn subscribe(&self, filter: EventFilter) -> Result<EventStream, StoreError> {
        match filter.wanted_job().cloned() {
            Some(subject) => self.listen_to_one(subject, filter).await,
            None => self.listen_to_all(filter).await,
        }
    }
}

impl RedisStore {
    /// Returns the jobs of these ids that are kept, in the order of the ids.
    pub(super) async fn look(&self, queue: &Name, ids: &[Vec<u8>]) -> Result<Vec<Job>, StoreError> {
        let mut jobs = Vec::with_capacity(ids.len());
        for some in ids.chunks(usize::try_from(AT_ONCE).unwrap_or(usize::MAX)) {
            let mut call = self.call(&LOOK, std::slice::from_ref(queue)).await.map_err(worded)?;
            for id in some {
                call.arg(id);
            }
            for kept in parts(self.ask(&call).await?)? {
                jobs.push(read_job(queue, kept)?);
            }
        }
        Ok(jobs)
    }

    async fn list_in_order(&self, queue: &Name, of: JobState, page: Page) -> Result<Vec<Job>, StoreError> {
        let letter = letter_of(of);
        let (mut jobs, mut start) = (Vec::new(), page.start);
        while start < page.end {
            let some = AT_ONCE.min(page.end - start);
            let mut call = self.call(&LIST, std::slice::from_ref(queue)).await.map_err(worded)?;
            call.arg(letter).number(start).number(some);
            let found = parts(self.ask(&call).await?)?;
            let is_last = (found.len() as u64) < some;
            for kept in found {
                let job = read_job(queue, kept)?;
                // What a script does not find where it belongs is on its way elsewhere.
                if job.state() == of {
                    jobs.push(job);
                }
            }
            start += some;
            if is_last {
                break;
            }
        }
        Ok(jobs)
    }

    /// Lists running jobs by their start; the server keeps no such order, as nothing else needs it.
    async fn list_active(&self, queue: &Name, page: Page) -> Result<Vec<Job>, StoreError> {
        let held = self.held(queue).await?;
        let start = usize::try_from(page.start).unwrap_or(usize::MAX);
        let most = usize::try_from(page.end.saturating_sub(page.start)).unwrap_or(usize::MAX);
        let ids: Vec<_> = held.into_iter().skip(start).take(most).map(|(.., id)| id).collect();
        let mut jobs = self.look(queue, &ids).await?;
        jobs.retain(|job| job.state() == JobState::Active);
        Ok(jobs)
    }

    /// Lists what workers hold, by its start.
    pub(super) async fn held(&self, queue: &Name) -> Result<Vec<Held>, StoreError> {
        let (mut held, mut cursor) = (Vec::new(), 0);
        loop {
            let mut scan = redis::cmd("HSCAN");
            scan.arg(format!("{}active", self.keys.queue(queue))).arg(cursor).arg("COUNT").arg(1_000);
            let mut answer = parts(self.link.send(&scan).await.map_err(worded)?)?.into_iter();
            cursor = count(&next(&mut answer)?)?;
            let mut fields = parts(next(&mut answer)?)?.into_iter();
            while let (Some(id), Some(claim)) = (fields.next(), fields.next()) {
                let (id, claim) = (bytes(id)?, bytes(claim)?);
                held.push((claim.get(16..23).map(<[u8]>::to_vec), claim.get(23..31).map(<[u8]>::to_vec), id));
            }
            if cursor == 0 {
                break;
            }
        }
        held.sort_unstable();
        held.dedup();
        Ok(held)
    }

    /// Makes a call that changes nothing; one that was not answered is made once more.
    pub(super) async fn ask(&self, call: &super::Call) -> Result<Value, StoreError> {
        match call.send(&self.link).await {
            Err(error) if super::error::is_broken(&error) => call.send(&self.link).await.map_err(worded),
            answer => answer.map_err(worded),
        }
    }
}

/// Reads all that is kept of a job.
pub(super) fn read_job(queue: &Name, kept: Value) -> Result<Job, StoreError> {
    let mut of_job = parts(kept)?.into_iter();
    let mut take = || bytes(next(&mut of_job)?);
    let kept = Kept {
        id: take()?,
        record: take()?,
        profile: take()?,
        side: take()?,
        claim: take()?,
        done: take()?,
        failures: take()?,
        lines: take()?,
        progress: take()?,
    };
    let status = read_status(&kept)?;
    let profile = read_profile(&kept.profile)?;
    let envelope = read_record(read_id(&kept.id)?, queue.clone(), kept.record, &profile)?;
    Ok(Job::new(Arc::new(envelope), status))
}

/// Reads the server's time from two numbers.
pub(super) fn read_time(answer: Value) -> Result<Timestamp, StoreError> {
    let mut answer = parts(answer)?.into_iter();
    let (seconds, micros) = (count(&next(&mut answer)?)?, count(&next(&mut answer)?)?);
    Ok(Timestamp::from_micros(seconds * 1_000_000 + micros))
}

/// Lists the queues, sorted.
pub(super) async fn queues(link: &Link, keys: &Keys) -> Result<Vec<Name>, StoreError> {
    let mut question = redis::cmd("SMEMBERS");
    question.arg(format!("{}queues", keys.common()));
    let answer = link.send(&question).await.map_err(worded)?;
    let bases = match answer {
        Value::Array(bases) | Value::Set(bases) => bases,
        _ => return Err(strange()),
    };
    let mut queues = Vec::with_capacity(bases.len());
    for base in bases {
        queues.extend(keys.queue_of(&bytes(base)?));
    }
    queues.sort();
    Ok(queues)
}
