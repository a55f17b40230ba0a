//! Records that are kept as long as that of a job that waited for them.

use rusqlite::OptionalExtension;

use super::super::bytes::micros;
use super::super::statements as sql;
use super::fault::Step;
use super::row::Row;
use super::tx::{Tx, readable};
use crate::event::{EventData, EventKind};
use crate::job::JobState;
use crate::lifecycle::unpinned;

/// Until when a job is kept that is pinned.
pub(super) const PINNED: i64 = i64::MAX;

impl Tx<'_> {
    /// Keeps a job as long as another one, which waits for it. It may have ended before.
    pub(super) fn pin(&mut self, job: i64, state: JobState, by: i64) -> Step<()> {
        self.conn.prepare_cached(sql::JOB_PIN)?.execute((by, job))?;
        if !state.is_terminal() {
            return Ok(());
        }
        let row = readable(self.load(job)?, "a place without its job")?;
        self.keep_until(&row, PINNED)
    }

    /// Keeps a job that has ended until then. What its row has beside that stays as it is, also what is not loaded.
    fn keep_until(&mut self, row: &Row, until: i64) -> Step<()> {
        self.conn.prepare_cached(sql::JOB_KEEP)?.execute((until, row.job))?;
        self.count_exactly(row.queue, row.status.state, i64::from(row.keep_until.is_none()));
        Ok(())
    }

    /// Tells whether somebody pins a job.
    pub(super) fn is_pinned(&self, job: i64) -> Step<bool> {
        let by: Option<i64> =
            self.conn.prepare_cached(sql::JOB_PINNED)?.query_row([job], |row| row.get(0))?;
        Ok(by.is_some())
    }

    /// Takes note that a job is to be forgotten which may have pinned others.
    pub(super) fn unpin(&mut self, row: &Row) -> Step<()> {
        let pins: bool = self.conn.prepare_cached(sql::JOB_PINS)?.query_row([row.job], |row| row.get(0))?;
        if pins {
            let strictly = self.envelope(row)?.extras().pins.is_some_and(|pins| pins.strictly);
            self.conn.prepare_cached(sql::UNPINNED_ADD)?.execute((row.job, strictly))?;
        }
        Ok(())
    }

    /// Lets go of what was pinned by jobs that are forgotten.
    pub(super) fn prune_unpinned(&mut self, left: &mut usize) -> Step<()> {
        while *left != 0
            && let Some((by, strictly)) = self.first_unpinned()?
        {
            let most = i64::try_from(*left).unwrap_or(i64::MAX);
            let pinned = super::list::jobs(self.conn, sql::PINNED_BY, (by, most))?;
            if pinned.is_empty() {
                self.conn.prepare_cached(sql::UNPINNED_DELETE)?.execute([by])?;
            }
            for job in pinned {
                self.drop_unpinned(job, strictly)?;
                *left -= 1;
            }
        }
        Ok(())
    }

    /// Returns a job that is forgotten and pinned others, and whether it did so strictly.
    fn first_unpinned(&self) -> Step<Option<(i64, bool)>> {
        let mut first = self.conn.prepare_cached(sql::UNPINNED_FIRST)?;
        Ok(first.query_row([], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
    }

    /// Lets go of one: it goes too, unless it has not ended, or asked for more time.
    fn drop_unpinned(&mut self, job: i64, strictly: bool) -> Step<()> {
        self.conn.prepare_cached(sql::JOB_UNPIN)?.execute([job])?;
        let row = readable(self.load(job)?, "a place without its job")?;
        let Some(ended) = row.status.finished_at.filter(|_| row.status.state.is_terminal()) else {
            return Ok(());
        };
        let retention = self.envelope(&row)?.retention;
        if let Some(until) = unpinned(row.status.state, retention, strictly, ended, self.now) {
            return self.keep_until(&row, micros(until));
        }
        if row.status.state.is_dead() {
            self.emit_job(EventKind::Dropped, &row, |_| EventData::None)?;
        }
        self.forget(&row)
    }
}
