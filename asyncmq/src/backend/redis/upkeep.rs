//! The duties, and the list of workers.

use std::time::Duration;

use async_trait::async_trait;
use redis::Value;

use super::codec::worker_bytes;
use super::error::worded;
use super::reply::{bytes, next, number, parts};
use super::script::{DEAD, DEREGISTER, EXPIRE, FORGET, PRUNE, REGISTER, RESCUE, STRIKE, Script};
use super::{RedisStore, micros};
use crate::backend::{Inspect, MAX_BATCH, StoreError, Upkeep, WorkerInfo};
use crate::job::{Name, WorkerId};
use crate::lifecycle::Limits;

/// How long a silent worker stays in the list.
const LISTED_FOR: Duration = Duration::from_secs(300);
/// How many jobs of a worker one script takes: as many as it can within its time.
const AT_ONCE: usize = 200;
/// The same where each has to find its place among those that wait.
const RESCUED_AT_ONCE: usize = 20;

/// A worker whose lease ran out, as the script `dead` gives it.
struct Dead {
    worker: Vec<u8>,
    until: Vec<u8>,
    draining: Vec<u8>,
}

#[async_trait]
impl Upkeep for RedisStore {
    async fn rescue(&self, max_crashes: u32, limit: usize) -> Result<usize, StoreError> {
        let mut rescued = 0;
        for shared in self.shares().await? {
            for dead in self.dead(&shared).await? {
                rescued += self.rescue_from(&shared, &dead, max_crashes, limit - rescued).await?;
                if rescued == limit {
                    return Ok(rescued);
                }
            }
        }
        for shared in self.lists(&self.queues().await?) {
            let mut call = self.call(&STRIKE, shared).await.map_err(worded)?;
            call.number(micros(LISTED_FOR));
            call.send(&self.link).await.map_err(worded)?;
        }
        Ok(rescued)
    }

    async fn expire(&self, limit: usize) -> Result<usize, StoreError> {
        if self.keys.is_cluster() {
            self.ask_again_if_lost().await?;
        }
        self.in_each_queue(&EXPIRE, limit, |call, rest| {
            call.number(rest);
        })
        .await
    }

    async fn prune(&self, limits: &Limits, limit: usize) -> Result<usize, StoreError> {
        self.in_each_queue(&PRUNE, limit, |call, rest| {
            call.number(micros(limits.ended_for)).number(limits.ended_count);
            call.number(micros(limits.dead_for)).number(limits.dead_count).number(rest);
        })
        .await
    }

    async fn register(&self, worker: &WorkerInfo, lease: Duration) -> Result<(), StoreError> {
        for shared in self.lists(&worker.queues) {
            let mut call = self.call(&REGISTER, shared).await.map_err(worded)?;
            call.arg(worker.id.as_uuid().as_bytes()).number(micros(lease));
            call.arg(if worker.draining { "1" } else { "0" }).arg(worker_bytes(worker));
            self.send(&call).await.map_err(worded)?;
        }
        Ok(())
    }

    async fn deregister(&self, worker: WorkerId) -> Result<(), StoreError> {
        let dead =
            Dead { worker: worker.as_uuid().as_bytes().to_vec(), until: Vec::new(), draining: b"1".to_vec() };
        let queues = self.queues().await?;
        for queue in &queues {
            self.rescue_in(queue, &dead, u32::MAX, usize::MAX).await?;
        }
        for shared in self.lists(&queues) {
            let mut call = self.call(&DEREGISTER, shared).await.map_err(worded)?;
            call.arg(&dead.worker);
            self.send(&call).await.map_err(worded)?;
        }
        Ok(())
    }
}

