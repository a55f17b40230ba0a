//! Recurring jobs.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row};

use super::super::bytes::{id_bytes, micros, time_of};
use super::super::statements as sql;
use super::SqliteStore;
use super::fault::Step;
use super::inbox::Weight;
use super::list;
use super::replies::{self, Verb};
use super::tx::Tx;
use crate::backend::{CallId, DueSchedules, Fired, Firing, Pushed, Schedules, StoreError, StoredSchedule};
use crate::clock::Timestamp;
use crate::event::{EventData, EventKind};
use crate::job::{Envelope, JobId, Name};
use crate::schedule::ScheduleId;

/// A firing that owns what it names.
struct Asked {
    call: CallId,
    schedule: StoredSchedule,
    expected: u64,
    slots: Vec<Timestamp>,
    jobs: Vec<Arc<Envelope>>,
    unless: Option<JobId>,
}

impl Asked {
    fn of(firing: &Firing<'_>) -> Self {
        let (slots, jobs) = firing.jobs.iter().cloned().unzip();
        let (schedule, unless) = (firing.schedule.clone(), firing.unless.cloned());
        Self { call: firing.call, schedule, expected: firing.expected, slots, jobs, unless }
    }
}

#[async_trait]
impl Schedules for SqliteStore {
    async fn schedule(&self, queue: &Name, id: &ScheduleId) -> Result<Option<StoredSchedule>, StoreError> {
        let (space, queue, id) = (self.space, queue.clone(), id.clone());
        self.engine
            .read(move |conn, _| match list::stands(conn, space, &queue)? {
                Some(stands) => find(conn, stands.queue, &queue, &id),
                None => Ok(None),
            })
            .await
    }

    async fn schedules(&self, queue: Option<&Name>) -> Result<Vec<StoredSchedule>, StoreError> {
        let (space, queue) = (self.space, queue.cloned());
        self.engine
            .read(move |conn, _| {
                let mut all = conn.prepare_cached(sql::SCHEDULES_OF)?;
                let read = |row: &Row<'_>| {
                    let name = Name::from_stored(row.get_ref(0)?.as_str()?);
                    let id = ScheduleId::from_stored(row.get_ref(1)?.as_str()?);
                    read(row, 2, name, id)
                };
                let rows = all.query_map((space, queue.as_deref()), read)?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await
    }

    async fn due_schedules(&self, queues: &[Name], limit: usize) -> Result<DueSchedules, StoreError> {
        let (space, queues) = (self.space, queues.to_vec());
        self.engine
            .read(move |conn, now| {
                let mut found = DueSchedules { now, ..DueSchedules::default() };
                for queue in &queues {
                    if let Some(stands) = list::stands(conn, space, queue)? {
                        look(conn, (stands.queue, queue), limit, &mut found)?;
                    }
                }
                found.due.sort_by_key(|schedule| schedule.next);
                found.due.truncate(limit);
                Ok(found)
            })
            .await
    }

    async fn put_schedule(
        &self,
        schedule: &StoredSchedule,
        expected: Option<u64>,
    ) -> Result<bool, StoreError> {
        let (space, schedule) = (self.space, schedule.clone());
        self.engine
            .write(Weight::durable(1), move |tx| {
                let queue = tx.queue(space, &schedule.queue)?;
                let kept = find(tx.conn, queue, &schedule.queue, &schedule.id)?;
                if kept.map(|kept| kept.revision) != expected {
                    return Ok(false);
                }
                put(tx.conn, queue, &schedule)?;
                tx.conn.prepare_cached(sql::QUEUE_USE)?.execute([queue])?;
                // Other processes that miss the message see that a number was given.
                tx.number();
                tx.notices.schedules.push(queue);
                Ok(true)
            })
            .await
    }

    async fn remove_schedule(&self, queue: &Name, id: &ScheduleId) -> Result<bool, StoreError> {
        let (space, queue, id) = (self.space, queue.clone(), id.clone());
        self.engine
            .write(Weight::durable(1), move |tx| {
                let Some(queue) = tx.find_queue(space, &queue)? else { return Ok(false) };
                Ok(tx.conn.prepare_cached(sql::SCHEDULE_DELETE)?.execute((queue, id.as_str()))? != 0)
            })
            .await
    }

    async fn fire(&self, firing: Firing<'_>) -> Result<Fired, StoreError> {
        let (space, asked) = (self.space, Asked::of(&firing));
        self.engine.write(Weight::durable(asked.jobs.len()), move |tx| tx.fire(space, &asked)).await
    }
}

/// Reads a schedule from a row, its columns from `at` on.
fn read(row: &Row<'_>, at: usize, queue: Name, id: ScheduleId) -> rusqlite::Result<StoredSchedule> {
    let (revision, next) = (row.get::<_, i64>(at)?.cast_unsigned(), row.get::<_, Option<i64>>(at + 1)?);
    let record = row.get::<_, Vec<u8>>(at + 2)?.into();
    Ok(StoredSchedule { queue, id, revision, next: next.map(time_of), record })
}

fn find(conn: &Connection, queue: i64, name: &Name, id: &ScheduleId) -> Step<Option<StoredSchedule>> {
    let mut find = conn.prepare_cached(sql::SCHEDULE_FIND)?;
    let row = find.query_row((queue, id.as_str()), |row| read(row, 0, name.clone(), id.clone()));
    Ok(row.optional()?)
}

fn put(conn: &Connection, queue: i64, schedule: &StoredSchedule) -> Step<()> {
    let (revision, next) = (schedule.revision.cast_signed(), schedule.next.map(micros));
    let columns = (queue, schedule.id.as_str(), revision, next, &schedule.record[..]);
    conn.prepare_cached(sql::SCHEDULE_PUT)?.execute(columns)?;
    Ok(())
}

/// Adds what is due in a queue, and when the next one is.
fn look(conn: &Connection, (queue, name): (i64, &Name), limit: usize, found: &mut DueSchedules) -> Step<()> {
    let mut due = conn.prepare_cached(sql::SCHEDULES_DUE)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let read = |row: &Row<'_>| {
        let id = ScheduleId::from_stored(row.get_ref(0)?.as_str()?);
        read(row, 1, name.clone(), id)
    };
    for schedule in due.query_map((queue, micros(found.now), limit), read)? {
        found.due.push(schedule?);
    }
    let mut next = conn.prepare_cached(sql::SCHEDULE_NEXT)?;
    let next: Option<i64> = next.query_row((queue, micros(found.now)), |row| row.get(0))?;
    let next = next.map(|next| time_of(next).since(found.now));
    found.next_in = [found.next_in, next].into_iter().flatten().min();
    Ok(())
}

