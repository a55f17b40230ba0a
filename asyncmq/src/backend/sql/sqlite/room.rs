//! Limits that let nobody wait: which jobs go so that others may start.

use super::super::statements as sql;
use super::fault::Step;
use super::hold::Hold;
use super::list;
use super::tx::{Tx, readable};
use crate::backend::MAX_BATCH;
use crate::backend::limits::PART;
use crate::job::{Limit, Name, OnLimit};
use crate::lifecycle::{Crowd, make_room, new_to_know, why_no_room};

/// Where a job has come in to wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entered {
    pub(super) queue: i64,
    pub(super) lane: i64,
    /// The line of its key, and the key's group.
    pub(super) line: Option<(i64, String)>,
}

impl Tx<'_> {
    /// Takes note of where a job has come in.
    pub(super) fn note_entered(&mut self, entered: Entered) {
        if self.entered.last() != Some(&entered) {
            self.entered.push(entered);
        }
    }

    /// Makes room where jobs have come in, in those queues that may ask for it.
    pub(super) fn make_room_where_jobs_entered(
        &mut self,
        queues: &[i64],
        mut entered: Vec<Entered>,
    ) -> Step<()> {
        entered.retain(|entered| queues.contains(&entered.queue));
        entered.sort_by(|one, other| {
            (one.queue, one.lane, &one.line).cmp(&(other.queue, other.lane, &other.line))
        });
        entered.dedup();
        let mut hold: Option<(i64, Hold)> = None;
        for at in entered {
            let (of, mut held) = match hold.take().filter(|(of, _)| *of == at.queue) {
                Some(known) => known,
                None => (at.queue, Hold::of(self.conn, at.queue)?),
            };
            self.make_room(&mut held, &at)?;
            hold = Some((of, held));
        }
        self.flush()
    }

    /// Makes room where jobs wait, as the limit of their task says. Returns whether something had to go.
    pub(super) fn make_room(&mut self, hold: &mut Hold, at: &Entered) -> Step<bool> {
        let task = self.lane_key(at.lane)?.task;
        let limit = hold.table.of_task(&task);
        if limit.when_full() == OnLimit::Wait {
            return Ok(false);
        }
        let (mut has_made, mut before) = (false, usize::MAX);
        // Jobs without keys are looked at by priority.
        while hold.gone < before && self.make_room_once(hold, at, &task, limit)? {
            (has_made, before) = (true, MAX_BATCH);
        }
        Ok(has_made)
    }

    fn make_room_once(&mut self, hold: &mut Hold, at: &Entered, task: &Name, limit: Limit) -> Step<bool> {
        let group = at.line.as_ref().map_or(task.as_str(), |(_, group)| group);
        let new = self.new_jobs(at, limit, MAX_BATCH - hold.gone.min(MAX_BATCH) + 1)?;
        if new.is_empty() {
            return Ok(false);
        }
        let askable = self.askable(at.queue, group)?;
        let count = |jobs: &[i64]| u32::try_from(jobs.len()).unwrap_or(u32::MAX);
        let running = hold.running(self.conn, task, group)?;
        let room = make_room(limit, Crowd { new: count(&new), running, askable: count(&askable) });
        let key = group.split_once(PART).map(|(_, key)| key);
        let left = MAX_BATCH.saturating_sub(hold.gone);
        let gone = new.into_iter().take((room.discard as usize).min(left));
        hold.is_crowded |= left < room.discard as usize;
        let mut has_gone = false;
        for (job, was_running) in gone
            .map(|job| (job, false))
            .chain(askable.into_iter().take(room.stop as usize).map(|job| (job, true)))
        {
            let mut row = readable(self.load(job)?, "a place without its job")?;
            self.cancel(&mut row, Some(&why_no_room(limit, task, key, was_running)))?;
            hold.gone += usize::from(!was_running);
            has_gone |= !was_running;
        }
        Ok(has_gone)
    }

    /// Lists the running jobs of a group that nobody wants cancelled, the oldest first.
    fn askable(&self, queue: i64, group: &str) -> Step<Vec<i64>> {
        let mut list = self.conn.prepare_cached(sql::ASKABLE)?;
        let rows = list.query_map((queue, group), |row| Ok((row.get(1)?, row.get(2)?, row.get(0)?)))?;
        let mut jobs: Vec<(i64, Vec<u8>, i64)> = rows.collect::<Result<_, _>>()?;
        jobs.sort();
        Ok(jobs.into_iter().map(|(.., job)| job).collect())
    }

    fn new_jobs(&self, at: &Entered, limit: Limit, at_once: usize) -> Step<Vec<i64>> {
        let most = i64::try_from(new_to_know(limit, at_once)).unwrap_or(i64::MAX);
        match at.line {
            Some((line, _)) => list::jobs(self.conn, sql::NEW_IN_LINE, (line, most)),
            None => list::jobs(self.conn, sql::NEW_IN_LANE, (at.lane, most)),
        }
    }
}
