//! The numbers of queues and lanes. They never change, so each is looked up once.

use foldhash::HashMap;
use rusqlite::{Connection, OptionalExtension};

use super::super::statements as sql;
use super::fault::Step;
use crate::job::Name;

/// What the jobs of a lane have in common.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct LaneKey {
    pub(super) queue: i64,
    pub(super) task: Name,
    pub(super) version: u32,
    pub(super) suspect: bool,
    /// Whether each of them has a key.
    pub(super) keyed: bool,
}

/// What has been looked up.
#[derive(Debug, Default)]
pub(super) struct Names {
    queues: HashMap<(i64, Name), i64>,
    queue_names: HashMap<i64, (i64, Name)>,
    lanes: HashMap<LaneKey, i64>,
    lane_keys: HashMap<i64, LaneKey>,
}

/// How many names are remembered; beyond it all are looked up again.
const MOST: usize = 10_000;

impl Names {
    /// Forgets everything: what was made in a step that failed is not there.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    pub(super) fn find_queue(&mut self, conn: &Connection, space: i64, name: &Name) -> Step<Option<i64>> {
        let key = (space, name.clone());
        if let Some(queue) = self.queues.get(&key) {
            return Ok(Some(*queue));
        }
        let mut find = conn.prepare_cached(sql::QUEUE_FIND)?;
        let queue = find.query_row((space, name.as_str()), |row| row.get(0)).optional()?;
        if let Some(queue) = queue {
            self.keep_queue(queue, key);
        }
        Ok(queue)
    }

    /// Returns the queue of this name, made if there is none.
    pub(super) fn queue(&mut self, conn: &Connection, space: i64, name: &Name) -> Step<i64> {
        if let Some(queue) = self.find_queue(conn, space, name)? {
            return Ok(queue);
        }
        let mut add = conn.prepare_cached(sql::QUEUE_ADD)?;
        let queue = add.query_row((space, name.as_str()), |row| row.get(0))?;
        self.keep_queue(queue, (space, name.clone()));
        Ok(queue)
    }

    fn keep_queue(&mut self, queue: i64, (space, name): (i64, Name)) {
        if MOST < self.queues.len() {
            self.forget();
        }
        self.queue_names.insert(queue, (space, name.clone()));
        self.queues.insert((space, name), queue);
    }

    /// Returns the namespace and the name of a queue.
    pub(super) fn queue_name(&mut self, conn: &Connection, queue: i64) -> Step<(i64, Name)> {
        if let Some(name) = self.queue_names.get(&queue) {
            return Ok(name.clone());
        }
        let mut find = conn.prepare_cached(sql::QUEUE_NAMED)?;
        let (space, name) = find.query_row([queue], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))?;
        let key = (space, Name::from_stored(&name));
        self.keep_queue(queue, key.clone());
        Ok(key)
    }

    /// Returns the lane of jobs that have this in common, made if there is none.
    pub(super) fn lane(&mut self, conn: &Connection, key: &LaneKey) -> Step<i64> {
        if let Some(lane) = self.lanes.get(key) {
            return Ok(*lane);
        }
        let columns = (key.queue, key.task.as_str(), key.version, key.suspect, key.keyed);
        let found = conn.prepare_cached(sql::LANE_FIND)?.query_row(columns, |row| row.get(0)).optional()?;
        let lane = match found {
            Some(lane) => lane,
            None => conn.prepare_cached(sql::LANE_ADD)?.query_row(columns, |row| row.get(0))?,
        };
        self.keep_lane(lane, key.clone());
        Ok(lane)
    }

    fn keep_lane(&mut self, lane: i64, key: LaneKey) {
        if MOST < self.lanes.len() {
            self.forget();
        }
        self.lane_keys.insert(lane, key.clone());
        self.lanes.insert(key, lane);
    }

    /// Returns what the jobs of a lane have in common.
    pub(super) fn lane_key(&mut self, conn: &Connection, lane: i64) -> Step<LaneKey> {
        if let Some(key) = self.lane_keys.get(&lane) {
            return Ok(key.clone());
        }
        let mut find = conn.prepare_cached(sql::LANE_NAMED)?;
        let key = find.query_row([lane], |row| {
            let task = row.get::<_, String>(1)?;
            let (queue, version, suspect, keyed) = (row.get(0)?, row.get(2)?, row.get(3)?, row.get(4)?);
            Ok(LaneKey { queue, task: Name::from_stored(&task), version, suspect, keyed })
        })?;
        self.keep_lane(lane, key.clone());
        Ok(key)
    }
}
