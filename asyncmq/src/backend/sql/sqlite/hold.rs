//! What a queue is held to, during one step: who may start, and what has started.

use foldhash::HashMap;
use rusqlite::{Connection, OptionalExtension};
use serde::{Deserialize, Serialize};

use super::super::bytes::micros;
use super::super::statements as sql;
use super::fault::Step;
use super::limit_text::{read_limit, write_limit};
use super::tx::{IS_IMPATIENT, IS_LIMITED, Tx};
use crate::backend::limits::{LimitTable, PART, group_of, standings, too_many_weights};
use crate::backend::{KeyWeight, LimitInfo, LimitStanding, MAX_KEY_WEIGHTS, StoreError};
use crate::clock::Timestamp;
use crate::job::{Limit, LimitScope, LimitSource, Name};
use crate::lifecycle::{Allowance, Starts, allowance};

/// How many groups that have been idle for long are looked at at once.
const IDLE_AT_ONCE: i64 = 1_000;

/// The limits of a queue that is claimed from.
pub(super) struct Hold {
    queue: i64,
    pub(super) table: LimitTable,
    /// The running jobs of the queue.
    active: u32,
    /// What is known of groups; no text is the queue itself.
    tallies: HashMap<String, Tally>,
    /// Whether a permit was missing.
    is_awaited: bool,
    /// How many lines were taken aside.
    pub(super) parked: usize,
    /// How many jobs had to go to make room, and whether more had to.
    pub(super) gone: usize,
    pub(super) is_crowded: bool,
    /// How many times the limits were changed.
    pub(super) era: i64,
}

/// What one group has in hand and has started.
struct Tally {
    running: u32,
    starts: Starts,
    is_changed: bool,
}

/// What has started under a rate limit, as it is stored: tokens and their time, starts in the window.
#[derive(Serialize, Deserialize)]
struct StartsText(Option<(f64, u64)>, Vec<(u64, u32)>);

fn write_starts(starts: &Starts) -> serde_json::Result<String> {
    let bucket = starts.bucket.map(|(tokens, at)| (tokens, at.as_micros()));
    let window = starts.window.iter().map(|(at, count)| (at.as_micros(), *count)).collect();
    serde_json::to_string(&StartsText(bucket, window))
}

fn read_starts(text: &str) -> serde_json::Result<Starts> {
    let StartsText(bucket, window) = serde_json::from_str(text)?;
    let time = Timestamp::from_micros;
    Ok(Starts {
        bucket: bucket.map(|(tokens, at)| (tokens, time(at))),
        window: window.into_iter().map(|(at, count)| (time(at), count)).collect(),
    })
}

/// Reads what is set for a queue.
pub(super) fn table(conn: &Connection, queue: i64) -> Step<LimitTable> {
    let mut table = LimitTable::default();
    let mut list = conn.prepare_cached(sql::LIMITS)?;
    let mut rows = list.query([queue])?;
    while let Some(row) = rows.next()? {
        let scope = match row.get_ref(0)?.as_str()? {
            "" => LimitScope::Queue,
            task => LimitScope::Task(Name::from_stored(task)),
        };
        let limit = |text: Option<String>| text.as_deref().and_then(read_limit);
        table.insert(LimitInfo { scope, declared: limit(row.get(1)?), ordered: limit(row.get(2)?) });
    }
    Ok(table)
}

