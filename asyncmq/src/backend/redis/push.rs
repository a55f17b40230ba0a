//! Push: jobs in runs of one queue and lane, so that the script takes each run in with a few commands.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use super::codec::{Lane, parents_bytes, put_body, put_id, read_id, task_in};
use super::error::worded_push;
use super::far::Gone;
use super::keys::Keys;
use super::reply::{bytes, strange};
use super::script::{Call, Mail, PUSH, PUSH_ONE};
use super::{RedisStore, micros, moment, slot};
use crate::backend::{CallId, Pushed, StoreError};
use crate::job::{Dedup, DedupKey, Due, Envelope, JobId, Name};
use crate::lifecycle::may_replace;

use super::lanes::Placed;

/// Which push it is.
#[derive(Clone, Copy)]
pub(super) struct Pushing<'a> {
    pub(super) call: CallId,
    /// Where some jobs wait for others in other slots: the level, as one queue may have a step at several, each with an answer
    /// of its own, and which of those parents are gone.
    pub(super) far: Option<(usize, &'a Gone)>,
}

/// What spelling parents takes.
struct Parents<'a> {
    keys: &'a Keys,
    gone: Option<&'a Gone>,
}

/// Jobs of one queue and lane that follow each other.
struct Run {
    queue: usize,
    placed: Placed,
    /// Whether some of its jobs have times, or other things that are written apart.
    has_sides: bool,
    /// Whether some of them have a deduplication key, or wait for others.
    keyed: bool,
    jobs: Vec<usize>,
}

impl Run {
    /// Returns the letter by which the script knows what the run's jobs need: plain ones, such as take turns by key, others,
    /// or such as may have deduplication keys.
    const fn kind(&self) -> &'static str {
        match (self.keyed, self.placed.whole, self.has_sides) {
            (true, ..) => "k",
            (false, true, _) => "p",
            (false, false, true) => "x",
            (false, false, false) => "t",
        }
    }
}

impl RedisStore {
    /// Pushes jobs whose queues share a slot, in one step.
    pub(super) async fn push_together(
        &self,
        pushing: Pushing<'_>,
        jobs: &[&Arc<Envelope>],
    ) -> Result<Vec<Pushed>, StoreError> {
        let Pushing { call, far } = pushing;
        if let ([job], None) = (jobs, far)
            && job.is_plain()
            && let Placed { lane, profile, whole: true } = self.lanes.place(job)
        {
            return self.push_one(call, job, (lane, &profile)).await;
        }
        let (queues, runs) = self.runs(jobs);
        let mut script = self.call(&PUSH, &queues).await.map_err(worded_push)?;
        script.arg(call.sender.as_uuid().as_bytes());
        match far {
            Some((level, _)) if level != 0 => {
                let mark = format!("{}.{level}", call.sequence);
                script.arg(mark).arg(format!("{}.{level}", slot('p', call)));
            }
            _ => {
                script.number(call.sequence).arg(slot('p', call));
            }
        }
        if far.is_some() {
            script.with_mail(Mail::Left);
        }
        let parents = Parents { keys: &self.keys, gone: far.map(|(_, gone)| gone) };
        put_runs(&parents, jobs, &runs, &mut script);
        let answer = self.send(&script).await.map_err(worded_push)?;
        read_answer(&bytes(answer)?, jobs.len())
    }

    /// Pushes a lone job of which its lane's profile says all but id and arguments.
    async fn push_one(
        &self,
        call: CallId,
        job: &Envelope,
        (lane, profile): (Lane, &[u8]),
    ) -> Result<Vec<Pushed>, StoreError> {
        let is_known = self.lanes.has_entered(&job.queue, lane);
        let answer = match self.send_one(call, job, (lane, if is_known { &[] } else { profile })).await? {
            // The queue was removed, or a server without it took over.
            unknown if unknown == b"L" => self.send_one(call, job, (lane, profile)).await?,
            answer => answer,
        };
        if !is_known {
            self.lanes.enter(&job.queue, lane);
        }
        read_answer(&answer, 1)
    }

