//! The operator's side.

use async_trait::async_trait;
use redis::Value;

use super::RedisStore;
use super::codec::{id_bytes, letter_of, reason_parts, state_of};
use super::error::worded;
use super::inspect::read_time;
use super::mail::Haste;
use super::reply::{bytes, next, number, parts, strange};
use super::script::{AUDIT, Call, KEY, ORDER, PAUSE, TAKE};
use crate::backend::limits::group_of;
use crate::backend::{AuditEntry, Control, Drain, Force, KEPT_ENTRIES, Ordered, StoreError};
use crate::clock::Timestamp;
use crate::job::{JobId, JobState, Limit, LimitScope, LimitSource, Name};

/// How many jobs one script removes.
const AT_ONCE: usize = 250;

#[async_trait]
impl Control for RedisStore {
    async fn pause(&self, queue: &Name) -> Result<bool, StoreError> {
        self.set_paused(queue, "1").await
    }

    async fn resume(&self, queue: &Name) -> Result<bool, StoreError> {
        self.set_paused(queue, "0").await
    }

    async fn cancel(&self, queue: &Name, id: &JobId, reason: Option<&str>) -> Result<Ordered, StoreError> {
        let (said, reason) = reason_parts(reason);
        self.order("cancel", queue, id, &[said, reason]).await
    }

    async fn retry(&self, queue: &Name, id: &JobId) -> Result<Ordered, StoreError> {
        self.order("retry", queue, id, &[]).await
    }

    async fn remove(&self, queue: &Name, id: &JobId) -> Result<Ordered, StoreError> {
        self.order("remove", queue, id, &[]).await
    }

    async fn promote(&self, queue: &Name, id: &JobId) -> Result<Ordered, StoreError> {
        self.order("promote", queue, id, &[]).await
    }

    async fn free_dedup_key(&self, queue: &Name, key: &str) -> Result<bool, StoreError> {
        let mut call = self.call(&KEY, std::slice::from_ref(queue)).await.map_err(worded)?;
        call.arg("free").arg(key);
        Ok(number(&self.send(&call).await.map_err(worded)?)? == 1)
    }

    async fn drain(&self, queue: &Name, which: Drain, limit: usize) -> Result<usize, StoreError> {
        let removed = self.take(queue, "waiting", limit, &[]).await?;
        match which {
            Drain::Waiting => Ok(removed),
            Drain::WaitingAndDelayed => {
                Ok(removed + self.take(queue, "delayed", limit - removed, &[b""]).await?)
            }
        }
    }

    async fn clean(
        &self,
        queue: &Name,
        state: JobState,
        before: Timestamp,
        limit: usize,
    ) -> Result<usize, StoreError> {
        let before_text = before.as_micros().min(super::LAST).to_string();
        match state {
            JobState::Active => Ok(0),
            JobState::Waiting | JobState::Blocked => self.clean_one_by_one(queue, state, before, limit).await,
            JobState::Delayed => self.take(queue, "delayed", limit, &[before_text.as_bytes()]).await,
            JobState::Completed | JobState::Failed | JobState::Expired | JobState::Cancelled => {
                let letter = letter_of(state);
                self.take(queue, "ended", limit, &[before_text.as_bytes(), letter.as_bytes()]).await
            }
        }
    }

    async fn obliterate(
        &self,
        queue: &Name,
        force: Force,
        limit: usize,
    ) -> Result<Result<usize, u64>, StoreError> {
        let mut removed = 0;
        let with_active = if force == Force::RemoveActive { "1" } else { "0" };
        loop {
            let some = AT_ONCE.min(limit - removed);
            let mut call = self.call_take(queue, "all", some).await?;
            call.arg(with_active);
            let mut answer = parts(self.send(&call).await.map_err(worded)?)?.into_iter();
            let (count, active) = (number(&next(&mut answer)?)?, number(&next(&mut answer)?)?);
            let Ok(count) = usize::try_from(count) else {
                return Ok(Err(u64::try_from(active).unwrap_or_default()));
            };
            removed += count;
            let is_still_told = number(&next(&mut answer)?)? != 0;
            if is_still_told && self.keys.is_cluster() {
                // The queue stays until what it has to say was said.
                self.carry(queue.clone(), usize::MAX, Haste::TakeOver).await?;
            }
            if (count < some && !is_still_told) || limit <= removed {
                self.unlist_if_gone(queue).await?;
                return Ok(Ok(removed));
            }
        }
    }

    async fn set_limits(
        &self,
        queue: &Name,
        source: LimitSource,
        limits: &[(LimitScope, Option<Limit>)],
    ) -> Result<bool, StoreError> {
        self.hold_to(queue, source, limits).await
    }

    async fn set_key_weight(
        &self,
        queue: &Name,
        task: &Name,
        key: &str,
        weight: u32,
    ) -> Result<bool, StoreError> {
        self.weigh(queue, &group_of(task, Some(key)), weight).await
    }

