//! One job as a step sees it, and the moves that keep its row, the counters and the waiting workers in step.

use std::sync::Arc;

use bytes::Bytes;
use rusqlite::OptionalExtension;

use super::super::bytes::{fence, id_of, job_of, micros, time_of, worker_of};
use super::super::{note_record, options, statements as sql};
use super::fault::{Fault, Step};
use super::line::is_keyed;
use super::names::LaneKey;
use super::pins::PINNED;
use super::tx::{Tx, readable};
use crate::backend::{Report, Token};
use crate::event::{Event, EventData, EventKind};
use crate::job::{Envelope, JobState, Name, Retention, Status, WorkerId, keep_lines};
use crate::lifecycle::{Keep, Limits, keep};

/// What binds a job to others: a deduplication key, and jobs of which one waits for the other.
const KEYED: i64 = 1;
const KIN: i64 = 2;

/// One job.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a column")]
pub(super) struct Row {
    pub(super) job: i64,
    pub(super) queue: i64,
    pub(super) seq: i64,
    pub(super) token: Option<Vec<u8>>,
    pub(super) charged: bool,
    /// Somebody wants the running job cancelled, for this reason.
    pub(super) cancel: Option<Option<String>>,
    pub(super) noted: bool,
    /// Whether it has a deduplication key.
    pub(super) keyed: bool,
    /// Whether it waits, or waited, for others, or others for it.
    pub(super) kin: bool,
    pub(super) keep_until: Option<i64>,
    /// Everything that changes; failures, lines and progress only once they are loaded.
    pub(super) status: Status,
    /// Whether large arguments lie apart.
    apart: bool,
    lane: i64,
    priority: i64,
    /// Whose permits it counts among; that of its key if it has one.
    group: Option<String>,
    /// Where it waits, if it has a key.
    line: Option<i64>,
    /// Whether it lives its last life from now on; nothing if that is as its lane says.
    pub(super) suspect: Option<bool>,
    /// How it stood when it was last written.
    stored: (JobState, i64, bool),
}

fn read_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Option<Row>> {
    let Some(state) = JobState::from_name(row.get_ref(5)?.as_str()?) else { return Ok(None) };
    let (lane, keep_until, bonds): (i64, Option<i64>, i64) = (row.get(2)?, row.get(13)?, row.get(23)?);
    let mut status = Status::new(state, time_of(row.get(8)?), time_of(row.get(9)?));
    status.attempt = row.get(6)?;
    status.crashes = row.get(7)?;
    status.expires_at = row.get::<_, Option<i64>>(10)?.map(time_of);
    status.started_at = row.get::<_, Option<i64>>(11)?.map(time_of);
    status.finished_at = row.get::<_, Option<i64>>(12)?.map(time_of);
    status.worker = row.get_ref(14)?.as_blob_or_null()?.and_then(worker_of);
    let reason: Option<String> = row.get(19)?;
    let cancelling: bool = row.get(17)?;
    let cancel = cancelling.then(|| reason.clone());
    status.set_reason(if cancelling { None } else { reason });
    Ok(Some(Row {
        job: row.get(0)?,
        queue: row.get(1)?,
        seq: row.get(4)?,
        token: row.get(15)?,
        charged: row.get(16)?,
        cancel,
        noted: row.get(18)?,
        keyed: bonds & KEYED != 0,
        kin: bonds & KIN != 0,
        keep_until,
        status,
        apart: row.get(20)?,
        lane,
        priority: row.get(3)?,
        group: row.get(21)?,
        line: row.get(22)?,
        suspect: None,
        stored: (state, lane, keep_until.is_some()),
    }))
}

impl Row {
    /// Tells whether this is still the claim that may settle the job.
    pub(super) fn is_claim(&self, token: Token) -> bool {
        self.token.as_deref() == Some(&fence(token).0)
    }
}