impl RedisStore {
    /// Lists where workers are listed: in one place, and in a cluster beside each queue too, where scripts look.
    fn lists<'a>(&self, queues: &'a [Name]) -> impl Iterator<Item = &'a [Name]> + use<'a> {
        let beside = if self.keys.is_cluster() { queues } else { &[] };
        std::iter::once(&[] as &[Name]).chain(beside.chunks(1))
    }

    /// Lists who shares sessions: all queues on one server, each for itself in a cluster.
    async fn shares(&self) -> Result<Vec<Vec<Name>>, StoreError> {
        let queues = self.queues().await?;
        Ok(match self.keys.is_cluster() {
            true => queues.into_iter().map(|queue| vec![queue]).collect(),
            false => vec![queues],
        })
    }

    async fn dead(&self, shared: &[Name]) -> Result<Vec<Dead>, StoreError> {
        let call = self.call_shared(&DEAD, shared).await?;
        let answer = parts(call.send(&self.link).await.map_err(worded)?)?;
        answer.into_iter().map(read_dead).collect()
    }

    /// Begins a call that needs nothing but what queues share.
    async fn call_shared(&self, script: &'static Script, shared: &[Name]) -> Result<super::Call, StoreError> {
        let queues = if self.keys.is_cluster() { shared } else { &[] };
        self.call(script, queues).await.map_err(worded)
    }

    /// Takes a dead worker's jobs in all queues, and ends its session when it has none left.
    async fn rescue_from(
        &self,
        queues: &[Name],
        dead: &Dead,
        max_crashes: u32,
        limit: usize,
    ) -> Result<usize, StoreError> {
        let mut rescued = 0;
        for queue in queues {
            let (count, is_over) = self.rescue_in(queue, dead, max_crashes, limit - rescued).await?;
            rescued += count;
            if is_over || rescued == limit {
                return Ok(rescued);
            }
        }
        let mut call = self.call_shared(&FORGET, queues).await?;
        call.arg(&dead.worker).arg(&dead.until);
        self.send(&call).await.map_err(worded)?;
        Ok(rescued)
    }

    /// Takes a dead worker's jobs in one queue, a bounded part at a time. Returns how many, and whether it has come back, or
    /// somebody else has taken what was left.
    async fn rescue_in(
        &self,
        queue: &Name,
        dead: &Dead,
        max_crashes: u32,
        limit: usize,
    ) -> Result<(usize, bool), StoreError> {
        let (mut rescued, mut cursor) = (0, b"0".to_vec());
        loop {
            let mut call = self.call(&RESCUE, std::slice::from_ref(queue)).await.map_err(worded)?;
            call.arg(&dead.worker).arg(&dead.until).arg(&dead.draining);
            call.number(max_crashes).number(RESCUED_AT_ONCE.min(limit - rescued)).arg(&cursor);
            let mut answer = parts(self.send(&call).await.map_err(worded)?)?.into_iter();
            let Ok(count) = usize::try_from(number(&next(&mut answer)?)?) else { return Ok((rescued, true)) };
            rescued += count;
            cursor = bytes(next(&mut answer)?)?;
            if rescued == limit || (cursor == b"0" && count < RESCUED_AT_ONCE) {
                return Ok((rescued, false));
            }
        }
    }

    /// Runs a duty's script over the queues until it has done enough.
    async fn in_each_queue(
        &self,
        script: &'static Script,
        limit: usize,
        args: impl Fn(&mut super::Call, usize),
    ) -> Result<usize, StoreError> {
        let mut done = 0;
        for queue in self.queues().await? {
            loop {
                let some = AT_ONCE.min(limit - done).min(MAX_BATCH);
                let mut call = self.call(script, std::slice::from_ref(&queue)).await.map_err(worded)?;
                args(&mut call, some);
                let count = self.send(&call).await.map_err(worded)?;
                let count = usize::try_from(number(&count)?).unwrap_or_default();
                done += count;
                if count < some || limit <= done {
                    break;
                }
            }
            if limit <= done {
                break;
            }
        }
        Ok(done)
    }
}

fn read_dead(value: Value) -> Result<Dead, StoreError> {
    let mut of_worker = parts(value)?.into_iter();
    Ok(Dead {
        worker: bytes(next(&mut of_worker)?)?,
        until: bytes(next(&mut of_worker)?)?,
        draining: bytes(next(&mut of_worker)?)?,
    })
}
