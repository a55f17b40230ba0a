//! Recurring jobs: what one is lies in a hash by its id, and when it is due in a sorted set beside it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::try_join_all;
use redis::Value;

use super::codec::{Garbled, id_bytes};
use super::error::{worded, worded_push};
use super::push::read_answer;
use super::reply::{bytes, count, next, number, parts, strange};
use super::script::{DUE_PLANS, FIRE, PLAN, UNPLAN};
use super::{RedisStore, slot};
use crate::backend::{DueSchedules, Fired, Firing, Inspect, Schedules, StoreError, StoredSchedule};
use crate::clock::Timestamp;
use crate::job::{Envelope, Name};
use crate::schedule::ScheduleId;

#[async_trait]
impl Schedules for RedisStore {
    async fn schedule(&self, queue: &Name, id: &ScheduleId) -> Result<Option<StoredSchedule>, StoreError> {
        let mut question = redis::cmd("HGET");
        question.arg(format!("{}plans", self.keys.queue(queue))).arg(id.as_str());
        match self.link.send(&question).await.map_err(worded)? {
            Value::Nil => Ok(None),
            entry => read(queue, id.as_bytes(), bytes(entry)?).map(Some),
        }
    }

    async fn schedules(&self, queue: Option<&Name>) -> Result<Vec<StoredSchedule>, StoreError> {
        let queues = match queue {
            Some(queue) => vec![queue.clone()],
            None => self.queues().await?,
        };
        let mut all: Vec<_> =
            try_join_all(queues.iter().map(|queue| self.schedules_of(queue))).await?.concat();
        all.sort_by(|one, other| (&one.queue, &one.id).cmp(&(&other.queue, &other.id)));
        Ok(all)
    }

    async fn due_schedules(&self, queues: &[Name], limit: usize) -> Result<DueSchedules, StoreError> {
        let groups = self.apart(queues, |queue| queue);
        let groups: Vec<Vec<Name>> =
            groups.into_iter().map(|(_, queues)| queues.into_iter().cloned().collect()).collect();
        let found = try_join_all(groups.iter().map(|queues| self.due_together(queues, limit))).await?;
        let mut all = DueSchedules::default();
        for part in found {
            all.now = all.now.max(part.now);
            all.next_in = [all.next_in, part.next_in].into_iter().flatten().min();
            all.due.extend(part.due);
        }
        all.due.sort_by_key(|schedule| schedule.next);
        all.due.truncate(limit);
        Ok(all)
    }

    async fn put_schedule(
        &self,
        schedule: &StoredSchedule,
        expected: Option<u64>,
    ) -> Result<bool, StoreError> {
        let queue = &schedule.queue;
        let mut call = self.call(&PLAN, std::slice::from_ref(queue)).await.map_err(worded_push)?;
        call.arg(schedule.id.as_bytes())
            .arg(expected.map(u64::to_be_bytes).as_ref().map_or(&[][..], |it| it));
        call.arg(entry(schedule)).arg(next_text(schedule));
        let is_kept = number(&self.send(&call).await.map_err(worded_push)?)? == 1;
        if is_kept {
            self.list_queues(std::iter::once(queue)).await?;
        }
        Ok(is_kept)
    }

    async fn remove_schedule(&self, queue: &Name, id: &ScheduleId) -> Result<bool, StoreError> {
        let mut call = self.call(&UNPLAN, std::slice::from_ref(queue)).await.map_err(worded)?;
        call.arg(id.as_bytes());
        Ok(number(&self.send(&call).await.map_err(worded)?)? == 1)
    }

