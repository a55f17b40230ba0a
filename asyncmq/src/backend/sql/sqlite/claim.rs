//! The claim: promotes what is due, throws out what has expired, and hands out the best waiting jobs.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use rusqlite::{OptionalExtension, Statement};

use super::super::bytes::{fences_from, id_of, micros, mint, time_of, token_of};
use super::super::{options, statements as sql};
use super::fault::Step;
use super::hold::Hold;
use super::names::LaneKey;
use super::room::Entered;
use super::row::Row;
use super::tx::{Tx, lot, readable};
use crate::backend::{CallId, Claim, Claimed, ClaimedJob, MAX_BATCH, TaskSet};
use crate::clock::Timestamp;
use crate::event::{EventData, EventKind};
use crate::job::{Envelope, JobState, Name, Status, WorkerId};
use crate::lifecycle::{Admission, Allowance, admit};

/// A claim that can wait for its transaction.
#[derive(Debug)]
pub(super) struct Wanted {
    call: CallId,
    queues: Vec<Name>,
    tasks: TaskSet,
    limit: usize,
    lease: std::time::Duration,
}

impl From<Claim<'_>> for Wanted {
    fn from(claim: Claim<'_>) -> Self {
        Self {
            call: claim.call,
            queues: claim.queues.to_vec(),
            tasks: claim.tasks.clone(),
            limit: claim.limit.min(MAX_BATCH),
            lease: claim.lease,
        }
    }
}

/// The waiting jobs of one lane, read a few at a time.
pub(super) struct LaneHeads {
    pub(super) lane: i64,
    pub(super) key: LaneKey,
    pub(super) heads: VecDeque<Head>,
    /// Behind which place to read on; `None` when there is nothing left.
    pub(super) behind: Option<(i64, i64)>,
}

/// A job that may be handed out.
pub(super) struct Head {
    job: i64,
    place: (i64, i64),
    status: Status,
    envelope: Envelope,
    /// The line of the job's key, and the key's group.
    pub(super) line: Option<(i64, String)>,
}

