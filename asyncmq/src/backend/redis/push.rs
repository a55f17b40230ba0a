//! Push: jobs in runs of one queue and lane, so that the script takes each run in with a few commands.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use super::codec::{put_body, put_id, task_in};
use super::error::worded_push;
use super::reply::{bytes, strange};
use super::script::{Call, PUSH};
use super::{RedisStore, micros, moment, slot};
use crate::backend::{CallId, Pushed, StoreError};
use crate::job::{Due, Envelope, JobId, Name};

use super::lanes::Placed;

/// Jobs of one queue and lane that follow each other.
struct Run {
    queue: usize,
    placed: Placed,
    jobs: Vec<usize>,
}

impl RedisStore {
    /// Pushes jobs whose queues share a slot, in one step.
    pub(super) async fn push_together(
        &self,
        call: CallId,
        jobs: &[&Arc<Envelope>],
    ) -> Result<Vec<Pushed>, StoreError> {
        let (queues, runs) = self.runs(jobs);
        let mut script = self.call(&PUSH, &queues).await.map_err(worded_push)?;
        script.arg(call.sender.as_uuid().as_bytes()).number(call.sequence).arg(slot('p', call));
        put_runs(jobs, &runs, &mut script);
        let answer = self.send(&script).await.map_err(worded_push)?;
        read_answer(&bytes(answer)?, jobs.len())
    }

    /// Writes what taking in jobs of one queue takes.
    pub(super) fn put_jobs(&self, jobs: &[&Arc<Envelope>], script: &mut Call) {
        let (_, runs) = self.runs(jobs);
        put_runs(jobs, &runs, script);
    }

    /// Sorts jobs into runs. Two jobs of the same id never share one: the second must find the first.
    fn runs(&self, jobs: &[&Arc<Envelope>]) -> (Vec<Name>, Vec<Run>) {
        let mut queues: Vec<Name> = Vec::new();
        let mut runs: Vec<Run> = Vec::new();
        let mut seen: HashSet<(usize, &JobId), foldhash::fast::RandomState> = HashSet::default();
        seen.reserve(jobs.len());
        let mut open_from = 0;
        for (place, job) in jobs.iter().enumerate() {
            let queue = queues.iter().position(|queue| *queue == job.queue).unwrap_or_else(|| {
                queues.push(job.queue.clone());
                queues.len() - 1
            });
            if !seen.insert((queue, &job.id)) {
                open_from = runs.len();
            }
            let placed = self.lanes.place(job);
            let same = |run: &&mut Run| run.queue == queue && run.placed.lane == placed.lane;
            match runs[open_from..].iter_mut().rev().find(same) {
                Some(run) => run.jobs.push(place),
                None => runs.push(Run { queue, placed, jobs: vec![place] }),
            }
        }
        (queues, runs)
    }
}

/// Writes runs of jobs.
fn put_runs(jobs: &[&Arc<Envelope>], runs: &[Run], script: &mut Call) {
    script.number(runs.len());
    let mut bytes = Vec::new();
    for run in runs {
        let Placed { lane, profile, whole } = &run.placed;
        script.number(run.queue + 2).arg(lane).arg(profile).arg(if *whole { "p" } else { "x" });
        script.number(run.jobs.len());
        for place in &run.jobs {
            bytes.clear();
            put_id(&jobs[*place].id, &mut bytes);
            script.arg(&bytes);
        }
        for place in &run.jobs {
            bytes.clear();
            put_body(jobs[*place], u16::try_from(*place).unwrap_or(u16::MAX), *lane, *whole, &mut bytes);
            script.arg(&bytes);
        }
        if !whole {
            for job in run.jobs.iter().map(|place| jobs[*place]) {
                let (due, value) = due_parts(job.due);
                script.arg(due).number(value).number(job.ttl.map_or(0, |ttl| micros(ttl) + 1));
            }
        }
    }
}

fn due_parts(due: Due) -> (&'static str, u64) {
    match due {
        Due::Now => ("n", 0),
        Due::After(delay) => ("d", micros(delay)),
        Due::At(time) => ("a", moment(time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO))),
    }
}

/// Reads which jobs were kept already: place, length of the profile, profile.
pub(super) fn read_answer(answer: &[u8], jobs: usize) -> Result<Vec<Pushed>, StoreError> {
    let mut pushed = vec![Pushed::Added; jobs];
    let mut rest = answer;
    while let [place0, place1, length0, length1, tail @ ..] = rest {
        let (place, length) =
            (u16::from_be_bytes([*place0, *place1]), u16::from_be_bytes([*length0, *length1]));
        let (profile, tail) = tail.split_at_checked(usize::from(length)).ok_or_else(strange)?;
        *pushed.get_mut(usize::from(place)).ok_or_else(strange)? = Pushed::Exists { task: task_in(profile)? };
        rest = tail;
    }
    Ok(pushed)
}