/// Reads which keys of a queue give more than one job in their turn.
pub(super) fn key_weights(conn: &Connection, queue: i64) -> Step<Vec<KeyWeight>> {
    let mut list = conn.prepare_cached(sql::WEIGHTS)?;
    let rows = list.query_map([queue], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let weights: Vec<(String, u32)> = rows.collect::<Result<_, _>>()?;
    let weights = weights.into_iter().filter_map(|(group, weight)| {
        let (task, key) = group.split_once(PART)?;
        Some(KeyWeight { task: Name::from_stored(task), key: key.into(), weight })
    });
    Ok(weights.collect())
}

/// Reads how many jobs of a queue run, and how many wait.
fn active(conn: &Connection, queue: i64) -> Step<(u32, i64)> {
    let mut find = conn.prepare_cached(sql::QUEUE_ACTIVE)?;
    Ok(find.query_row([queue], |row| Ok((row.get(0)?, row.get(1)?)))?)
}

impl Hold {
    /// Reads what a queue is held to; its counters must have been written.
    pub(super) fn of(conn: &Connection, queue: i64) -> Step<Self> {
        let (table, (active, _)) = (table(conn, queue)?, active(conn, queue)?);
        let tallies = HashMap::default();
        let (is_awaited, is_crowded) = (false, false);
        Ok(Self { queue, table, active, tallies, is_awaited, parked: 0, gone: 0, is_crowded, era: 0 })
    }

    fn tally(&mut self, conn: &Connection, group: &str, limit: Limit) -> Step<&mut Tally> {
        if !self.tallies.contains_key(group) {
            let key = (self.queue, group);
            let running = match limit.concurrency_limit() {
                Some(_) if !group.is_empty() => {
                    conn.prepare_cached(sql::RUNNING)?.query_row(key, |row| row.get(0))?
                }
                _ => 0,
            };
            let starts: Option<String> = match limit.rate_limit() {
                Some(_) => conn.prepare_cached(sql::STARTS)?.query_row(key, |row| row.get(0)).optional()?,
                None => None,
            };
            let starts = starts.map_or(Ok(Starts::default()), |text| read_starts(&text))?;
            self.tallies.insert(group.to_owned(), Tally { running, starts, is_changed: false });
        }
        Ok(self.tallies.get_mut(group).expect("it was just put there"))
    }

    fn limit_of(&self, task: Option<&Name>) -> Limit {
        task.map_or_else(|| self.table.limit(&LimitScope::Queue), |task| self.table.of_task(task))
    }

    /// Returns what a group may start: that of a task or a key, or the whole queue.
    pub(super) fn allowance(
        &mut self,
        conn: &Connection,
        task: Option<&Name>,
        group: &str,
        now: Timestamp,
    ) -> Step<Allowance> {
        let limit = self.limit_of(task);
        if limit.is_none() {
            return Ok(Allowance::May(u32::MAX));
        }
        let active = self.active;
        let tally = self.tally(conn, group, limit)?;
        let running = if task.is_some() { tally.running } else { active };
        let allowance = allowance(limit, running, &tally.starts, now);
        self.is_awaited |= allowance == Allowance::Full;
        Ok(allowance)
    }

    /// Returns how many jobs of a group run.
    pub(super) fn running(&mut self, conn: &Connection, task: &Name, group: &str) -> Step<u32> {
        let limit = self.limit_of(Some(task));
        Ok(self.tally(conn, group, limit)?.running)
    }

    /// Takes note that a job of a group starts.
    pub(super) fn start(&mut self, conn: &Connection, task: &Name, group: &str, now: Timestamp) -> Step<()> {
        self.active += 1;
        for (task, group) in [(None, ""), (Some(task), group)] {
            let limit = self.limit_of(task);
            if limit.is_none() {
                continue;
            }
            let tally = self.tally(conn, group, limit)?;
            tally.running += 1;
            if let Some(rate) = limit.rate_limit() {
                tally.starts.note(rate, 1, now);
                tally.is_changed = true;
            }
        }
        Ok(())
    }

    /// Writes what has started, and that somebody waits for a permit.
    pub(super) fn save(&self, conn: &Connection, now: Timestamp) -> Step<()> {
        for (group, tally) in self.tallies.iter().filter(|(_, tally)| tally.is_changed) {
            let columns = (self.queue, group, micros(now), write_starts(&tally.starts)?);
            conn.prepare_cached(sql::STARTS_SAVE)?.execute(columns)?;
        }
        if self.is_awaited {
            conn.prepare_cached(sql::QUEUE_REFUSES)?.execute([self.queue])?;
        }
        Ok(())
    }

    /// Returns how the limits stand that hold for a job.
    pub(super) fn standings(
        mut self,
        conn: &Connection,
        task: &Name,
        key: Option<&str>,
        now: Timestamp,
    ) -> Step<Vec<LimitStanding>> {
        let table = self.table.clone();
        standings(&table, (task, key), now, |scope| {
            let (task, group) = match scope {
                LimitScope::Queue => (None, String::new()),
                LimitScope::Task(task) => (Some(task), group_of(task, key)),
            };
            let (limit, active) = (self.limit_of(task), self.active);
            let tally = self.tally(conn, &group, limit)?;
            Ok((task.map_or(active, |_| tally.running), tally.starts.clone()))
        })
    }
}

impl Tx<'_> {
    /// Sets limits of a queue. Returns whether anything changed.
    pub(super) fn set_limits(
        &mut self,
        space: i64,
        name: &Name,
        source: LimitSource,
        limits: &[(LimitScope, Option<Limit>)],
    ) -> Step<bool> {
        let known = self.find_queue(space, name)?;
        if known.is_none() && limits.iter().all(|(_, limit)| limit.is_none()) {
            return Ok(false);
        }
        let queue = self.queue(space, name)?;
        let mut table = table(self.conn, queue)?;
        if !table.set(source, limits) {
            return Ok(false);
        }
        for (scope, _) in limits {
            let text = match scope {
                LimitScope::Queue => "",
                LimitScope::Task(task) => task.as_str(),
            };
            match table.infos().into_iter().find(|info| info.scope == *scope) {
                None => self.conn.prepare_cached(sql::LIMIT_DELETE)?.execute((queue, text))?,
                Some(info) => {
                    let declared = info.declared.as_ref().map(write_limit).transpose()?;
                    let ordered = info.ordered.as_ref().map(write_limit).transpose()?;
                    self.conn.prepare_cached(sql::LIMIT_SAVE)?.execute((queue, text, declared, ordered))?
                }
            };
        }
        if source == LimitSource::Ordered {
            self.conn.prepare_cached(sql::QUEUE_USE)?.execute([queue])?;
        }
        // A queue without limits is gone through as one that has some, until nothing is parked any more.
        let limited = if table.is_impatient() { IS_IMPATIENT } else { IS_LIMITED };
        self.conn.prepare_cached(sql::QUEUE_LIMITED)?.execute([limited, queue])?;
        self.conn.prepare_cached(sql::QUEUE_ERA)?.execute([queue])?;
        // Other processes that miss the message see that a number was given.
        self.number();
        self.wake(queue);
        Ok(true)
    }

    /// Returns when a token is there that something of the queue may wait for.
    pub(super) fn next_token(&mut self, queue: i64) -> Step<Option<Timestamp>> {
        let mut hold = Hold::of(self.conn, queue)?;
        self.next_token_under(&mut hold)
    }

    /// The same for a queue whose limits have been read.
    pub(super) fn next_token_under(&mut self, hold: &mut Hold) -> Step<Option<Timestamp>> {
        self.flush()?;
        let queue = hold.queue;
        if active(self.conn, queue)?.1 == 0 {
            return Ok(None);
        }
        let tasks: Vec<Name> = hold.table.tasks().cloned().collect();
        let groups = tasks.iter().map(|task| (Some(task), task.as_str()));
        let mut next: Option<i64> =
            self.conn.prepare_cached(sql::LINES_NEXT_DUE)?.query_row([queue], |row| row.get(0))?;
        for (task, group) in groups.chain([(None, "")]) {
            if let Allowance::Until(time) = hold.allowance(self.conn, task, group, self.now)? {
                next = Some(next.map_or(micros(time), |next| next.min(micros(time))));
            }
        }
        Ok(next.map(super::super::bytes::time_of))
    }

    /// Says how many jobs a key gives in its turn. Returns whether anything changed; an error if there are too many such keys.
    pub(super) fn set_key_weight(
        &mut self,
        (space, name): (i64, &Name),
        (task, key): (&Name, &str),
        weight: u32,
    ) -> Step<Result<bool, StoreError>> {
        let (queue, group) = (self.queue(space, name)?, group_of(task, Some(key)));
        let kept = key_weights(self.conn, queue)?;
        let known = kept.iter().find(|kept| kept.task == *task && *kept.key == *key);
        if known.map_or(1, |known| known.weight) == weight {
            return Ok(Ok(false));
        }
        if weight <= 1 {
            self.conn.prepare_cached(sql::WEIGHT_DELETE)?.execute((queue, group))?;
        } else if known.is_none() && MAX_KEY_WEIGHTS <= kept.len() {
            return Ok(Err(too_many_weights()));
        } else {
            self.conn.prepare_cached(sql::WEIGHT_SAVE)?.execute((queue, group, weight))?;
            self.conn.prepare_cached(sql::QUEUE_USE)?.execute([queue])?;
        }
        Ok(Ok(true))
    }

    /// Forgets groups of which nothing has started for so long that it need not be remembered.
    pub(super) fn forget_idle(&mut self, queue: i64) -> Step<()> {
        let mut oldest = self.conn.prepare_cached(sql::STARTS_OLDEST)?;
        let rows = oldest.query_map([queue, IDLE_AT_ONCE], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let groups: Vec<(String, String)> = rows.collect::<Result<_, _>>()?;
        if groups.is_empty() {
            return Ok(());
        }
        let table = table(self.conn, queue)?;
        for (group, text) in groups {
            let task = group.split(PART).next().unwrap_or_default();
            let limit = match task {
                "" => table.limit(&LimitScope::Queue),
                task => table.of_task(&Name::from_stored(task)),
            };
            let starts = read_starts(&text)?;
            if limit.rate_limit().is_none_or(|rate| starts.is_idle(rate, self.now)) {
                self.conn.prepare_cached(sql::STARTS_DELETE)?.execute((queue, group))?;
            }
        }
        Ok(())
    }
}
