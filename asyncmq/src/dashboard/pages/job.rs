//! One job: what it was given, what it gave, what went wrong, when, and what can be done about it.

use askama::Template;

use super::events::Heard;
use super::kin::Kin;
use super::rows::{JobRow, Moment};
use super::timeline::{Step, timeline};
use super::{Shell, page};
use crate::admin::view::{JobDetailView, Secrets};
use crate::admin::{Order, Query};
use crate::dashboard::access::Role;
use crate::dashboard::error::Answer;
use crate::dashboard::text::{pretty, short, visible};
use crate::dashboard::visit::{Fields, Visit};
use crate::dashboard::watch::recent::Wanted;
use crate::job::{Failure, Job, JobState};

struct FailureRow {
    attempt: u32,
    kind: &'static str,
    message: String,
    when: Moment,
}

#[derive(Template)]
#[template(path = "job.html")]
struct JobShown {
    shell: Shell,
    job: JobRow,
    why: Option<String>,
    percent: Option<String>,
    orders: Vec<(&'static str, &'static str)>,
    can_remove: bool,
    can_reveal: bool,
    is_revealed: bool,
    failures: Vec<FailureRow>,
    reason: Option<String>,
    args: String,
    result: Option<String>,
    logs: Vec<(u32, String)>,
    headers: Vec<(String, String)>,
    timeline: Vec<Step>,
    facts: Vec<(&'static str, String)>,
    events: Vec<Heard>,
    kin: Kin,
}

/// Shows it, without secrets.
pub(in crate::dashboard) async fn show(visit: Visit) -> Answer {
    let job = visit.admin().job(visit.query.must("id")?, visit.query.get("queue")).await?;
    draw(&visit, &job, Secrets::Hidden).await
}

/// Shows it with secrets, and keeps on record who looked.
pub(in crate::dashboard) async fn reveal(visit: Visit, Fields(fields): Fields) -> Answer {
    let job = revealed(&visit, fields.must("id")?, fields.get("queue")).await?;
    draw(&visit, &job, Secrets::Shown).await
}

/// Returns a job of which secrets will be shown, after that was kept on record.
pub(in crate::dashboard) async fn revealed(
    visit: &Visit,
    id: &str,
    queue: Option<&str>,
) -> crate::Result<Job> {
    let (id, queue) = (id.to_owned(), queue.map(ToOwned::to_owned));
    let looking = visit.order(|admin| async move {
        let mut subject = Query::all().of_id(&id);
        if let Some(queue) = &queue {
            subject = subject.in_queue(queue);
        }
        let look = admin.job(&id, queue.as_deref());
        admin.on_record(("job.reveal", &subject.to_string()), look, |_| 0).await
    });
    looking.await
}

async fn draw(visit: &Visit, job: &Job, secrets: Secrets) -> Answer {
    let owner = visit.admin().dedup_owner(job).await?;
    let view = visit.dashboard.conceal.detail(job, secrets).with_dedup_owner(owner.as_ref());
    let (state, is_shown) = (job.state(), secrets == Secrets::Shown);
    let why = match state {
        JobState::Delayed => Some("it is not due yet".into()),
        _ => visit.admin().why_not_running(job).await?,
    };
    let shell = Shell::new(visit, "/jobs", job.task());
    let failures = job.errors().iter().zip(&view.errors).map(failure_row);
    let logs = job.logs().iter().zip(&view.logs).map(|(line, shown)| (line.attempt, visible(shown)));
    let wanted =
        Wanted { job: Some(view.job.id.clone()), queue: Some(view.job.queue.clone()), ..Wanted::default() };
    let heard = visit.dashboard.watch.recent.latest(&wanted, 12);
    page(&JobShown {
        // What was revealed is not looked at again: that would need another order.
        shell: if is_shown { shell.still() } else { shell },
        job: JobRow::of(visit, job),
        why,
        percent: view.progress.filter(|_| state == JobState::Active).map(|percent| format!("{percent:.0}")),
        orders: orders(visit, state),
        can_remove: Role::Admin <= visit.role() && Order::Remove.reaches().contains(&state),
        can_reveal: Role::Admin <= visit.role() && !is_shown,
        is_revealed: is_shown,
        failures: failures.rev().collect(),
        reason: view.cancel_reason.as_deref().map(visible),
        args: view.args.as_ref().map_or_else(|| "not JSON".into(), |json| visible(&pretty(json.get()))),
        result: view.result.as_ref().map(|json| visible(&pretty(json.get()))),
        logs: logs.collect(),
        headers: view.headers.clone(),
        timeline: timeline(job),
        facts: facts(&view),
        kin: Kin::of(visit, job).await?,
        events: heard.iter().map(|event| Heard::of(visit, event)).collect(),
    })
}

fn failure_row((failure, shown): (&Failure, &crate::admin::view::FailureView)) -> FailureRow {
    FailureRow {
        attempt: shown.attempt,
        kind: shown.kind,
        message: visible(&shown.message),
        when: failure.time().into(),
    }
}

fn orders(visit: &Visit, state: JobState) -> Vec<(&'static str, &'static str)> {
    if visit.role() < Role::Operator {
        return Vec::new();
    }
    let all =
        [(Order::Retry, "Retry"), (Order::Promote, "Run now"), (Order::Cancel { reason: None }, "Cancel")];
    let reached = all.into_iter().filter(|(order, _)| order.reaches().contains(&state));
    reached.map(|(order, name)| (order.verb(), name)).collect()
}

fn facts(view: &JobDetailView) -> Vec<(&'static str, String)> {
    let time = |seconds: f64| short(std::time::Duration::from_secs_f64(seconds.clamp(0.0, 1e12)));
    let mut facts = vec![
        ("Attempt", format!("{} of {}", view.job.attempt, view.job.max_attempts)),
        ("Priority", view.job.priority.to_string()),
        ("Version", view.version.to_string()),
    ];
    if view.job.crashes != 0 {
        facts.push(("Crashes", view.job.crashes.to_string()));
    }
    if let Some((mode, key)) = view.dedup.as_deref().zip(view.dedup_key.as_deref()) {
        facts.push(("Deduplication", format!("{mode} by {}", visible(key))));
        let held_by = match view.dedup_owner.as_deref() {
            Some(owner) if owner == view.job.id => "this job".to_owned(),
            Some(owner) => visible(owner),
            None => "nobody".to_owned(),
        };
        facts.push(("Key held by", held_by));
    }
    facts.extend(view.job.key.as_deref().map(|key| ("Key", visible(key))));
    facts.extend(view.timeout.map(|seconds| ("Timeout", time(seconds))));
    facts.extend(view.ttl.map(|seconds| ("Time to live", time(seconds))));
    facts.extend(view.expires_at.clone().map(|at| ("Expires", at)));
    facts.extend(view.job.worker.clone().map(|worker| ("Worker", worker)));
    facts
}