    /// Makes the call that takes a lone job in, without its profile if that is empty.
    async fn send_one(
        &self,
        call: CallId,
        job: &Envelope,
        (lane, profile): (Lane, &[u8]),
    ) -> Result<Vec<u8>, StoreError> {
        let queue = std::slice::from_ref(&job.queue);
        let mut script = self.bare_call(&PUSH_ONE, queue).await.map_err(worded_push)?;
        // What was never noted reads as nought.
        script.arg(call.sender.as_uuid().as_bytes()).arg(slot('#', call)).number(call.sequence + 1);
        script.arg(lane);
        let mut spelt = Vec::new();
        put_id(&job.id, &mut spelt);
        script.arg(&spelt);
        spelt.clear();
        put_body(job, 0, lane, true, &mut spelt);
        script.arg(&spelt);
        let time = self.time();
        if !time.is_empty() || !profile.is_empty() {
            script.arg(time).arg(profile);
        }
        bytes(self.lookout.over(self.send(&script)).await.map_err(worded_push)?)
    }

    /// Writes what taking in jobs of one queue takes.
    pub(super) fn put_jobs(&self, jobs: &[&Arc<Envelope>], script: &mut Call) {
        let (_, runs) = self.runs(jobs);
        put_runs(&Parents { keys: &self.keys, gone: None }, jobs, &runs, script);
    }

    /// Sorts jobs into runs. Two jobs of the same id never share one: the second must find the first.
    fn runs(&self, jobs: &[&Arc<Envelope>]) -> (Vec<Name>, Vec<Run>) {
        let mut queues: Vec<Name> = Vec::new();
        let mut runs: Vec<Run> = Vec::new();
        let mut seen: HashSet<(usize, &JobId), foldhash::fast::RandomState> = HashSet::default();
        seen.reserve(jobs.len());
        let (mut open_from, mut keyed) = (0, KeyRuns::default());
        // Parents that were named before they came: who waits for one must not find it.
        let mut awaited: HashSet<(&Name, &JobId)> = HashSet::new();
        for (place, job) in jobs.iter().enumerate() {
            let queue = queues.iter().position(|queue| *queue == job.queue).unwrap_or_else(|| {
                queues.push(job.queue.clone());
                queues.len() - 1
            });
            if !seen.insert((queue, &job.id)) {
                open_from = runs.len();
            }
            let placed = self.lanes.place(job);
            let is_late = !awaited.is_empty() && awaited.contains(&(&job.queue, &job.id));
            let from =
                if is_late { runs.len() } else { open_from.max(keyed.first_for(queue, job, runs.len())) };
            let same = |run: &&Run| run.queue == queue && run.placed.lane == placed.lane;
            let found = runs[from..].iter().rposition(|run| same(&run)).map(|found| from + found);
            let at = found.unwrap_or_else(|| {
                runs.push(Run { queue, placed, has_sides: false, keyed: false, jobs: Vec::new() });
                runs.len() - 1
            });
            runs[at].jobs.push(place);
            // Jobs of one list go in together, so that their numbers are in order there.
            runs[at].has_sides |= !takes_turns_only(job);
            if job.dedup().is_some() || waits(job) {
                runs[at].keyed = true;
                open_from = open_from.max(keyed.note(queue, job, at));
                awaited.extend(job.extras().parents.iter().map(|parent| (&parent.queue, &parent.id)));
            }
        }
        (queues, runs)
    }
}

/// Writes runs of jobs.
fn put_runs(parents: &Parents<'_>, jobs: &[&Arc<Envelope>], runs: &[Run], script: &mut Call) {
    script.number(runs.len());
    let mut bytes = Vec::new();
    for run in runs {
        let Placed { lane, profile, whole } = &run.placed;
        script.number(run.queue + 2).arg(lane).arg(profile).arg(run.kind());
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
        if matches!(run.kind(), "x" | "k") {
            put_times(run.jobs.iter().map(|place| jobs[*place]), run.keyed.then_some(parents), script);
        }
    }
}

/// Writes when jobs are due and how long they live; given how parents are spelt, also by which key they count as the same one as
/// others, and for which they wait.
fn put_times<'a>(
    jobs: impl Iterator<Item = &'a Arc<Envelope>>,
    parents: Option<&Parents<'_>>,
    script: &mut Call,
) {
    for job in jobs {
        let (due, value) = due_parts(job.due);
        script.arg(due).number(value).number(job.ttl.map_or(0, |ttl| micros(ttl) + 1));
        if let Some(Parents { keys, gone }) = parents {
            put_key(job, script);
            script.arg(parents_bytes(keys, job.extras(), |parent| gone.is_some_and(|gone| gone.has(parent))));
        }
    }
}

