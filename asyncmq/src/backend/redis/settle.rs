//! Settle: completed jobs in runs of a few commands, the others one by one.

use redis::Value;

use super::codec::{
    claim_of, failure_bytes, id_bytes, parents_bytes, put_id, reason_parts, report_bytes, rest_of_record,
};
use super::error::worded;
use super::keys::Keys;
use super::reply::{bytes, strange};
use super::script::{Call, Mail, SETTLE};
use super::{RedisStore, micros, slot};
use crate::backend::{CallId, Fenced, Settlement, StoreError};
use crate::job::{Envelope, Name, Parent, Retention};
use crate::lifecycle::Transition;

/// What the script does with a run of jobs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Drop,
    Keep,
    Single,
}

impl Kind {
    fn of(settlement: &Settlement) -> Self {
        match &settlement.transition {
            _ if !settlement.report.is_empty() => Self::Single,
            Transition::Complete { retention: Retention::Nothing, .. } => Self::Drop,
            Transition::Complete { retention: Retention::Standard, .. } => Self::Keep,
            _ => Self::Single,
        }
    }

    const fn letter(self) -> &'static str {
        match self {
            Self::Drop => "n",
            Self::Keep => "k",
            Self::Single => "s",
        }
    }
}

/// Jobs of one queue that end alike.
pub(super) struct Run {
    queue: usize,
    kind: Kind,
    jobs: Vec<usize>,
}

impl RedisStore {
    /// Settles jobs of queues that share a slot, in one step.
    pub(super) async fn settle_together(
        &self,
        call: CallId,
        jobs: &[&Settlement],
    ) -> Result<Vec<Fenced>, StoreError> {
        let mut queues = Vec::new();
        let runs = runs(jobs, &mut queues);
        let mut script = self.call(&SETTLE, &queues).await.map_err(worded)?;
        script.with_mail(Mail::Behind);
        script.arg(call.sender.as_uuid().as_bytes());
        put_settle(&self.keys, call, jobs, &runs, &mut script);
        let fenced = read_fenced(self.send(&script).await.map_err(worded)?, &runs, jobs.len())?;
        #[cfg(feature = "seeded-bugs")]
        self.write_down(&queues, jobs, &fenced).await;
        Ok(fenced)
    }
}

/// Writes what settling takes.
pub(super) fn put_settle(keys: &Keys, call: CallId, jobs: &[&Settlement], runs: &[Run], script: &mut Call) {
    script.number(call.sequence).arg(slot('s', call)).number(runs.len());
    for run in runs {
        script.number(run.queue + 2).arg(run.kind.letter()).number(run.jobs.len());
        let of_run = run.jobs.iter().map(|place| jobs[*place]);
        if run.kind == Kind::Single {
            of_run.for_each(|job| put_single(keys, job, script));
        } else {
            put_completed(&of_run.collect::<Vec<_>>(), script);
        }
    }
}

/// Reads what settling answers.
pub(super) fn read_fenced(answer: Value, runs: &[Run], jobs: usize) -> Result<Vec<Fenced>, StoreError> {
    let letters = match answer {
        Value::Int(_) => return Ok(vec![Fenced::Applied; jobs]),
        letters => bytes(letters)?,
    };
    let mut fenced = vec![Fenced::Stale; jobs];
    let places = runs.iter().flat_map(|run| run.jobs.iter());
    if letters.len() != jobs {
        return Err(strange());
    }
    for (place, letter) in places.zip(&letters) {
        fenced[*place] = if *letter == b'A' { Fenced::Applied } else { Fenced::Stale };
    }
    Ok(fenced)
}

/// Sorts settlements into runs. Of one job there is one, as a rule; a second one must find the first carried out.
pub(super) fn runs(jobs: &[&Settlement], queues: &mut Vec<Name>) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut seen = std::collections::HashSet::<_, foldhash::fast::RandomState>::default();
    let repeated = !jobs.iter().all(|job| seen.insert((&job.envelope.queue, &job.envelope.id)));
    for (place, job) in jobs.iter().enumerate() {
        let queue = queues.iter().position(|queue| *queue == job.envelope.queue).unwrap_or_else(|| {
            queues.push(job.envelope.queue.clone());
            queues.len() - 1
        });
        let kind = Kind::of(job);
        match runs.iter_mut().rev().find(|run| !repeated && run.queue == queue && run.kind == kind) {
            Some(run) => run.jobs.push(place),
            None => runs.push(Run { queue, kind, jobs: vec![place] }),
        }
    }
    // Jobs of one claim stand together: the claim is said once.
    for run in runs.iter_mut().filter(|run| run.kind != Kind::Single) {
        run.jobs.sort_by_key(|place| claim_in(jobs[*place]));
    }
    runs
}

/// Writes completed jobs, those of each claim together: the claims, the ids, and the results, but once if all are the same.
fn put_completed(jobs: &[&Settlement], script: &mut Call) {
    let claims = || jobs.chunk_by(|one, other| claim_in(one) == claim_in(other));
    let mut results = jobs.iter().map(|job| match &job.transition {
        Transition::Complete { result, .. } => result.as_ref(),
        _ => &[],
    });
    let first = results.clone().next().unwrap_or_default();
    let is_same = results.all(|result| result == first);
    script.number(claims().count()).arg(if is_same { "1" } else { "0" });
    for of_claim in claims() {
        script.arg(claim_in(of_claim[0])).number(of_claim.len());
    }
    let mut id = Vec::new();
    for job in jobs {
        id.clear();
        put_id(&job.envelope.id, &mut id);
        script.arg(&id);
    }
    for job in &jobs[..if is_same { 1 } else { jobs.len() }] {
        if let Transition::Complete { result, .. } = &job.transition {
            script.arg(result);
        }
    }
}

/// Writes what becomes of a job that waits for these too: its record behind its lane, and all of its parents.
fn awaiting(keys: &Keys, job: &Envelope, more: &[Parent]) -> Vec<u8> {
    let mut job = job.clone();
    job.extras_mut().parents.extend_from_slice(more);
    let record = rest_of_record(&job);
    let mut to = (record.len() as u32).to_be_bytes().to_vec();
    to.extend(record);
    to.extend(parents_bytes(keys, job.extras(), |_| false));
    to
}

fn claim_in(job: &Settlement) -> [u8; 8] {
    claim_of(job.token, &id_bytes(&job.envelope.id))
}

fn put_single(keys: &Keys, job: &Settlement, script: &mut Call) {
    let id = id_bytes(&job.envelope.id);
    script.arg(&id).arg(claim_of(job.token, &id));
    match &job.transition {
        Transition::Complete { result, retention } => {
            script.arg("C");
            match retention {
                Retention::Standard => script.arg("-1"),
                Retention::Nothing => script.arg("0"),
                Retention::For(time) => script.number(micros(*time).max(1)),
            };
            script.arg(result)
        }
        Transition::Retry { failure, after } => {
            script.arg("R").number(micros(*after)).arg(failure_bytes(failure))
        }
        Transition::Fail { failure } => script.arg("F").arg("0").arg(failure_bytes(failure)),
        Transition::Snooze { after } => script.arg("S").number(micros(*after)).arg(""),
        Transition::Await { parents } => script
            .arg("W")
            .number(job.envelope.extras().parents.len())
            .arg(awaiting(keys, &job.envelope, parents)),
        Transition::Cancel { reason } => {
            let (said, reason) = reason_parts(reason.as_deref());
            script.arg("X").arg(said).arg(reason)
        }
        Transition::Release => script.arg("L").arg("0").arg(""),
    };
    script.arg(report_bytes(&job.report));
}
