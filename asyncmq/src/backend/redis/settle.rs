//! Settle: completed jobs in runs of a few commands, the others one by one.

use redis::Value;

use super::codec::{failure_bytes, fence_of, id_bytes, reason_parts, report_bytes};
use super::error::worded;
use super::reply::{bytes, strange};
use super::script::{Call, SETTLE};
use super::{RedisStore, micros, slot};
use crate::backend::{CallId, Fenced, Settlement, StoreError};
use crate::job::{Name, Retention};
use crate::lifecycle::Transition;

/// What the script does with a run of jobs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
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
struct Run {
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
        let (queues, runs) = runs(jobs);
        let mut script = self.call(&SETTLE, &queues).await.map_err(worded)?;
        script.arg(call.sender.as_uuid().as_bytes()).number(call.sequence).arg(slot('s', call));
        script.number(runs.len());
        for run in &runs {
            script.number(run.queue + 2).arg(run.kind.letter()).number(run.jobs.len());
            for place in &run.jobs {
                put(run.kind, jobs[*place], &mut script);
            }
        }
        let answer = self.send(&script).await.map_err(worded)?;
        let letters = match answer {
            Value::Int(_) => return Ok(vec![Fenced::Applied; jobs.len()]),
            letters => bytes(letters)?,
        };
        let mut fenced = vec![Fenced::Stale; jobs.len()];
        let places = runs.iter().flat_map(|run| run.jobs.iter());
        if letters.len() != jobs.len() {
            return Err(strange());
        }
        for (place, letter) in places.zip(&letters) {
            fenced[*place] = if *letter == b'A' { Fenced::Applied } else { Fenced::Stale };
        }
        Ok(fenced)
    }
}

/// Sorts settlements into runs. Of one job there is one, as a rule; a second one must find the first carried out.
fn runs(jobs: &[&Settlement]) -> (Vec<Name>, Vec<Run>) {
    let mut queues: Vec<Name> = Vec::new();
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
    (queues, runs)
}

fn put(kind: Kind, job: &Settlement, script: &mut Call) {
    script.arg(id_bytes(&job.envelope.id)).arg(fence_of(job.token));
    if kind != Kind::Single {
        if let Transition::Complete { result, .. } = &job.transition {
            script.arg(result);
        }
        return;
    }
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
        Transition::Cancel { reason } => {
            let (said, reason) = reason_parts(reason.as_deref());
            script.arg("X").arg(said).arg(reason)
        }
        Transition::Release => script.arg("L").arg("0").arg(""),
    };
    script.arg(report_bytes(&job.report));
}
