//! The settle: carries a transition out, fenced by the claim's token.

use rusqlite::{OptionalExtension, Statement};

use super::super::bytes::{fence, job_of, micros};
use super::super::statements as sql;
use super::fault::Step;
use super::replies::{self, Verb};
use super::row::Row;
use super::tx::Tx;
use crate::backend::limits::group_of;
use crate::backend::{CallId, Extension, Fenced, Report, Settlement, Token};
use crate::clock::Timestamp;
use crate::event::EventData;
use crate::job::{JobState, Retention, WorkerId};
use crate::lifecycle::{Keep, Limits, Transition, apply, heed_cancel, keep};

impl Tx<'_> {
    pub(super) fn settle(&mut self, space: i64, call: CallId, jobs: &[Settlement]) -> Step<Vec<Fenced>> {
        if let Some(reply) = self.recall(Verb::Settle, call)? {
            return Ok(replies::read_settles(&reply, jobs.len())?);
        }
        let mut reply = Vec::with_capacity(jobs.len());
        let mut complete = self.conn.prepare_cached(sql::JOB_COMPLETE)?;
        for settlement in jobs {
            let done = self.complete_plainly(&mut complete, space, settlement)?;
            reply.push(if done { Fenced::Applied } else { self.settle_one(settlement)? });
        }
        self.keep_reply(Verb::Settle, call, &replies::write_settles(&reply)?)?;
        Ok(reply)
    }

    /// Completes a job as nearly all do: by its worker, with nothing else said or wanted. Returns whether it was one.
    fn complete_plainly(
        &mut self,
        complete: &mut Statement<'_>,
        space: i64,
        settlement: &Settlement,
    ) -> Step<bool> {
        let Transition::Complete { result, retention } = &settlement.transition else { return Ok(false) };
        if !settlement.report.is_empty() || self.has_listeners() {
            return Ok(false);
        }
        let Some(queue) = self.find_queue(space, &settlement.envelope.queue)? else { return Ok(false) };
        let (job, fence) = (job_of(settlement.token), fence(settlement.token));
        let keep_until = match keep(JobState::Completed, *retention, false, self.now, &Limits::default()) {
            Keep::Nothing => {
                let mut delete = self.conn.prepare_cached(sql::JOB_COMPLETE_DELETE)?;
                let done = delete.execute((job, fence.0, queue))? == 1 && self.count_completed(queue, None);
                self.free_turn_of(queue, settlement, done);
                return Ok(done);
            }
            Keep::Exactly(until) => Some(micros(until)),
            Keep::Counted(_) | Keep::Pinned => None,
        };
        let seq = self.number();
        let columns = (seq, micros(self.now), keep_until, &result[..], job, fence.0, queue);
        let done = complete.execute(columns)? == 1 && self.count_completed(queue, Some(keep_until.is_some()));
        self.free_turn_of(queue, settlement, done);
        Ok(done)
    }

    fn free_turn_of(&mut self, queue: i64, settlement: &Settlement, done: bool) {
        let envelope = &settlement.envelope;
        if let Some(key) = envelope.key().filter(|_| done) {
            self.free_turn(queue, group_of(&envelope.task, Some(key)));
        }
    }

    /// Counts a job that was running and has completed; `kept` tells whether it is kept, and for a time of its own.
    fn count_completed(&mut self, queue: i64, kept: Option<bool>) -> bool {
        self.count(queue, JobState::Active, -1);
        if let Some(exactly) = kept {
            self.count(queue, JobState::Completed, 1);
            self.count_exactly(queue, JobState::Completed, i64::from(exactly));
        }
        self.count_ended(queue);
        true
    }

    fn settle_one(&mut self, settlement: &Settlement) -> Step<Fenced> {
        let Some(mut row) = self.load_claimed(settlement.token)? else { return Ok(Fenced::Stale) };
        if !regain(&mut row) {
            return Ok(Fenced::Stale);
        }
        self.tell(&mut row, &settlement.report)?;
        let transition = match row.cancel.take() {
            Some(reason) => heed_cancel(settlement.transition.clone(), reason),
            None => settlement.transition.clone(),
        };
        row.token = None;
        self.carry_out(&mut row, transition)?;
        Ok(Fenced::Applied)
    }

    /// Carries a transition out on an active job that no worker holds any more.
    pub(super) fn carry_out(&mut self, row: &mut Row, mut transition: Transition) -> Step<()> {
        let awaited = match &mut transition {
            Transition::Await { parents } => Some(std::mem::take(parents)),
            _ => None,
        };
        let (kind, heard) = (transition.event(), self.has_listeners());
        let data = if heard { data_of(&transition, self.now) } else { EventData::None };
        let released = transition == Transition::Release;
        let fails = matches!(transition, Transition::Retry { .. } | Transition::Fail { .. });
        let retention = match &transition {
            Transition::Complete { retention, .. } => *retention,
            _ => Retention::Standard,
        };
        if fails {
            self.load_notes(row)?;
        }
        apply(&mut row.status, transition, self.now);
        if fails {
            self.save_notes(row)?;
        }
        row.charged = false;
        if heard {
            self.emit_job(kind, row, |_| data)?;
        }
        if row.status.state.is_terminal() {
            return self.retire(row, retention);
        }
        if !released {
            self.renumber(row);
        }
        self.save(row)?;
        awaited.map_or(Ok(()), |parents| self.wait_for_more(row, parents))
    }

    pub(super) fn report(&mut self, token: Token, report: &Report) -> Step<Fenced> {
        let found = self.load_claimed(token)?.filter(|row| row.status.state == JobState::Active);
        let Some(mut row) = found else { return Ok(Fenced::Stale) };
        self.tell(&mut row, report)?;
        Ok(Fenced::Applied)
    }

    pub(super) fn extend(
        &mut self,
        space: i64,
        worker: WorkerId,
        held: &[Token],
        until: Timestamp,
    ) -> Step<Extension> {
        self.renew(space, worker, until)?;
        let mut extension = Extension::default();
        let mut lease = self.conn.prepare_cached(sql::LEASE)?;
        for token in held {
            let (job, fence) = (job_of(*token), fence(*token));
            let cancelling: Option<bool> = lease.query_row((job, fence.0), |row| row.get(0)).optional()?;
            match cancelling {
                None => extension.lost.push(*token),
                Some(true) => extension.cancelled.push(*token),
                Some(false) => {}
            }
        }
        Ok(extension)
    }
}

/// Makes sure that the claim's job is active: one that a rescue let wait again, and nobody re-claimed, is taken back.
fn regain(row: &mut Row) -> bool {
    let status = &mut row.status;
    match status.state {
        JobState::Active => true,
        JobState::Waiting => {
            status.state = JobState::Active;
            if row.charged {
                row.suspect = Some(false);
            }
            status.crashes -= u32::from(std::mem::take(&mut row.charged));
            status.attempt += 1;
            true
        }
        _ => false,
    }
}

/// What the event of a transition says.
fn data_of(transition: &Transition, now: Timestamp) -> EventData {
    match transition {
        Transition::Complete { result, .. } => EventData::Result(result.clone()),
        Transition::Retry { failure, after } => {
            EventData::Retry { failure: failure.clone().at(now), after: *after }
        }
        Transition::Fail { failure } => EventData::Failure(failure.clone().at(now)),
        Transition::Snooze { after } => EventData::Wait(*after),
        Transition::Await { .. } | Transition::Release => EventData::Wait(std::time::Duration::ZERO),
        Transition::Cancel { reason } => reason.clone().map_or(EventData::None, EventData::Reason),
    }
}