impl Tx<'_> {
    fn fire(&mut self, space: i64, asked: &Asked) -> Step<Fired> {
        if let Some(reply) = self.recall(Verb::Fire, asked.call)? {
            return read_reply(&reply, asked.jobs.len());
        }
        let (schedule, queue) = (&asked.schedule, self.queue(space, &asked.schedule.queue)?);
        let kept = find(self.conn, queue, &schedule.queue, &schedule.id)?;
        let fired = if kept.is_none_or(|kept| kept.revision != asked.expected) {
            Fired::Stale
        } else if self.is_unfinished(space, &schedule.queue, asked.unless.as_ref())? {
            Fired::Overlapping
        } else {
            Fired::Fired(self.take_in(space, &asked.jobs)?)
        };
        if let Fired::Fired(pushed) = &fired {
            put(self.conn, queue, schedule)?;
            self.tell_of_slots(queue, asked, pushed)?;
        }
        self.keep_reply(Verb::Fire, asked.call, &write_reply(&fired)?)?;
        Ok(fired)
    }

    fn is_unfinished(&mut self, space: i64, queue: &Name, job: Option<&JobId>) -> Step<bool> {
        let Some(job) = job else { return Ok(false) };
        let row = self.find(space, queue, &id_bytes(job))?;
        Ok(row.is_some_and(|row| !row.status.state.is_terminal()))
    }

    fn tell_of_slots(&mut self, queue: i64, asked: &Asked, pushed: &[Pushed]) -> Step<()> {
        for ((slot, job), pushed) in asked.slots.iter().zip(&asked.jobs).zip(pushed) {
            if pushed.is_taken_in() {
                let schedule = || asked.schedule.id.to_string();
                let data = || EventData::Slot { schedule: schedule(), slot: (*slot).into() };
                self.emit_envelope(EventKind::ScheduleFired, job, (queue, 0, None), data)?;
            }
        }
        Ok(())
    }
}

/// Writes what became of a firing: what became of its jobs behind a word.
fn write_reply(fired: &Fired) -> serde_json::Result<String> {
    Ok(match fired {
        Fired::Stale => "stale".into(),
        Fired::Overlapping => "overlapping".into(),
        Fired::Fired(pushed) => replies::write_pushes(pushed)?,
    })
}

fn read_reply(reply: &str, jobs: usize) -> Step<Fired> {
    Ok(match reply {
        "stale" => Fired::Stale,
        "overlapping" => Fired::Overlapping,
        pushed => Fired::Fired(replies::read_pushes(pushed, jobs)?),
    })
}