impl Tx<'_> {
    pub(super) fn load(&mut self, job: i64) -> Step<Option<Row>> {
        let found = self.conn.prepare_cached(sql::JOB_LOAD)?.query_row([job], read_row).optional()?;
        found.map(|row| readable(row, "a job's state")).transpose()
    }

    /// Loads the job of a claim, if nobody else claimed it since.
    pub(super) fn load_claimed(&mut self, token: Token) -> Step<Option<Row>> {
        Ok(self.load(job_of(token))?.filter(|row| row.is_claim(token)))
    }

    /// Loads what failures, lines and progress there are.
    pub(super) fn load_notes(&mut self, row: &mut Row) -> Step<()> {
        if !row.noted {
            return Ok(());
        }
        let mut load = self.conn.prepare_cached(sql::NOTES_LOAD)?;
        let texts = load.query_row([row.job], |row| {
            Ok((
                row.get::<_, Option<String>>(0)?,
                row.get::<_, Option<String>>(1)?,
                row.get::<_, Option<String>>(2)?,
            ))
        });
        let Some((errors, logs, progress)) = texts.optional()? else { return Ok(()) };
        row.status.notes.errors = errors.map_or(Ok(Vec::new()), |text| note_record::read_failures(&text))?;
        row.status.notes.logs = logs.map_or(Ok(Vec::new()), |text| note_record::read_lines(&text))?;
        row.status.notes.progress = progress.map(|text| note_record::read_progress(&text)).transpose()?;
        Ok(())
    }

    /// Writes failures, lines and progress, which were loaded before.
    pub(super) fn save_notes(&mut self, row: &mut Row) -> Step<()> {
        let status = &row.status;
        if !row.noted
            && status.notes.errors.is_empty()
            && status.notes.logs.is_empty()
            && status.notes.progress.is_none()
        {
            return Ok(());
        }
        let some = |is_empty: bool, text: serde_json::Result<String>| match is_empty {
            true => Ok(None),
            false => text.map(Some),
        };
        let errors = some(status.notes.errors.is_empty(), note_record::write_failures(&status.notes.errors))?;
        let logs = some(status.notes.logs.is_empty(), note_record::write_lines(&status.notes.logs))?;
        let progress = status.notes.progress.as_ref().map(note_record::write_progress).transpose()?;
        self.conn.prepare_cached(sql::NOTES_SAVE)?.execute((row.job, errors, logs, progress))?;
        row.noted = true;
        Ok(())
    }

    /// Keeps what an attempt said.
    pub(super) fn tell(&mut self, row: &mut Row, report: &Report) -> Step<()> {
        if report.is_empty() {
            return Ok(());
        }
        self.load_notes(row)?;
        if !report.logs.is_empty() {
            keep_lines(&mut row.status.notes.logs, report.logs.iter().cloned());
        }
        if let Some(progress) = &report.progress {
            row.status.notes.progress = Some(progress.clone());
            self.emit_job(EventKind::Progress, row, |_| EventData::Progress(progress.clone()))?;
        }
        let was_noted = row.noted;
        self.save_notes(row)?;
        if !was_noted {
            self.conn.prepare_cached(sql::JOB_NOTED)?.execute([row.job])?;
        }
        Ok(())
    }

    /// Gives a job a new number, so that it stands behind its like.
    pub(super) fn renumber(&mut self, row: &mut Row) {
        row.seq = self.number();
    }

    /// Writes how a job stands now, moves the counters, and wakes whoever waits for it.
    pub(super) fn save(&mut self, row: &mut Row) -> Step<()> {
        row.lane = self.lane_of(row)?;
        let status = &row.status;
        let reason = row.cancel.as_ref().map_or(status.notes.reason.as_deref(), |reason| reason.as_deref());
        let worker = status.worker.map(|worker| worker.as_uuid().into_bytes());
        self.conn.prepare_cached(sql::JOB_SAVE)?.execute(rusqlite::params![
            row.lane,
            row.seq,
            status.state.name(),
            status.attempt,
            status.crashes,
            micros(status.run_at),
            status.expires_at.map(micros),
            status.started_at.map(micros),
            status.finished_at.map(micros),
            row.keep_until,
            worker,
            row.token,
            row.charged,
            row.cancel.is_some(),
            row.noted,
            reason,
            status.result.as_deref(),
            row.job,
        ])?;
        self.recount(row)
    }

    /// Moves the counters by what has changed since the row was last written.
    fn recount(&mut self, row: &mut Row) -> Step<()> {
        let (was, was_lane, was_exact) = row.stored;
        let (is, exact) = (row.status.state, row.keep_until.is_some());
        row.stored = (is, row.lane, exact);
        self.count(row.queue, was, -1);
        self.count(row.queue, is, 1);
        self.count_exactly(row.queue, was, -i64::from(was_exact));
        self.count_exactly(row.queue, is, i64::from(exact));
        if was == JobState::Waiting {
            self.count_lane(was_lane, -1);
        }
        if is == JobState::Waiting {
            self.count_lane(row.lane, 1);
        }
        self.recount_key(row, was)?;
        if matches!(is, JobState::Waiting | JobState::Delayed) {
            self.wake(row.queue);
        }
        Ok(())
    }

    /// Takes a job with a key out of the line in which it waited, and lets it wait in another; what it gave up is free.
    fn recount_key(&mut self, row: &mut Row, was: JobState) -> Step<()> {
        let Some(group) = row.group.clone().filter(|group| is_keyed(group)) else { return Ok(()) };
        match was {
            JobState::Waiting => {
                if let Some(line) = row.line.take() {
                    self.leave_line(line)?;
                }
            }
            JobState::Active => self.free_turn(row.queue, group.clone()),
            _ => {}
        }
        if row.stored.0 == JobState::Waiting {
            row.line = Some(self.enter_line((row.queue, row.lane), row.priority, &group)?);
            self.conn.prepare_cached(sql::JOB_GROUP)?.execute((group, row.line, row.job))?;
        }
        Ok(())
    }

    /// Tells whether a job lives its last life.
    pub(super) fn is_suspect(&mut self, row: &Row) -> Step<bool> {
        Ok(self.lane_key(row.lane)?.suspect)
    }

    /// Returns the lane in which a job stands: suspects have their own.
    fn lane_of(&mut self, row: &Row) -> Step<i64> {
        let key = self.lane_key(row.lane)?;
        let suspect = row.suspect.unwrap_or(key.suspect);
        if key.suspect == suspect { Ok(row.lane) } else { self.lane(&LaneKey { suspect, ..key }) }
    }

    /// Forgets a job. One that has not ended frees its key, and those that wait for it are told.
    pub(super) fn forget(&mut self, row: &Row) -> Step<()> {
        if row.keyed && !row.status.state.is_terminal() {
            self.free_key(row)?;
        }
        if row.kin && !row.status.state.is_terminal() {
            self.note_end(row)?;
        }
        self.erase(row)?;
        self.tell_children()
    }

    /// Removes all that is kept of a job.
    pub(super) fn erase(&mut self, row: &Row) -> Step<()> {
        let (was, was_lane, was_exact) = row.stored;
        if row.kin {
            self.unpin(row)?;
            self.conn.prepare_cached(sql::EDGES_DELETE)?.execute([row.job])?;
        }
        self.conn.prepare_cached(sql::JOB_DELETE)?.execute([row.job])?;
        if row.apart {
            self.conn.prepare_cached(sql::PAYLOAD_DELETE)?.execute([row.job])?;
        }
        if row.noted {
            self.conn.prepare_cached(sql::NOTES_DELETE)?.execute([row.job])?;
        }
        self.count(row.queue, was, -1);
        self.count_exactly(row.queue, was, -i64::from(was_exact));
        if was == JobState::Waiting {
            self.count_lane(was_lane, -1);
        }
        match (&row.group, row.line) {
            (Some(group), Some(line)) if was == JobState::Waiting && is_keyed(group) => self.leave_line(line),
            (Some(group), _) if was == JobState::Active && is_keyed(group) => {
                self.free_turn(row.queue, group.clone());
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Keeps a job that has just ended for as long as the rules say.
    pub(super) fn retire(&mut self, row: &mut Row, retention: Retention) -> Step<()> {
        if row.keyed {
            self.free_key(row)?;
        }
        if row.kin {
            self.note_end(row)?;
        }
        row.seq = self.number();
        (row.token, row.cancel, row.charged) = (None, None, false);
        self.count_ended(row.queue);
        let is_pinned = row.kin && self.is_pinned(row.job)?;
        row.keep_until = match keep(row.status.state, retention, is_pinned, self.now, &Limits::default()) {
            Keep::Nothing => return self.forget(row),
            Keep::Exactly(until) => Some(micros(until)),
            Keep::Pinned => Some(PINNED),
            Keep::Counted(_) => None,
        };
        self.save(row)?;
        self.tell_children()
    }

    /// An ended job goes on as something else.
    pub(super) const fn unretire(row: &mut Row) {
        row.keep_until = None;
    }

    /// Puts together who a job is, without its arguments.
    pub(super) fn envelope(&mut self, row: &Row) -> Step<Envelope> {
        let mut find = self.conn.prepare_cached(sql::JOB_ID)?;
        let (id, text): (Vec<u8>, Option<String>) =
            find.query_row([row.job], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let (_, queue) = self.queue_name(row.queue)?;
        let LaneKey { task, version, .. } = self.lane_key(row.lane)?;
        let mut envelope = Envelope::new(readable(id_of(&id), "a job's id")?, queue, task, Bytes::new());
        envelope.version = version;
        if let Some(text) = text {
            options::read(&text, &mut envelope)?;
        }
        Ok(envelope)
    }

    /// Tells what happened to a job, if anybody listens; `data` is built only then.
    pub(super) fn emit_job(
        &mut self,
        kind: EventKind,
        row: &Row,
        data: impl FnOnce(&Status) -> EventData,
    ) -> Step<()> {
        if !self.has_listeners() {
            return Ok(());
        }
        let envelope = Arc::new(self.envelope(row)?);
        let (space, _) = self.queue_name(row.queue)?;
        let event = Event::of_job(kind, envelope, row.status.attempt, self.now);
        self.emit(space, event.by(row.status.worker).with(data(&row.status)));
        Ok(())
    }

    /// Tells what happened to a job whose envelope is at hand.
    pub(super) fn emit_envelope(
        &mut self,
        kind: EventKind,
        envelope: &Arc<Envelope>,
        row: (i64, u32, Option<WorkerId>),
        data: impl FnOnce() -> EventData,
    ) -> Step<()> {
        if self.has_listeners() {
            let (queue, attempt, worker) = row;
            let (space, _) = self.queue_name(queue)?;
            let event = Event::of_job(kind, envelope.clone(), attempt, self.now);
            self.emit(space, event.by(worker).with(data()));
        }
        Ok(())
    }

    pub(super) fn find(&mut self, space: i64, queue: &Name, id: &[u8]) -> Step<Option<Row>> {
        let Some(queue) = self.find_queue(space, queue)? else { return Ok(None) };
        let mut find = self.conn.prepare_cached(sql::JOB_FIND)?;
        let job = find.query_row((queue, id), |row| row.get(0)).optional()?;
        drop(find);
        job.map_or(Ok(None), |job| self.load(job))
    }
}

impl From<rusqlite::types::FromSqlError> for Fault {
    fn from(_: rusqlite::types::FromSqlError) -> Self {
        Self::Unreadable("a value of another type")
    }
}