/// Tells whether a job waits for others.
fn waits(job: &Envelope) -> bool {
    !job.extras().parents.is_empty()
}

/// Tells whether a job would be plain but for the key by which it takes turns, and words to find it by.
fn takes_turns_only(job: &Envelope) -> bool {
    job.due == Due::Now && job.ttl.is_none() && job.key().is_some() && !waits(job)
}

/// Which runs jobs with keys are in, so that those of one key are taken in in the order in which they came.
#[derive(Default)]
struct KeyRuns<'a>(HashMap<(usize, &'a str), usize>);

impl<'a> KeyRuns<'a> {
    /// Returns the first run that a job may be in: whatever came before one that may take another's place must stand before it.
    fn first_for(&self, queue: usize, job: &'a Envelope, runs: usize) -> usize {
        match job.dedup() {
            _ if waits(job) => runs.saturating_sub(1),
            None => 0,
            Some(key) if may_replace(key.mode) => runs.saturating_sub(1),
            Some(key) => self.0.get(&(queue, &*key.key)).copied().unwrap_or_default(),
        }
    }

    /// Takes note of the run of a job. Returns the first run that whatever comes behind may be in.
    fn note(&mut self, queue: usize, job: &'a Envelope, run: usize) -> usize {
        let Some(key) = job.dedup() else { return 0 };
        self.0.insert((queue, &key.key), run);
        if may_replace(key.mode) { run } else { 0 }
    }
}

/// Writes by which key a job counts as the same one as others.
fn put_key(job: &Envelope, script: &mut Call) {
    let Some(DedupKey { key, mode }) = job.dedup() else {
        script.arg("").number(0).arg("");
        return;
    };
    let letter = match mode {
        Dedup::Simple => "s",
        Dedup::Throttle(_) => "t",
        Dedup::ExtendedThrottle(_) => "T",
        Dedup::Debounce(_) => "d",
        Dedup::Replace => "r",
        Dedup::KeepLast => "l",
    };
    script.arg(letter).number(mode.window().map_or(0, |window| micros(window).max(1))).arg(key.as_bytes());
}

fn due_parts(due: Due) -> (&'static str, u64) {
    match due {
        Due::Now => ("n", 0),
        Due::After(delay) => ("d", micros(delay)),
        Due::At(time) => ("a", moment(time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO))),
    }
}

/// Reads what jobs met: place, length, and the profile of the one of its id, the one that holds its key, or the one that it
/// replaced.
pub(super) fn read_answer(answer: &[u8], jobs: usize) -> Result<Vec<Pushed>, StoreError> {
    let mut pushed = vec![Pushed::Added; jobs];
    let mut rest = answer;
    while let [place0, place1, length0, length1, tail @ ..] = rest {
        let (place, length) =
            (u16::from_be_bytes([*place0, *place1]), u16::from_be_bytes([*length0, *length1]));
        let (met, tail) = tail.split_at_checked(usize::from(length)).ok_or_else(strange)?;
        *pushed.get_mut(usize::from(place)).ok_or_else(strange)? = read_met(met)?;
        rest = tail;
    }
    Ok(pushed)
}

fn read_met(met: &[u8]) -> Result<Pushed, StoreError> {
    Ok(match met {
        [b'D', length0, length1, rest @ ..] => {
            let length = usize::from(u16::from_be_bytes([*length0, *length1]));
            let (id, task) = rest.split_at_checked(length).ok_or_else(strange)?;
            let task = std::str::from_utf8(task).map_err(|_| strange())?;
            Pushed::Deduplicated { id: read_id(id)?, task: Name::from_stored(task) }
        }
        [b'P', place @ ..] => {
            let place = <[u8; 4]>::try_from(place).map_err(|_| strange())?;
            Pushed::ParentGone { parent: u32::from_be_bytes(place) as usize }
        }
        [b'R', id @ ..] => Pushed::Debounced { id: read_id(id)? },
        profile => Pushed::Exists { task: task_in(profile)? },
    })
}
