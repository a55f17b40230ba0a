//! What happened to a job, in its order.

use super::rows::Moment;
use crate::clock::Timestamp;
use crate::dashboard::text::short;
use crate::job::{Job, JobState};

/// One thing that happened, or is to happen.
pub(super) struct Step {
    pub(super) says: String,
    pub(super) when: Moment,
    pub(super) note: String,
    pub(super) tone: &'static str,
}

/// Returns the steps, the first one first.
pub(super) fn timeline(job: &Job) -> Vec<Step> {
    let status = job.status();
    let mut steps: Vec<(Timestamp, Step)> = Vec::new();
    let mut add = |at: Timestamp, says: String, note: String, tone: &'static str| {
        steps.push((at, Step { says, when: at.into(), note, tone }));
    };
    add(status.created_at, "Enqueued".into(), String::new(), "");
    for failure in job.errors() {
        let says = format!("Attempt {} failed", failure.attempt());
        add(failure.time(), says, failure.kind().name().to_owned(), "bad");
    }
    if let Some(started) = status.started_at {
        let waited = started.since(status.created_at.max(status.run_at.min(started)));
        add(
            started,
            format!("Attempt {} started", job.attempt()),
            format!("due for {}", short(waited)),
            "active",
        );
    }
    match (job.state(), status.finished_at) {
        (state, Some(ended)) => {
            let ran = status.started_at.filter(|started| *started <= ended);
            let note =
                ran.map_or_else(String::new, |started| format!("after {}", short(ended.since(started))));
            let tone = match state {
                JobState::Completed => "good",
                JobState::Failed | JobState::Expired => "bad",
                _ => "",
            };
            add(ended, title(state), note, tone);
        }
        (JobState::Delayed, None) => add(status.run_at, "Due".into(), String::new(), "next"),
        _ => {}
    }
    if let Some(expires) = status.expires_at.filter(|_| !job.state().is_terminal()) {
        add(expires, "Expires unless started".into(), String::new(), "next");
    }
    steps.sort_by_key(|(at, _)| *at);
    steps.into_iter().map(|(_, step)| step).collect()
}

fn title(state: JobState) -> String {
    let name = state.name();
    name[..1].to_uppercase() + &name[1..]
}
