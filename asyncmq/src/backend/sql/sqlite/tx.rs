//! One transaction as the verbs see it: the connection, the time, and what is to be told once it is committed.

use rusqlite::Connection;

use super::super::event_record;
use super::super::statements as sql;
use super::fault::{Fault, Step};
use super::kin::Endings;
use super::listeners::LocalListeners;
use super::names::{LaneKey, Names};
use super::room::Entered;
use crate::backend::Token;
use crate::chance::random_bits;
use crate::clock::Timestamp;
use crate::event::Event;
use crate::job::{JobState, Name, WorkerId};

/// How many events are kept for a process that is slow to read them.
pub(super) const KEPT_EVENTS: i64 = 8_192;

/// What a queue says of its limits: that it has some, and that there are some at which jobs do not just wait. One more says that
/// somebody waits for a permit.
pub(super) const IS_LIMITED: i64 = 1;
pub(super) const IS_IMPATIENT: i64 = 3;

/// The row that all processes on a file share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shared {
    pub(super) now: i64,
    pub(super) numbers: i64,
    pub(super) events: i64,
    pub(super) listeners: i64,
}

impl Shared {
    pub(super) fn read(conn: &Connection) -> Step<Self> {
        Ok(conn.prepare_cached(sql::STORE_READ)?.query_row([], |row| {
            Ok(Self { now: row.get(0)?, numbers: row.get(1)?, events: row.get(2)?, listeners: row.get(3)? })
        })?)
    }
}

/// What has to be told once a transaction is committed.
#[derive(Debug, Default)]
pub(super) struct Notices {
    /// Queues of which a claim may give something now.
    pub(super) wakes: Vec<i64>,
    /// Queues of which a schedule was made or changed.
    pub(super) schedules: Vec<i64>,
    /// Claims whose jobs somebody wants cancelled.
    pub(super) cancels: Vec<(WorkerId, Token)>,
    /// What happened, with the namespace in which it did.
    pub(super) events: Vec<(i64, Event)>,
    /// Whether there is something for other processes to read.
    pub(super) kept_events: bool,
    /// Whether this process is now one of those that listen, or no more.
    pub(super) registered: Option<bool>,
}

impl Notices {
    /// Tells whether there is nobody to be told.
    pub(super) fn is_nothing(&self) -> bool {
        self.wakes.is_empty() && self.schedules.is_empty() && self.cancels.is_empty() && !self.kept_events
    }
}

/// One transaction, under way.
pub(super) struct Tx<'a> {
    pub(super) conn: &'a Connection,
    pub(super) names: &'a mut Names,
    pub(super) local: &'a LocalListeners,
    pub(super) now: Timestamp,
    pub(super) shared: Shared,
    pub(super) notices: Notices,
    /// Keys of which a job has left a worker's hand.
    pub(super) freed: Vec<(i64, String)>,
    pub(super) endings: Endings,
    /// Where jobs have come in.
    pub(super) entered: Vec<Entered>,
    queues: Vec<(i64, Tally)>,
    lanes: Vec<(i64, i64)>,
}

/// How far the counters of a queue have to be moved.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    states: [i64; JobState::ALL.len()],
    /// Of the completed, the cancelled and the dead those that are not kept by number.
    exactly: [i64; 3],
    enqueued: i64,
    ended: i64,
}

impl<'a> Tx<'a> {
    pub(super) fn new(
        conn: &'a Connection,
        names: &'a mut Names,
        local: &'a LocalListeners,
        now: Timestamp,
        shared: Shared,
    ) -> Self {
        let (notices, freed, entered) = (Notices::default(), Vec::new(), Vec::new());
        let (endings, queues, lanes) = (Endings::default(), Vec::new(), Vec::new());
        Self { conn, names, local, now, shared, notices, freed, endings, entered, queues, lanes }
    }

    /// Returns a number that never comes again.
    pub(super) const fn number(&mut self) -> i64 {
        self.shared.numbers += 1;
        self.shared.numbers
    }

    pub(super) fn queue(&mut self, space: i64, name: &Name) -> Step<i64> {
        self.names.queue(self.conn, space, name)
    }

    pub(super) fn find_queue(&mut self, space: i64, name: &Name) -> Step<Option<i64>> {
        self.names.find_queue(self.conn, space, name)
    }

    pub(super) fn queue_name(&mut self, queue: i64) -> Step<(i64, Name)> {
        self.names.queue_name(self.conn, queue)
    }

    pub(super) fn lane(&mut self, key: &LaneKey) -> Step<i64> {
        self.names.lane(self.conn, key)
    }

    pub(super) fn lane_key(&mut self, lane: i64) -> Step<LaneKey> {
        self.names.lane_key(self.conn, lane)
    }