    async fn fire(&self, firing: Firing<'_>) -> Result<Fired, StoreError> {
        let schedule = firing.schedule;
        let jobs: Vec<&Arc<Envelope>> = firing.jobs.iter().map(|(_, job)| job).collect();
        let queues = std::slice::from_ref(&schedule.queue);
        let mut script = self.call(&FIRE, queues).await.map_err(worded_push)?;
        let call = firing.call;
        script.arg(call.sender.as_uuid().as_bytes()).number(call.sequence).arg(slot('f', call));
        self.put_jobs(&jobs, &mut script);
        for (slot, job) in firing.jobs {
            let mut data = slot.as_micros().to_be_bytes().to_vec();
            data.extend(schedule.id.as_bytes());
            script.arg(id_bytes(&job.id)).arg(data);
        }
        script.arg(schedule.id.as_bytes()).arg(firing.expected.to_be_bytes());
        script.arg(entry(schedule)).arg(next_text(schedule));
        script.arg(firing.unless.map(id_bytes).unwrap_or_default()).number(jobs.len());
        let answer = bytes(self.send(&script).await.map_err(worded_push)?)?;
        match answer.split_first() {
            Some((b'f', pushed)) => {
                self.list_queues(queues.iter()).await?;
                Ok(Fired::Fired(read_answer(pushed, jobs.len())?))
            }
            Some((b'o', _)) => Ok(Fired::Overlapping),
            Some((b's', _)) => Ok(Fired::Stale),
            _ => Err(strange()),
        }
    }
}

impl RedisStore {
    async fn schedules_of(&self, queue: &Name) -> Result<Vec<StoredSchedule>, StoreError> {
        let mut question = redis::cmd("HGETALL");
        question.arg(format!("{}plans", self.keys.queue(queue)));
        let answer = self.link.send(&question).await.map_err(worded)?;
        let entries: Vec<(Vec<u8>, Vec<u8>)> = redis::from_redis_value(answer).map_err(|_| strange())?;
        entries.into_iter().map(|(id, entry)| read(queue, &id, entry)).collect()
    }

    /// Finds what is due in queues that share a slot.
    async fn due_together(&self, queues: &[Name], limit: usize) -> Result<DueSchedules, StoreError> {
        let mut call = self.call(&DUE_PLANS, queues).await.map_err(worded)?;
        call.number(limit);
        let mut answer = parts(self.ask(&call).await?)?.into_iter();
        let now = Timestamp::from_micros(count(&next(&mut answer)?)?);
        let soonest = number(&next(&mut answer)?)?;
        let mut found = DueSchedules {
            now,
            due: Vec::new(),
            next_in: u64::try_from(soonest).ok().map(Duration::from_micros),
        };
        for due in parts(next(&mut answer)?)? {
            let mut due = parts(due)?.into_iter();
            let place = usize::try_from(count(&next(&mut due)?)?).unwrap_or_default();
            let queue = place.checked_sub(2).and_then(|place| queues.get(place)).ok_or_else(strange)?;
            let id = bytes(next(&mut due)?)?;
            found.due.push(read(queue, &id, bytes(next(&mut due)?)?)?);
        }
        Ok(found)
    }
}

/// Writes a schedule as the scripts keep it: its revision, its next time (0 for none), its record.
fn entry(schedule: &StoredSchedule) -> Vec<u8> {
    let mut entry = schedule.revision.to_be_bytes().to_vec();
    entry.extend(schedule.next.map_or(0, Timestamp::as_micros).to_be_bytes());
    entry.extend(&schedule.record);
    entry
}

fn next_text(schedule: &StoredSchedule) -> String {
    schedule.next.map(|next| next.as_micros().min(super::LAST).to_string()).unwrap_or_default()
}

fn read(queue: &Name, id: &[u8], entry: Vec<u8>) -> Result<StoredSchedule, StoreError> {
    let id = std::str::from_utf8(id).map_err(|_| Garbled("the id of a schedule"))?;
    let (revision, rest) = entry.split_first_chunk().ok_or(Garbled("a schedule"))?;
    let (next, _) = rest.split_first_chunk().ok_or(Garbled("a schedule"))?;
    let next = Some(u64::from_be_bytes(*next)).filter(|next| *next != 0).map(Timestamp::from_micros);
    let (queue, id, revision) = (queue.clone(), ScheduleId::from_stored(id), u64::from_be_bytes(*revision));
    Ok(StoredSchedule { queue, id, revision, next, record: bytes::Bytes::from(entry).slice(16..) })
}
