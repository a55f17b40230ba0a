//! The claim: promotes what is due, throws out what has expired, and hands out the best waiting jobs.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use rusqlite::{OptionalExtension, Statement};

use super::super::bytes::{fences_from, id_of, micros, mint, time_of, token_of};
use super::super::{options, statements as sql};
use super::fault::Step;
use super::names::LaneKey;
use super::row::Row;
use super::tx::{Tx, lot, readable};
use crate::backend::{CallId, Claim, Claimed, ClaimedJob, MAX_BATCH, TaskSet};
use crate::clock::Timestamp;
use crate::event::{EventData, EventKind};
use crate::job::{Envelope, JobState, Name, Status, WorkerId};
use crate::lifecycle::{Admission, admit};

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
struct LaneHeads {
    lane: i64,
    key: LaneKey,
    heads: VecDeque<Head>,
    /// Behind which place to read on; `None` when there is nothing left.
    behind: Option<(i64, i64)>,
}

/// A job that may be handed out.
struct Head {
    job: i64,
    place: (i64, i64),
    status: Status,
    envelope: Envelope,
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
            if let Some(queue) = self.find_queue(space, name)?
                && !self.is_paused(queue)?
            {
                if is_new {
                    self.promote_due(queue)?;
                    self.flush()?;
                    self.take(queue, name, wanted, &mut claimed)?;
                }
                self.note_next_due(queue, &mut claimed)?;
            }
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

    fn is_paused(&self, queue: i64) -> Step<bool> {
        Ok(self.conn.prepare_cached(sql::QUEUE_PAUSED)?.query_row([queue], |row| row.get(0))?)
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
            let seq = self.number();
            self.conn.prepare_cached(sql::PROMOTE)?.execute([seq, job])?;
            self.count(queue, JobState::Delayed, -1);
            self.count(queue, JobState::Waiting, 1);
            self.count_lane(lane, 1);
            self.wake(queue);
        }
        Ok(())
    }

    /// Takes the best jobs of the lanes that the worker can run.
    fn take(&mut self, queue: i64, name: &Name, wanted: &Wanted, claimed: &mut Claimed) -> Step<()> {
        let worker = wanted.call.sender;
        let mut lanes = self.lanes_for(queue, name, wanted, claimed)?;
        let lot = lot();
        let mut start = self.conn.prepare_cached(sql::CLAIM_START)?;
        while claimed.jobs.len() < wanted.limit {
            let chunk = (wanted.limit - claimed.jobs.len()).div_ceil(lanes.len().max(1));
            let Some((head, place)) = self.best_head(&mut lanes, name, chunk)? else { return Ok(()) };
            if admit(&head.status, self.now) == Admission::Expire {
                if let Some(mut row) = self.load(head.job)? {
                    self.expire_job(&mut row)?;
                }
                continue;
            }
            let (lane, suspect) = (lanes[place].lane, lanes[place].key.suspect);
            claimed.jobs.push(self.hand_out(&mut start, head, (queue, lane), (worker, lot))?);
            if suspect {
                lanes.retain(|lane| !lane.key.suspect);
            }
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
            let (lane, version, suspect) = (row.get(0)?, row.get(2)?, row.get(3)?);
            if wanted.tasks.runs(task, version) {
                let key = LaneKey { queue, task: Name::from_stored(task), version, suspect };
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

    /// Takes the best job of all lanes. Returns it with the place of its lane.
    fn best_head(
        &mut self,
        lanes: &mut [LaneHeads],
        name: &Name,
        chunk: usize,
    ) -> Step<Option<(Head, usize)>> {
        for lane in lanes.iter_mut() {
            self.read_on(lane, name, chunk)?;
        }
        let heads = lanes.iter().enumerate();
        let heads = heads.filter_map(|(place, lane)| lane.heads.front().map(|head| (head.place, place)));
        let best = heads.min().map(|(_, place)| place);
        Ok(best.and_then(|place| lanes[place].heads.pop_front().map(|head| (head, place))))
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

    fn head(&self, row: &rusqlite::Row<'_>, name: &Name, key: &LaneKey) -> Step<Head> {
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
        Ok(Head { job, place: (i64::from(priority), row.get(2)?), status, envelope })
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
        Ok(ClaimedJob { envelope, token, attempt, crashes })
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
            claimed.jobs.push(ClaimedJob { envelope: Arc::new(envelope), token, attempt, crashes });
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