    fn tally(&mut self, queue: i64) -> &mut Tally {
        let place = self.queues.iter().position(|(other, _)| *other == queue).unwrap_or_else(|| {
            self.queues.push((queue, Tally::default()));
            self.queues.len() - 1
        });
        &mut self.queues[place].1
    }

    /// Counts a job into or out of a state.
    pub(super) fn count(&mut self, queue: i64, state: JobState, by: i64) {
        self.tally(queue).states[state as usize] += by;
    }

    /// Counts a job that ended so into or out of those that are not kept by number.
    pub(super) fn count_exactly(&mut self, queue: i64, state: JobState, by: i64) {
        let place = match state {
            JobState::Cancelled => 1,
            state if state.is_dead() => 2,
            _ => 0,
        };
        self.tally(queue).exactly[place] += by;
    }

    pub(super) fn count_enqueued(&mut self, queue: i64) {
        self.tally(queue).enqueued += 1;
    }

    pub(super) fn count_ended(&mut self, queue: i64) {
        self.tally(queue).ended += 1;
    }

    /// Counts jobs that wait in a lane.
    pub(super) fn count_lane(&mut self, lane: i64, by: i64) {
        match self.lanes.iter_mut().find(|(other, _)| *other == lane) {
            Some((_, count)) => *count += by,
            None => self.lanes.push((lane, by)),
        }
    }

    /// Writes the counters.
    pub(super) fn flush(&mut self) -> Step<()> {
        let (mut freed, mut impatient) = (Vec::new(), Vec::new());
        for (queue, tally) in self.queues.drain(..) {
            let s = tally.states;
            let used = i64::from(tally.enqueued != 0);
            let ([e0, e1, e2], enqueued, ended) = (tally.exactly, tally.enqueued, tally.ended);
            let columns =
                [s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7], e0, e1, e2, enqueued, ended, used, queue];
            let limited: i64 =
                self.conn.prepare_cached(sql::QUEUE_COUNT)?.query_row(columns, |row| row.get(0))?;
            let is_awaited = limited == IS_LIMITED + 1 || limited == IS_IMPATIENT + 1;
            if is_awaited && s[JobState::Active as usize] < 0 {
                self.conn.prepare_cached(sql::QUEUE_LIMITED)?.execute([limited - 1, queue])?;
                freed.push(queue);
            }
            if IS_IMPATIENT <= limited {
                impatient.push(queue);
            }
        }
        freed.into_iter().for_each(|queue| self.wake(queue));
        self.free_lines()?;
        for (lane, by) in self.lanes.drain(..).filter(|(_, by)| *by != 0) {
            self.conn.prepare_cached(sql::LANE_COUNT)?.execute([by, lane])?;
        }
        let entered = std::mem::take(&mut self.entered);
        match impatient.is_empty() {
            true => Ok(()),
            false => self.make_room_where_jobs_entered(&impatient, entered),
        }
    }

    /// Takes note that a claim from a queue may give something now.
    pub(super) fn wake(&mut self, queue: i64) {
        if !self.notices.wakes.contains(&queue) {
            self.notices.wakes.push(queue);
        }
    }

    /// Tells whether anybody listens, here or elsewhere.
    pub(super) fn has_listeners(&self) -> bool {
        self.local.has_listeners() || self.local.others(self.shared.listeners)
    }

    pub(super) fn emit(&mut self, space: i64, event: Event) {
        self.notices.events.push((space, event));
    }

    /// Writes what all processes share, and the events for those that listen elsewhere.
    pub(super) fn finish(mut self, before: Shared) -> Step<(Notices, Shared)> {
        self.flush()?;
        let first = self.shared.events + 1;
        self.shared.events += self.notices.events.len() as i64;
        if self.local.others(self.shared.listeners) && !self.notices.events.is_empty() {
            self.keep_events(first)?;
        }
        if before != self.shared {
            let Shared { numbers, events, listeners, .. } = self.shared;
            let now = super::super::bytes::micros(self.now);
            self.conn.prepare_cached(sql::STORE_WRITE)?.execute((now, numbers, events, listeners))?;
        }
        Ok((self.notices, self.shared))
    }

    fn keep_events(&mut self, first: i64) -> Step<()> {
        let mut add = self.conn.prepare_cached(sql::EVENT_ADD)?;
        for (number, (space, event)) in (first..).zip(&self.notices.events) {
            add.execute((number, space, event_record::write(event)?))?;
        }
        self.conn.prepare_cached(sql::EVENT_TRIM)?.execute([self.shared.events - KEPT_EVENTS])?;
        self.notices.kept_events = true;
        Ok(())
    }
}

/// Returns bits for the lot of a batch of tokens.
pub(super) fn lot() -> u64 {
    random_bits()
}

/// Says what cannot be read.
pub(super) fn readable<T>(value: Option<T>, what: &'static str) -> Step<T> {
    value.ok_or(Fault::Unreadable(what))
}
