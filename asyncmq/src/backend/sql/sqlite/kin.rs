//! Who waits for whom: an edge is a row, which outlives the parent's.
//!
//! What the end of a job means for another one is decided in `lifecycle`; a job that neither waits nor is waited for never comes here.

use std::collections::VecDeque;

use bytes::Bytes;
use rusqlite::OptionalExtension;

use super::super::bytes::id_bytes;
use super::super::options;
use super::super::statements as sql;
use super::fault::Step;
use super::row::Row;
use super::tx::{Tx, readable};
use crate::backend::store::withheld;
use crate::job::{Envelope, JobId, JobState, Name, OnFailure, Parent, Passes};
use crate::lifecycle::{Edge, Transition, end_with, stand};

/// The end of a job that others wait for.
#[derive(Debug)]
pub(super) struct Ending {
    job: i64,
    id: JobId,
    queue: Name,
    ended: Option<JobState>,
    result: Option<Bytes>,
}

/// The ends that a step has still to tell of.
#[derive(Debug, Default)]
pub(super) struct Endings {
    due: VecDeque<Ending>,
    /// Whether somebody is telling already: one end may bring others about, and nobody knows how deep.
    telling: bool,
}

impl Tx<'_> {
    /// Returns the first parent of a job that is not known.
    pub(super) fn gone_parent(&mut self, space: i64, job: &Envelope) -> Step<Option<usize>> {
        for (place, parent) in job.extras().parents.iter().enumerate() {
            if self.find_parent(space, parent)?.is_none() {
                return Ok(Some(place));
            }
        }
        Ok(None)
    }

    fn find_parent(&mut self, space: i64, parent: &Parent) -> Step<Option<i64>> {
        let Some(queue) = self.find_queue(space, &parent.queue)? else { return Ok(None) };
        let mut find = self.conn.prepare_cached(sql::JOB_FIND)?;
        Ok(find.query_row((queue, id_bytes(&parent.id)), |row| row.get(0)).optional()?)
    }

    /// Lets a job that was just taken in wait for its parents, if it has some.
    pub(super) fn link_if_it_waits(&mut self, job: i64, envelope: &Envelope) -> Step<()> {
        if envelope.extras().parents.is_empty() { Ok(()) } else { self.link(job, envelope) }
    }

    /// Lets a blocked job wait for its parents, as far as they have not ended; those that have count at once.
    pub(super) fn link(&mut self, job: i64, envelope: &Envelope) -> Step<()> {
        self.link_from(job, envelope, 0)
    }

    /// Lets a blocked job wait for these beside those that it has waited for.
    pub(super) fn wait_for_more(&mut self, row: &Row, parents: Vec<Parent>) -> Step<()> {
        let mut envelope = self.envelope(row)?;
        let known = &mut envelope.extras_mut().parents;
        let from = known.len();
        known.extend(parents);
        self.conn.prepare_cached(sql::JOB_OPTIONS)?.execute((options::write(&envelope)?, row.job))?;
        self.link_from(row.job, &envelope, from)
    }

    /// Looks at the parents of a blocked job from one of them on; to those before it stands as it did.
    fn link_from(&mut self, job: i64, envelope: &Envelope, from: usize) -> Step<()> {
        let row = readable(self.load(job)?, "a place without its job")?;
        let (space, _) = self.queue_name(row.queue)?;
        let before = self.edges(job)?;
        self.conn.prepare_cached(sql::JOB_KIN)?.execute([job])?;
        let mut end = None;
        for (place, parent) in envelope.extras().parents.iter().enumerate().skip(from) {
            let found = self.find_parent(space, parent)?;
            let state = found.map_or(Ok(None), |found| self.load(found))?.map(|row| row.status.state);
            let (was, mut input) = before.get(place).cloned().unzip();
            let is_pinned = envelope.extras().pins.is_some_and(|pins| pins.has(place));
            if let (Some(found), Some(state)) = (found.filter(|_| is_pinned), state) {
                self.pin(found, state, job)?;
            }
            let stands = stand(state, was, parent.on_failure);
            match (stands, found) {
                (Edge::Open, Some(found)) => {
                    self.conn.prepare_cached(sql::JOB_KIN)?.execute([found])?;
                }
                (Edge::Counts, Some(found)) => input = Some(self.passed_on(found, state, parent)?),
                (Edge::Counts, None) => {}
                _ => end = end.or_else(|| end_with(parent, state)),
            }
            let (policy, stands) = (parent.on_failure.name(), number_of(stands));
            let columns = (job, place as i64, found, policy, parent.passes.number(), stands, input.flatten());
            self.conn.prepare_cached(sql::EDGE_SAVE)?.execute(columns)?;
        }
        self.go_on(job, end)
    }

    /// Returns what a parent passes on that has ended so.
    fn passed_on(&self, job: i64, ended: Option<JobState>, parent: &Parent) -> Step<Option<Vec<u8>>> {
        if ended != Some(JobState::Completed) || parent.passes == Passes::Nothing {
            return Ok(None);
        }
        let result: Option<Vec<u8>> =
            self.conn.prepare_cached(sql::JOB_RESULT)?.query_row([job], |row| row.get(0))?;
        Ok(parent.passes.kept(result.unwrap_or_default()))
    }

    /// Reads how a job stands to its parents, and what they passed on.
    fn edges(&self, job: i64) -> Step<Vec<(Edge, Option<Vec<u8>>)>> {
        let mut edges = self.conn.prepare_cached(sql::EDGES_OF)?;
        let edges = edges.query_map([job], |row| Ok((edge_of(row.get(0)?), row.get(1)?)))?;
        Ok(edges.collect::<Result<_, _>>()?)
    }

    /// Returns what the parents of a job passed on, or how much it is if that is too much; nothing if none does.
    pub(super) fn inputs(&self, job: i64, envelope: &Envelope) -> Step<(Vec<Option<Bytes>>, u64)> {
        if !envelope.takes_outputs() {
            return Ok((Vec::new(), 0));
        }
        let bytes: i64 = self.conn.prepare_cached(sql::EDGES_SIZE)?.query_row([job], |row| row.get(0))?;
        match withheld(bytes.unsigned_abs()) {
            0 => Ok((self.edges(job)?.into_iter().map(|(_, input)| input.map(Bytes::from)).collect(), 0)),
            bytes => Ok((Vec::new(), bytes)),
        }
    }

    /// Takes note that a job that others wait for has ended, or is removed: they are told by [`Tx::tell_children`].
    pub(super) fn note_end(&mut self, row: &Row) -> Step<()> {
        let envelope = self.envelope(row)?;
        let state = row.status.state;
        self.endings.due.push_back(Ending {
            job: row.job,
            id: envelope.id,
            queue: envelope.queue,
            ended: state.is_terminal().then_some(state),
            result: row.status.result.clone(),
        });
        Ok(())
    }

    /// Tells those that wait for the jobs whose ends were noted.
    pub(super) fn tell_children(&mut self) -> Step<()> {
        if self.endings.due.is_empty() || std::mem::replace(&mut self.endings.telling, true) {
            return Ok(());
        }
        while let Some(ending) = self.endings.due.pop_front() {
            for (child, edge) in self.children(&ending)? {
                self.tell_child(child, &edge, &ending)?;
            }
        }
        self.endings.telling = false;
        Ok(())
    }

    /// Lists those that wait for a job, each with the job as it sees it.
    fn children(&self, ending: &Ending) -> Step<Vec<((i64, i64), Parent)>> {
        let mut children = self.conn.prepare_cached(sql::EDGES_TO)?;
        let children = children.query_map([ending.job], |row| {
            let policy = OnFailure::from_name(row.get_ref(2)?.as_str()?).unwrap_or_default();
            Ok(((row.get(0)?, row.get(1)?), policy, Passes::from_number(row.get(3)?)))
        })?;
        let parent = |(edge, on_failure, passes)| {
            (edge, Parent { queue: ending.queue.clone(), id: ending.id.clone(), on_failure, passes })
        };
        Ok(children.map(|child| child.map(parent)).collect::<Result<_, _>>()?)
    }

    /// Tells one of them. One that has ended with another parent meanwhile takes note, as it may begin anew.
    fn tell_child(&mut self, (child, place): (i64, i64), parent: &Parent, ending: &Ending) -> Step<()> {
        // Its row names all of its parents, and may be long: it is read only where it is needed.
        let mut find = self.conn.prepare_cached(sql::JOB_STATE)?;
        let state: Option<String> = find.query_row([child], |row| row.get(0)).optional()?;
        let Some(state) = state else { return Ok(()) };
        let stands = number_of(stand(ending.ended, None, parent.on_failure));
        let completed =
            (ending.ended == Some(JobState::Completed)).then(|| ending.result.as_deref().unwrap_or_default());
        let input = completed.and_then(|result| parent.passes.kept(result));
        self.conn.prepare_cached(sql::EDGE_TOLD)?.execute((stands, input, child, place))?;
        if state != JobState::Blocked.name() {
            return Ok(());
        }
        self.go_on(child, end_with(parent, ending.ended))
    }

    /// Ends a blocked job with its parent, or lets it go on once it waits for nobody.
    fn go_on(&mut self, job: i64, end: Option<Transition>) -> Step<()> {
        if let Some(transition) = end {
            let mut row = readable(self.load(job)?, "a place without its job")?;
            return self.carry_out(&mut row, transition);
        }
        let waits: bool = self.conn.prepare_cached(sql::EDGES_OPEN)?.query_row([job], |row| row.get(0))?;
        if !waits {
            self.unblock(job)?;
        }
        Ok(())
    }
}

const fn number_of(edge: Edge) -> i64 {
    match edge {
        Edge::Open => 0,
        Edge::Counts => 1,
        Edge::Broken => 2,
    }
}

const fn edge_of(number: i64) -> Edge {
    match number {
        0 => Edge::Open,
        1 => Edge::Counts,
        _ => Edge::Broken,
    }
}
