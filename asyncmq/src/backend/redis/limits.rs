//! What queues are held to: setting it, and how it stands.

use redis::Value;

use super::RedisStore;
use super::codec::{Group, limit_bytes, read_group, read_limits};
use super::error::worded;
use super::reply::{bytes, next, number, parts, strange};
use super::script::{HELD, LIMITS, WEIGHT};
use crate::backend::limits::{LimitTable, PART, group_of, standings, too_many_weights};
use crate::backend::{KeyWeight, LimitInfo, LimitStanding, MAX_KEY_WEIGHTS, StoreError};
use crate::clock::Timestamp;
use crate::job::{Limit, LimitScope, LimitSource, Name};

/// How a queue is held.
pub(super) struct HeldTo {
    now: Timestamp,
    active: u32,
    pub(super) table: LimitTable,
    groups: Vec<Group>,
}

impl RedisStore {
    /// Sets limits of a queue. Returns whether anything changed.
    pub(super) async fn hold_to(
        &self,
        queue: &Name,
        source: LimitSource,
        limits: &[(LimitScope, Option<Limit>)],
    ) -> Result<bool, StoreError> {
        let mut call = self.call(&LIMITS, std::slice::from_ref(queue)).await.map_err(worded)?;
        call.arg(match source {
            LimitSource::Declared => "d",
            LimitSource::Ordered => "o",
        });
        for (scope, limit) in limits {
            match scope {
                LimitScope::Queue => call.arg(""),
                LimitScope::Task(task) => call.arg(task.as_bytes()),
            };
            call.arg(limit.as_ref().map(limit_bytes).unwrap_or_default());
        }
        if source == LimitSource::Ordered {
            self.list_queues(std::iter::once(queue)).await?;
        }
        Ok(number(&self.send(&call).await.map_err(worded)?)? == 1)
    }

    /// Reads what a queue is held to, and how some of its groups stand.
    pub(super) async fn held_to(&self, queue: &Name, groups: &[&str]) -> Result<HeldTo, StoreError> {
        let mut call = self.call(&HELD, std::slice::from_ref(queue)).await.map_err(worded)?;
        for group in groups {
            call.arg(group);
        }
        let mut answer = parts(self.ask(&call).await?)?.into_iter();
        let now = u64::try_from(number(&next(&mut answer)?)?).map_err(|_| strange())?;
        let active = u32::try_from(number(&next(&mut answer)?)?).unwrap_or(u32::MAX);
        let table = read_table(next(&mut answer)?)?;
        let groups = parts(next(&mut answer)?)?.into_iter();
        let groups =
            groups.map(|group| Ok(read_group(&bytes(group)?)?)).collect::<Result<_, StoreError>>()?;
        Ok(HeldTo { now: Timestamp::from_micros(now), active, table, groups })
    }

    /// Says how many jobs a key gives in its turn. Returns whether anything changed.
    pub(super) async fn weigh(&self, queue: &Name, group: &str, weight: u32) -> Result<bool, StoreError> {
        let mut call = self.call(&WEIGHT, std::slice::from_ref(queue)).await.map_err(worded)?;
        call.arg(group).number(weight.max(1)).number(MAX_KEY_WEIGHTS);
        self.list_queues(std::iter::once(queue)).await?;
        match number(&self.send(&call).await.map_err(worded)?)? {
            -1 => Err(too_many_weights()),
            changed => Ok(changed == 1),
        }
    }

    /// Lists the keys that give more than one job in their turn.
    pub(super) async fn weights(&self, queue: &Name) -> Result<Vec<KeyWeight>, StoreError> {
        let call = self.call(&WEIGHT, std::slice::from_ref(queue)).await.map_err(worded)?;
        let (mut fields, mut weights) = (parts(self.ask(&call).await?)?.into_iter(), Vec::new());
        while let (Some(group), Some(weight)) = (fields.next(), fields.next()) {
            let group = String::from_utf8(bytes(group)?).map_err(|_| strange())?;
            let (task, key) = group.split_once(PART).ok_or_else(strange)?;
            let weight = std::str::from_utf8(&bytes(weight)?).ok().and_then(|weight| weight.parse().ok());
            let weight = weight.ok_or_else(strange)?;
            weights.push(KeyWeight { task: Name::from_stored(task), key: key.into(), weight });
        }
        weights.sort();
        Ok(weights)
    }

    /// Returns how the limits stand that hold for a job.
    pub(super) async fn standings(
        &self,
        queue: &Name,
        task: &Name,
        key: Option<&str>,
    ) -> Result<Vec<LimitStanding>, StoreError> {
        let group = group_of(task, key);
        let held = self.held_to(queue, &["", &group]).await?;
        let count = |scope: &LimitScope| {
            let of = held.groups.get(usize::from(*scope != LimitScope::Queue)).ok_or_else(strange)?;
            let running = if *scope == LimitScope::Queue { held.active } else { of.running };
            Ok((running, of.starts.clone()))
        };
        standings(&held.table, (task, key), held.now, count)
    }
}

/// Reads scopes and their limits, one behind the other.
fn read_table(answer: Value) -> Result<LimitTable, StoreError> {
    let (mut table, mut fields) = (LimitTable::default(), parts(answer)?.into_iter());
    while let (Some(scope), Some(limits)) = (fields.next(), fields.next()) {
        let scope = match String::from_utf8(bytes(scope)?).map_err(|_| strange())? {
            queue if queue.is_empty() => LimitScope::Queue,
            task => LimitScope::Task(Name::from_stored(&task)),
        };
        let (declared, ordered) = read_limits(&bytes(limits)?)?;
        table.insert(LimitInfo { scope, declared, ordered });
    }
    Ok(table)
}
