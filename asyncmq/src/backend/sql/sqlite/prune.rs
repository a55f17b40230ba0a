//! Retention: forgets what has ended and is past its time or its number, and gives the space back.

use std::time::Duration;

use super::super::bytes::{micros, time_of};
use super::super::statements as sql;
use super::fault::Step;
use super::process_state::ProcessState;
use super::tx::{Tx, readable};
use crate::event::{EventData, EventKind};
use crate::job::JobState;
use crate::lifecycle::Limits;

/// How long the replies to a sender are remembered that sends nothing any more.
const REPLIES_FOR: Duration = Duration::from_secs(86_400);
/// How many of those are forgotten at once.
const REPLIES_AT_ONCE: i64 = 1_000;
/// How many free pages a file may keep for what comes next, and how many are given back at once.
const FREE_PAGES: i64 = 1_024;
const GIVEN_BACK: i64 = 512;

/// A queue and how many of its jobs that have ended how are kept by number.
#[derive(Debug, Clone)]
pub(super) struct QueueRow {
    pub(super) queue: i64,
    pub(super) name: String,
    pub(super) used: bool,
    completed: i64,
    cancelled: i64,
    dead: i64,
}

impl Tx<'_> {
    /// Lists the queues of a namespace, by name.
    pub(super) fn queues_of(&mut self, space: i64) -> Step<Vec<QueueRow>> {
        queues_of(self.conn, space)
    }

    pub(super) fn prune(&mut self, space: i64, limits: &Limits, limit: usize) -> Step<usize> {
        let mut left = limit;
        for queue in self.queues_of(space)? {
            self.prune_exactly(queue.queue, &mut left)?;
            self.forget_idle(queue.queue)?;
            self.prune_keys(queue.queue, &mut left)?;
            let kept = [
                (JobState::Completed, queue.completed, limits.ended_count, limits.ended_for),
                (JobState::Cancelled, queue.cancelled, limits.ended_count, limits.ended_for),
                (JobState::Failed, queue.dead, limits.dead_count, limits.dead_for),
            ];
            for (state, there_are, most, age) in kept {
                let surplus = there_are - i64::try_from(most).unwrap_or(i64::MAX);
                self.prune_counted(queue.queue, state, (surplus, age), &mut left)?;
            }
        }
        self.prune_unpinned(&mut left)?;
        let border = micros(self.now).saturating_sub(micros(time_of(0).after(REPLIES_FOR)));
        self.conn.prepare_cached(sql::REPLY_PRUNE)?.execute([border, REPLIES_AT_ONCE])?;
        self.give_space_back()?;
        Ok(limit - left)
    }

    /// Forgets jobs whose own time is over.
    fn prune_exactly(&mut self, queue: i64, left: &mut usize) -> Step<()> {
        let mut over = self.conn.prepare_cached(sql::KEPT_OVER)?;
        let columns = (queue, micros(self.now), limit_of(*left));
        let jobs = over.query_map(columns, |row| row.get(0))?;
        let jobs: Vec<i64> = jobs.collect::<Result<_, _>>()?;
        drop(over);
        for job in jobs {
            let row = readable(self.load(job)?, "a place without its job")?;
            self.forget(&row)?;
            *left -= 1;
        }
        Ok(())
    }

    /// Forgets the oldest of a pile: `surplus` of them however old they are, and those past their age.
    fn prune_counted(
        &mut self,
        queue: i64,
        state: JobState,
        (surplus, age): (i64, Duration),
        left: &mut usize,
    ) -> Step<()> {
        let states: &[JobState] =
            if state.is_dead() { &[JobState::Failed, JobState::Expired] } else { &[state] };
        let mut oldest = Vec::new();
        for state in states {
            let mut list = self.conn.prepare_cached(sql::COUNTED_OLDEST)?;
            let rows = list.query_map((queue, state.name(), limit_of(*left)), |row| {
                Ok((row.get::<_, i64>(1)?, row.get::<_, i64>(0)?, time_of(row.get(2)?)))
            })?;
            for (place, row) in (0..).zip(rows) {
                let row = row?;
                // They ended in this order: behind one that stays, all stay, but for those that are too many.
                if surplus <= place && self.now < row.2.after(age) {
                    break;
                }
                oldest.push(row);
            }
        }
        oldest.sort_unstable();
        for (place, (_, job, finished)) in (0..).zip(oldest) {
            if *left == 0 || (surplus <= place && self.now < finished.after(age)) {
                break;
            }
            let row = readable(self.load(job)?, "a place without its job")?;
            if state.is_dead() {
                self.emit_job(EventKind::Dropped, &row, |_| EventData::None)?;
            }
            self.forget(&row)?;
            *left -= 1;
        }
        Ok(())
    }

    /// Gives free pages back to the file system, but for some that will be used again.
    fn give_space_back(&mut self) -> Step<()> {
        let free: i64 = self.conn.pragma_query_value(None, "freelist_count", |row| row.get(0))?;
        let pages: i64 = self.conn.pragma_query_value(None, "page_count", |row| row.get(0))?;
        let surplus = free - FREE_PAGES.max(pages / 8);
        if 0 < surplus {
            let count = surplus.min(GIVEN_BACK);
            self.conn.execute_batch(&format!("PRAGMA incremental_vacuum({count})"))?;
        }
        Ok(())
    }

    /// Removes processes from the list of listeners that have died without a word.
    pub(super) fn remove_dead_listeners(&mut self, process: &ProcessState) -> Step<()> {
        if self.shared.listeners == 0 {
            return Ok(());
        }
        let Some(sockets) = process.sockets() else { return Ok(()) };
        let mut list = self.conn.prepare_cached(sql::LISTENERS)?;
        let names = list.query_map([], |row| row.get::<_, String>(0))?;
        let gone = names.filter(|name| name.as_ref().is_ok_and(|name| !sockets.contains(name)));
        for name in gone.collect::<Result<Vec<_>, _>>()? {
            let removed = self.conn.prepare_cached(sql::LISTENER_DELETE)?.execute([name])?;
            self.shared.listeners -= removed as i64;
        }
        Ok(())
    }
}

/// Lists the queues of a namespace, by name.
pub(super) fn queues_of(conn: &rusqlite::Connection, space: i64) -> Step<Vec<QueueRow>> {
    let mut list = conn.prepare_cached(sql::QUEUES_OF)?;
    let queues = list.query_map([space], |row| {
        Ok(QueueRow {
            queue: row.get(0)?,
            name: row.get(1)?,
            used: row.get(2)?,
            completed: row.get(3)?,
            cancelled: row.get(4)?,
            dead: row.get(5)?,
        })
    })?;
    Ok(queues.collect::<Result<_, _>>()?)
}

fn limit_of(left: usize) -> i64 {
    i64::try_from(left).unwrap_or(i64::MAX)
}