    async fn record(&self, entry: &AuditEntry) -> Result<(), StoreError> {
        let record = serde_json::to_vec(entry).map_err(StoreError::refused)?;
        let mut call = self.call(&AUDIT, &[]).await.map_err(worded)?;
        call.arg(entry.id.to_be_bytes()).arg(record).number(KEPT_ENTRIES);
        self.send(&call).await.map_err(worded)?;
        Ok(())
    }

    async fn now(&self) -> Result<Timestamp, StoreError> {
        match &self.clock {
            Some(clock) => Ok(clock.now()),
            None => read_time(self.link.send(&redis::cmd("TIME")).await.map_err(worded)?),
        }
    }
}

impl RedisStore {
    /// Takes a queue of which nothing is left off the list. On one server the script does it itself.
    async fn unlist_if_gone(&self, queue: &Name) -> Result<(), StoreError> {
        if self.keys.is_cluster() {
            let base = self.keys.queue(queue);
            let mut exists = redis::cmd("EXISTS");
            exists.arg(format!("{base}meta"));
            if number(&self.link.send(&exists).await.map_err(worded)?)? == 0 {
                let mut remove = redis::cmd("SREM");
                remove.arg(format!("{}queues", self.keys.common())).arg(base);
                self.link.send(&remove).await.map_err(worded)?;
            }
        }
        Ok(())
    }

    async fn set_paused(&self, queue: &Name, paused: &str) -> Result<bool, StoreError> {
        let mut call = self.call(&PAUSE, std::slice::from_ref(queue)).await.map_err(worded)?;
        call.arg(paused);
        self.list_queues(std::iter::once(queue)).await?;
        Ok(number(&self.send(&call).await.map_err(worded)?)? == 1)
    }

    async fn order(
        &self,
        what: &str,
        queue: &Name,
        id: &JobId,
        rest: &[&str],
    ) -> Result<Ordered, StoreError> {
        let mut call = self.call(&ORDER, std::slice::from_ref(queue)).await.map_err(worded)?;
        call.arg(what).arg(id_bytes(id));
        for arg in rest {
            call.arg(arg);
        }
        let mut answer = parts(self.send(&call).await.map_err(worded)?)?.into_iter();
        match bytes(next(&mut answer)?)?.as_slice() {
            b"done" => Ok(Ordered::Done),
            b"requested" => Ok(Ordered::Requested),
            b"missing" => Ok(Ordered::Missing),
            b"refused" => {
                let letter = bytes(next(&mut answer)?)?;
                Ok(Ordered::Refused(state_of(letter.first().copied().unwrap_or_default())?))
            }
            _ => Err(strange()),
        }
    }

    async fn call_take(&self, queue: &Name, what: &str, limit: usize) -> Result<Call, StoreError> {
        let mut call = self.call(&TAKE, std::slice::from_ref(queue)).await.map_err(worded)?;
        call.arg(what).number(limit);
        Ok(call)
    }

    /// Removes jobs, a bounded part at a time.
    async fn take(
        &self,
        queue: &Name,
        what: &str,
        limit: usize,
        rest: &[&[u8]],
    ) -> Result<usize, StoreError> {
        let mut removed = 0;
        while removed < limit {
            let some = AT_ONCE.min(limit - removed);
            let mut call = self.call_take(queue, what, some).await?;
            for arg in rest {
                call.arg(arg);
            }
            let answer: Value = self.send(&call).await.map_err(worded)?;
            let count = usize::try_from(number(&answer)?).unwrap_or_default();
            removed += count;
            if count < some {
                break;
            }
        }
        Ok(removed)
    }

    /// Walks through waiting or blocked jobs, as they lie in no order of their due times, and removes those that were due
    /// before. A walk goes by their numbers, so it passes over none when others leave meanwhile or go with one of them.
    async fn clean_one_by_one(
        &self,
        queue: &Name,
        state: JobState,
        before: Timestamp,
        limit: usize,
    ) -> Result<usize, StoreError> {
        let (mut removed, mut after) = (0, None);
        loop {
            let step = self.scan_in_order(queue, state, after.as_ref(), AT_ONCE).await?;
            let old = step.jobs.iter().filter(|job| job.status().run_at < before);
            let ids: Vec<_> = old.map(|job| id_bytes(job.id())).take(limit - removed).collect();
            if !ids.is_empty() {
                let mut call = self.call_take(queue, "named", ids.len()).await?;
                call.arg(letter_of(state));
                for id in ids {
                    call.arg(id);
                }
                let answer = self.send(&call).await.map_err(worded)?;
                removed += usize::try_from(number(&answer)?).unwrap_or_default();
            }
            after = step.next;
            if limit <= removed || after.is_none() {
                return Ok(removed);
            }
        }
    }
}
