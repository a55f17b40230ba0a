//! The push: takes jobs in, all or none.

use std::sync::Arc;

use rusqlite::{OptionalExtension, Statement};

use super::super::bytes::{id_bytes, micros};
use super::super::{options, statements as sql};
use super::fault::Step;
use super::names::LaneKey;
use super::replies::{self, Verb};
use super::room::Entered;
use super::tx::{Tx, readable};
use crate::backend::limits::group_of;
use crate::backend::{CallId, Pushed};
use crate::event::{EventData, EventKind};
use crate::job::{Envelope, JobState, Name, Status};
use crate::lifecycle::enter;

/// Arguments that are longer stand apart, so that rows stay small.
const SMALL: usize = 1_024;

impl Tx<'_> {
    pub(super) fn push(&mut self, space: i64, call: CallId, jobs: &[Arc<Envelope>]) -> Step<Vec<Pushed>> {
        if let Some(reply) = self.recall(Verb::Push, call)? {
            return Ok(replies::read_pushes(&reply, jobs.len())?);
        }
        let reply = self.take_in(space, jobs)?;
        self.keep_reply(Verb::Push, call, &replies::write_pushes(&reply)?)?;
        Ok(reply)
    }

    /// Takes jobs in.
    pub(super) fn take_in(&mut self, space: i64, jobs: &[Arc<Envelope>]) -> Step<Vec<Pushed>> {
        let mut reply = Vec::with_capacity(jobs.len());
        // Most batches are of one task for one queue.
        let mut add = self.conn.prepare_cached(sql::PUSH_JOB)?;
        let mut latest: Option<(Name, Name, u32, bool, i64, i64)> = None;
        for job in jobs {
            let known = latest.as_ref().filter(|(queue, task, version, keyed, ..)| {
                *queue == job.queue
                    && *task == job.task
                    && *version == job.version
                    && *keyed == job.key().is_some()
            });
            let (queue, lane) = match known {
                Some((.., queue, lane)) => (*queue, *lane),
                None => self.line_of(space, job)?,
            };
            if known.is_none() {
                let keyed = job.key().is_some();
                latest = Some((job.queue.clone(), job.task.clone(), job.version, keyed, queue, lane));
            }
            let place = (queue, lane);
            if let Some(parent) = self.gone_parent(space, job)? {
                let met = self.meet(queue, &id_bytes(&job.id))?;
                reply.push(met.unwrap_or(Pushed::ParentGone { parent }));
                continue;
            }
            reply.push(match job.dedup() {
                Some(key) => self.push_keyed(&mut add, job, key, place)?,
                None => self.push_one(&mut add, job, place)?,
            });
        }
        Ok(reply)
    }

    fn line_of(&mut self, space: i64, job: &Envelope) -> Step<(i64, i64)> {
        let queue = self.queue(space, &job.queue)?;
        let keyed = job.key().is_some();
        let key = LaneKey { queue, task: job.task.clone(), version: job.version, suspect: false, keyed };
        Ok((queue, self.lane(&key)?))
    }

    fn push_one(
        &mut self,
        add: &mut Statement<'_>,
        envelope: &Arc<Envelope>,
        place: (i64, i64),
    ) -> Step<Pushed> {
        let status = enter(envelope, self.now);
        if let Some(job) = self.add_job(add, envelope, place, &status)? {
            self.link_if_it_waits(job, envelope)?;
            return Ok(Pushed::Added);
        }
        readable(self.meet(place.0, &id_bytes(&envelope.id))?, "an id without its job")
    }

    /// Takes a job in. Returns its number; nothing if its id is kept.
    pub(super) fn add_job(
        &mut self,
        add: &mut Statement<'_>,
        envelope: &Arc<Envelope>,
        (queue, lane): (i64, i64),
        status: &Status,
    ) -> Step<Option<i64>> {
        let job = self.number();
        let large = SMALL < envelope.args.len();
        let id = id_bytes(&envelope.id);
        let added = add.execute(rusqlite::params![
            job,
            queue,
            id,
            lane,
            status.state.name(),
            envelope.priority,
            envelope.max_attempts,
            micros(status.created_at),
            micros(status.run_at),
            status.expires_at.map(micros),
            options::write(envelope)?,
            (!large).then_some(&envelope.args[..]),
        ])?;
        if added == 0 {
            return Ok(None);
        }
        if envelope.dedup().is_some() {
            self.conn.prepare_cached(sql::JOB_KEYED)?.execute([job])?;
        }
        if large {
            self.conn.prepare_cached(sql::PUSH_PAYLOAD)?.execute((job, &envelope.args[..]))?;
        }
        if let Some(key) = envelope.key() {
            let group = group_of(&envelope.task, Some(key));
            let line = match status.state {
                JobState::Waiting => {
                    Some(self.enter_line((queue, lane), envelope.priority.into(), &group)?)
                }
                _ => None,
            };
            self.note_entered(Entered { queue, lane, line: line.map(|line| (line, group.clone())) });
            self.conn.prepare_cached(sql::JOB_GROUP)?.execute((group, line, job))?;
        } else if status.state == JobState::Waiting {
            self.note_entered(Entered { queue, lane, line: None });
        }
        self.count(queue, status.state, 1);
        self.count_enqueued(queue);
        if status.state == JobState::Waiting {
            self.count_lane(lane, 1);
        }
        self.wake(queue);
        self.emit_envelope(EventKind::Enqueued, envelope, (queue, 0, None), || EventData::None)?;
        Ok(Some(job))
    }

    /// Meets the job of this id, if it is kept already.
    pub(super) fn meet(&mut self, queue: i64, id: &[u8]) -> Step<Option<Pushed>> {
        let mut find = self.conn.prepare_cached(sql::JOB_FIND)?;
        let job = find.query_row((queue, id), |row| row.get(0)).optional()?;
        drop(find);
        let Some(job) = job else { return Ok(None) };
        let row = readable(self.load(job)?, "an id without its job")?;
        self.emit_job(EventKind::Duplicated, &row, |_| EventData::None)?;
        Ok(Some(Pushed::Exists { task: self.envelope(&row)?.task }))
    }
}