impl Tx<'_> {
    pub(super) fn claim(&mut self, space: i64, wanted: &Wanted) -> Step<Claimed> {
        let worker = wanted.call.sender;
        let latest = self.renew(space, worker, self.now.after(wanted.lease))?;
        let sequence = wanted.call.sequence.cast_signed();
        // A claim that was held up on its way: its worker went on without it, and would never learn what it took.
        let is_past = latest.as_ref().is_some_and(|(number, ..)| sequence < *number);
        let again = latest.filter(|(number, ..)| *number == sequence);
        let mut claimed = match &again {
            Some((_, first, last)) => self.claim_again(worker, first, last)?,
            None => Claimed::default(),
        };
        let (before, is_new) = (self.shared.numbers, again.is_none() && !is_past);
        for name in &wanted.queues {
            let Some(queue) = self.find_queue(space, name)? else { continue };
            let (is_paused, era) = self.gate(queue)?;
            if is_paused {
                continue;
            }
            if is_new {
                self.promote_due(queue)?;
                self.flush()?;
            }
            let token = match era {
                Some(era) if is_new => self.take_held((queue, name), era, wanted, &mut claimed)?,
                Some(_) => self.next_token(queue)?,
                None if is_new => {
                    self.take((queue, name), wanted, &mut claimed, None)?;
                    None
                }
                None => None,
            };
            self.note_next_due(queue, &mut claimed)?;
            let token = token.map(|time| time.since(self.now));
            claimed.next_due = [claimed.next_due, token].into_iter().flatten().min();
            claimed.awaits_token |= token.is_some();
        }
        if is_new {
            let (first, last) = (fences_from(before + 1), fences_from(self.shared.numbers + 1));
            let mut remember = self.conn.prepare_cached(sql::SESSION_CLAIMED)?;
            remember.execute((sequence, first, last, worker.as_uuid().into_bytes()))?;
        }
        Ok(claimed)
    }

    /// Makes a worker's lease last until then. Returns its latest claim: its number, and where its tokens lie.
    #[expect(clippy::type_complexity, reason = "three columns, taken apart at once")]
    pub(super) fn renew(
        &mut self,
        space: i64,
        worker: WorkerId,
        until: Timestamp,
    ) -> Step<Option<(i64, Vec<u8>, Vec<u8>)>> {
        let mut renew = self.conn.prepare_cached(sql::SESSION_RENEW)?;
        let columns = (worker.as_uuid().into_bytes(), space, micros(until));
        Ok(renew.query_row(columns, |row| {
            let number: Option<i64> = row.get(0)?;
            number.map(|number| Ok((number, row.get(1)?, row.get(2)?))).transpose()
        })?)
    }

    /// Tells whether a queue gives nothing out, and if it is held to limits how many times those were changed.
    fn gate(&self, queue: i64) -> Step<(bool, Option<i64>)> {
        let mut find = self.conn.prepare_cached(sql::QUEUE_PAUSED)?;
        Ok(find.query_row([queue], |row| {
            let (is_limited, era) = (row.get::<_, i64>(1)? != 0, row.get(2)?);
            Ok((row.get(0)?, is_limited.then_some(era)))
        })?)
    }

    /// Takes note of how long until the next delayed job of a queue is due.
    fn note_next_due(&self, queue: i64, claimed: &mut Claimed) -> Step<()> {
        let mut next = self.conn.prepare_cached(sql::NEXT_DUE)?;
        let due: Option<i64> = next.query_row([queue], |row| row.get(0)).optional()?;
        let due = due.map(|run_at| time_of(run_at).since(self.now));
        claimed.next_due = [claimed.next_due, due].into_iter().flatten().min();
        Ok(())
    }

    /// Lets jobs wait whose time has come, at most a batch of them.
    fn promote_due(&mut self, queue: i64) -> Step<()> {
        let mut due = self.conn.prepare_cached(sql::DUE)?;
        let columns = (queue, micros(self.now), MAX_BATCH as i64);
        let due = due.query_map(columns, |row| Ok((row.get(0)?, row.get(1)?)))?;
        let due: Vec<(i64, i64)> = due.collect::<Result<_, _>>()?;
        for (job, lane) in due {
            if self.lane_key(lane)?.keyed {
                self.promote_keyed(job)?;
                continue;
            }
            let seq = self.number();
            self.conn.prepare_cached(sql::PROMOTE)?.execute([seq, job])?;
            self.count(queue, JobState::Delayed, -1);
            self.count(queue, JobState::Waiting, 1);
            self.count_lane(lane, 1);
            self.wake(queue);
        }
        Ok(())
    }

    fn promote_keyed(&mut self, job: i64) -> Step<()> {
        let mut row = readable(self.load(job)?, "a place without its job")?;
        row.status.state = JobState::Waiting;
        self.renumber(&mut row);
        self.save(&mut row)
    }

    /// Takes the best jobs that the limits of the queue let start. Returns when the next token is there.
    fn take_held(
        &mut self,
        (queue, name): (i64, &Name),
        era: i64,
        wanted: &Wanted,
        claimed: &mut Claimed,
    ) -> Step<Option<Timestamp>> {
        self.unpark_due(queue)?;
        let has_more = self.unpark_stale(queue, era)?;
        let mut hold = Hold::of(self.conn, queue)?;
        hold.era = era;
        self.take((queue, name), wanted, claimed, Some(&mut hold))?;
        if MAX_BATCH <= hold.parked || hold.is_crowded || has_more {
            claimed.next_due = Some(std::time::Duration::ZERO);
        } else if hold.table.is_empty() {
            self.conn.prepare_cached(sql::QUEUE_LIMITED)?.execute([0, queue])?;
            return Ok(None);
        }
        hold.save(self.conn, self.now)?;
        self.next_token_under(&mut hold)
    }

    /// Takes the best jobs of the lanes that the worker can run.
    fn take(
        &mut self,
        (queue, name): (i64, &Name),
        wanted: &Wanted,
        claimed: &mut Claimed,
        mut hold: Option<&mut Hold>,
    ) -> Step<()> {
        let worker = wanted.call.sender;
        let mut lanes = self.lanes_for(queue, name, wanted, claimed)?;
        let lot = lot();
        let mut party = lot as usize;
        let mut start = self.conn.prepare_cached(sql::CLAIM_START)?;
        while claimed.jobs.len() < wanted.limit {
            let queue_may = match hold.as_deref_mut() {
                None => Allowance::May(u32::MAX),
                Some(hold) => hold.allowance(self.conn, None, "", self.now)?,
            };
            if !matches!(queue_may, Allowance::May(_)) {
                return Ok(());
            }
            let chunk = (wanted.limit - claimed.jobs.len()).div_ceil(lanes.len().max(1));
            let best = self.best_head(&mut lanes, name, (chunk, party), hold.as_deref_mut())?;
            let Some((head, place)) = best else { return Ok(()) };
            party = place + 1;
            if admit(&head.status, self.now) == Admission::Expire {
                if let Some(mut row) = self.load(head.job)? {
                    self.expire_job(&mut row)?;
                }
                continue;
            }
            let (lane, suspect) = (lanes[place].lane, lanes[place].key.suspect);
            self.note_start(&head, hold.as_deref_mut())?;
            claimed.jobs.push(self.hand_out(&mut start, head, (queue, lane), (worker, lot))?);
            if suspect {
                lanes.retain(|lane| !lane.key.suspect);
            }
        }
        Ok(())
    }

    /// Takes note of a job that starts: in the line of its key, and among what its group has started.
    fn note_start(&mut self, head: &Head, hold: Option<&mut Hold>) -> Step<()> {
        if let Some((line, _)) = &head.line {
            self.leave_line(*line)?;
        }
        let Some(hold) = hold else { return Ok(()) };
        let task = &head.envelope.task;
        let group = head.line.as_ref().map_or(task.as_str(), |(_, group)| group);
        hold.start(self.conn, task, group, self.now)?;
        if head.line.is_none() && hold.table.of_task(task).concurrency_limit().is_some() {
            let columns = rusqlite::params![task.as_str(), rusqlite::types::Null, head.job];
            self.conn.prepare_cached(sql::JOB_GROUP)?.execute(columns)?;
        }
        Ok(())
    }

    /// Lists the lanes to take from, and takes note of waiting tasks that the worker does not know.
    fn lanes_for(
        &mut self,
        queue: i64,
        name: &Name,
        wanted: &Wanted,
        claimed: &mut Claimed,
    ) -> Step<Vec<LaneHeads>> {
        let mut waiting = self.conn.prepare_cached(sql::LANES_WAITING)?;
        let mut rows = waiting.query([queue])?;
        let mut lanes = Vec::new();
        while let Some(row) = rows.next()? {
            let task = row.get_ref(1)?.as_str()?;
            let (lane, version, suspect, keyed) = (row.get(0)?, row.get(2)?, row.get(3)?, row.get(4)?);
            if wanted.tasks.runs(task, version) {
                let key = LaneKey { queue, task: Name::from_stored(task), version, suspect, keyed };
                lanes.push(LaneHeads { lane, key, heads: VecDeque::new(), behind: Some((-1, -1)) });
            } else if !claimed.unknown.iter().any(|(of, known)| of == name && *known == task) {
                claimed.unknown.push((name.clone(), Name::from_stored(task)));
            }
        }
        drop(rows);
        if lanes.iter().any(|lane| lane.key.suspect) && self.holds_suspect(wanted.call.sender)? {
            lanes.retain(|lane| !lane.key.suspect);
        }
        Ok(lanes)
    }

    /// Tells whether a worker holds a job that a process has died with.
    pub(super) fn holds_suspect(&mut self, worker: WorkerId) -> Step<bool> {
        let worker = worker.as_uuid().into_bytes();
        Ok(self.conn.prepare_cached(sql::HOLDS_SUSPECT)?.query_row([worker], |row| row.get(0))?)
    }

    /// Takes the best job of all lanes. Returns it with the place of its lane. Among jobs of one priority, lanes with keys
    /// and all that has no keys take turns, from `party` on.
    fn best_head(
        &mut self,
        lanes: &mut [LaneHeads],
        name: &Name,
        (chunk, party): (usize, usize),
        mut hold: Option<&mut Hold>,
    ) -> Step<Option<(Head, usize)>> {
        for lane in lanes.iter_mut() {
            if lane.key.keyed {
                self.read_lines(lane, name, chunk, hold.as_deref_mut())?;
            } else {
                self.make_room_in_lane(lane, hold.as_deref_mut())?;
                self.read_on(lane, name, chunk)?;
            }
        }
        let first_plain = lanes.iter().position(|lane| !lane.key.keyed).unwrap_or_default();
        let mut best: Option<((i64, usize, i64), usize)> = None;
        for (place, lane) in lanes.iter().enumerate() {
            let Some(head) = lane.heads.front() else { continue };
            let of = if lane.key.keyed { place } else { first_plain };
            let turn = (of + lanes.len() - party % lanes.len()) % lanes.len();
            let rank = (head.place.0, turn, if lane.key.keyed { 0 } else { head.place.1 });
            if best.as_ref().is_none_or(|(best, _)| rank < *best)
                && self.may_start(lane, hold.as_deref_mut())?
            {
                best = Some((rank, place));
            }
        }
        Ok(best.and_then(|(_, place)| lanes[place].heads.pop_front().map(|head| (head, place))))
    }

    /// Makes room in a lane without keys. What was read of it is read again if something had to go.
    fn make_room_in_lane(&mut self, lane: &mut LaneHeads, hold: Option<&mut Hold>) -> Step<()> {
        let Some(hold) = hold else { return Ok(()) };
        if self.make_room(hold, &Entered { queue: lane.key.queue, lane: lane.lane, line: None })? {
            lane.heads.clear();
            lane.behind = Some((-1, -1));
        }
        Ok(())
    }

    /// Tells whether the limit of a lane's task lets a job of it start; that of a key was asked when it was read.
    fn may_start(&self, lane: &LaneHeads, hold: Option<&mut Hold>) -> Step<bool> {
        let Some(hold) = hold.filter(|_| !lane.key.keyed) else { return Ok(true) };
        let task = &lane.key.task;
        Ok(matches!(hold.allowance(self.conn, Some(task), task, self.now)?, Allowance::May(_)))
    }

    /// Reads the next jobs of a lane, if those that were read are used up.
    fn read_on(&mut self, lane: &mut LaneHeads, name: &Name, chunk: usize) -> Step<()> {
        let Some((priority, seq)) = lane.behind else { return Ok(()) };
        if !lane.heads.is_empty() {
            return Ok(());
        }
        let mut read = self.conn.prepare_cached(sql::CLAIM_HEADS)?;
        let mut rows = read.query((lane.lane, priority, seq, chunk as i64))?;
        while let Some(row) = rows.next()? {
            lane.heads.push_back(self.head(row, name, &lane.key)?);
        }
        let more = lane.heads.len() == chunk;
        lane.behind = lane.heads.back().filter(|_| more).map(|head| head.place);
        Ok(())
    }

    pub(super) fn head(&self, row: &rusqlite::Row<'_>, name: &Name, key: &LaneKey) -> Step<Head> {
        let (job, priority): (i64, u8) = (row.get(0)?, row.get(1)?);
        let mut status = Status::new(JobState::Waiting, Timestamp::default(), time_of(row.get(7)?));
        status.attempt = row.get(4)?;
        status.crashes = row.get(5)?;
        status.expires_at = row.get::<_, Option<i64>>(8)?.map(time_of);
        let id = readable(id_of(row.get_ref(3)?.as_blob()?), "a job's id")?;
        let args = self.args(job, row.get_ref(10)?.as_blob_or_null()?)?;
        let mut envelope = Envelope::new(id, name.clone(), key.task.clone(), args);
        (envelope.version, envelope.priority, envelope.max_attempts) = (key.version, priority, row.get(6)?);
        if let Some(text) = row.get_ref(9)?.as_str_or_null()? {
            options::read(text, &mut envelope)?;
        }
        Ok(Head { job, place: (i64::from(priority), row.get(2)?), status, envelope, line: None })
    }

    /// Returns a job's arguments, from wherever they are.
    fn args(&self, job: i64, small: Option<&[u8]>) -> Step<Bytes> {
        match small {
            Some(args) => Ok(Bytes::copy_from_slice(args)),
            None => {
                let args: Vec<u8> =
                    self.conn.prepare_cached(sql::PAYLOAD)?.query_row([job], |row| row.get(0))?;
                Ok(args.into())
            }
        }
    }

    /// Starts an attempt: the job is now in the worker's hand.
    fn hand_out(
        &mut self,
        start: &mut Statement<'_>,
        head: Head,
        (queue, lane): (i64, i64),
        (worker, lot): (WorkerId, u64),
    ) -> Step<ClaimedJob> {
        let (token, fence) = mint(self.number(), lot, head.job);
        let (attempt, crashes) = (head.status.attempt + 1, head.status.crashes);
        start.execute((attempt, micros(self.now), worker.as_uuid().into_bytes(), fence.0, head.job))?;
        self.count(queue, JobState::Waiting, -1);
        self.count(queue, JobState::Active, 1);
        self.count_lane(lane, -1);
        let envelope = Arc::new(head.envelope);
        let row = (queue, attempt, Some(worker));
        self.emit_envelope(EventKind::Started, &envelope, row, || EventData::None)?;
        let (inputs, withheld) = self.inputs(head.job, &envelope)?;
        Ok(ClaimedJob { envelope, token, attempt, crashes, inputs, withheld })
    }

    /// Returns what a worker still holds of its latest claim.
    fn claim_again(&mut self, worker: WorkerId, first: &[u8], last: &[u8]) -> Step<Claimed> {
        let worker = worker.as_uuid().into_bytes();
        let mut claimed = Claimed::default();
        let mut again = self.conn.prepare_cached(sql::CLAIM_AGAIN)?;
        let mut rows = again.query((worker, first, last))?;
        while let Some(row) = rows.next()? {
            let (job, queue, lane): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let token = readable(token_of(row.get_ref(3)?.as_blob()?, job), "a claim")?;
            let (_, name) = self.names.queue_name(self.conn, queue)?;
            let key = self.names.lane_key(self.conn, lane)?;
            let id = readable(id_of(row.get_ref(4)?.as_blob()?), "a job's id")?;
            let args = self.args(job, row.get_ref(10)?.as_blob_or_null()?)?;
            let mut envelope = Envelope::new(id, name, key.task, args);
            (envelope.version, envelope.priority, envelope.max_attempts) =
                (key.version, row.get(8)?, row.get(7)?);
            if let Some(text) = row.get_ref(9)?.as_str_or_null()? {
                options::read(text, &mut envelope)?;
            }
            let (attempt, crashes) = (row.get(5)?, row.get(6)?);
            let (inputs, withheld) = self.inputs(job, &envelope)?;
            let envelope = Arc::new(envelope);
            claimed.jobs.push(ClaimedJob { envelope, token, attempt, crashes, inputs, withheld });
        }
        Ok(claimed)
    }

    /// Makes a dead message of a job whose time to live is over.
    pub(super) fn expire_job(&mut self, row: &mut Row) -> Step<()> {
        row.status.state = JobState::Expired;
        row.status.finished_at = Some(self.now);
        self.emit_job(EventKind::Expired, row, |_| EventData::None)?;
        self.retire(row, crate::job::Retention::Standard)
    }
}
