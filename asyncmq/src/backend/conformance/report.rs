//! What running attempts say: progress and log lines.

#![expect(missing_docs, reason = "the name of each property is what it promises")]

use serde_json::json;

use super::Fixture;
use super::stage::{Answered, LEASE, SECOND, Stage, complete, job, jobs, retry, settlement};
use crate::backend::{ClaimedJob, Fenced, Report, Settlement};
use crate::job::{LogLine, Progress};

fn said(percent: f64, lines: &[&str]) -> Report {
    let line = |line: &&str| LogLine { attempt: 1, message: (*line).into() };
    let progress =
        Progress::new(percent, json!({ "at": percent, "big": 12_345_678_901_234_567_u64, "none": [] }));
    Report { progress: Some(progress), logs: lines.iter().map(line).collect() }
}

pub async fn the_latest_progress_and_every_line_are_kept(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let pushed = stage.push(job()).await;
    let worker = stage.worker();
    let held = worker.one().await;
    assert_eq!(worker.report(&held, said(10.5, &["one\n", "ü\0"])).await, Fenced::Applied);
    assert_eq!(worker.report(&held, said(20.0, &["three"])).await, Fenced::Applied);
    let kept = stage.job(&pushed).await;
    assert_eq!(kept.progress(), said(20.0, &[]).progress.as_ref());
    assert_eq!(kept.logs(), said(0.0, &["one\n", "ü\0", "three"]).logs);
}

pub async fn lines_without_progress_leave_the_progress(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let pushed = stage.push(job()).await;
    let worker = stage.worker();
    let held = worker.one().await;
    worker.report(&held, said(50.0, &[])).await;
    worker.report(&held, Report { progress: None, ..said(0.0, &["line"]) }).await;
    let kept = stage.job(&pushed).await;
    assert_eq!((kept.progress(), kept.logs().len()), (said(50.0, &[]).progress.as_ref(), 1));
}

pub async fn the_last_two_hundred_lines_are_kept(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let pushed = stage.push(job()).await;
    let worker = stage.worker();
    let held = worker.one().await;
    let lines: Vec<String> = (0..450).map(|number| number.to_string()).collect();
    for batch in lines.chunks(150) {
        let batch: Vec<&str> = batch.iter().map(String::as_str).collect();
        worker.report(&held, said(1.0, &batch)).await;
    }
    let kept = stage.job(&pushed).await;
    let kept: Vec<&str> = kept.logs().iter().map(|line| line.message.as_str()).collect();
    assert_eq!(kept, lines[250..]);
}

pub async fn what_comes_with_the_settle_is_kept_too(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let pushed = stage.push(job()).await;
    let worker = stage.worker();
    let held = worker.one().await;
    worker.report(&held, said(10.0, &["first"])).await;
    let last = Settlement { report: said(100.0, &["last"]), ..settlement(&held, complete()) };
    assert_eq!(worker.settle_all(&[last]).await, [Fenced::Applied]);
    let kept = stage.job(&pushed).await;
    assert_eq!(kept.progress().map(Progress::percent), Some(100.0));
    assert_eq!(kept.logs().len(), 2);
}

pub async fn a_report_that_comes_too_late_changes_nothing(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let pushed = stage.push(job()).await;
    let worker = stage.worker();
    let stale = worker.one().await;
    worker.settle(&stale, retry(std::time::Duration::ZERO)).await;
    stage.worker().one().await;
    assert_eq!(worker.report(&stale, said(99.0, &["late"])).await, Fenced::Stale);
    let late = Settlement { report: said(99.0, &["late"]), ..settlement(&stale, complete()) };
    assert_eq!(worker.settle_all(&[late]).await, [Fenced::Stale]);
    let kept = stage.job(&pushed).await;
    assert_eq!((kept.progress(), kept.logs().len()), (None, 0));
}

pub async fn a_rescued_jobs_worker_has_nothing_more_to_say(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let pushed = stage.push(job()).await;
    let worker = stage.worker();
    let held = worker.one().await;
    fixture.advance(LEASE + SECOND).await;
    stage.rescue().await;
    assert_eq!(worker.report(&held, said(99.0, &["late"])).await, Fenced::Stale);
    assert_eq!(stage.job(&pushed).await.progress(), None);
}

pub async fn reports_of_many_jobs_are_answered_in_their_order(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.push_all(jobs(3)).await;
    let worker = stage.worker();
    let held = worker.claim(3).await;
    worker.settle(&held[1], complete()).await;
    let report = |job: &ClaimedJob| (job.envelope.clone(), job.token, said(5.0, &["line"]));
    let reports: Vec<_> = held.iter().map(report).collect();
    let reply = stage.store.report(&reports).await.answered();
    assert_eq!(reply, [Fenced::Applied, Fenced::Stale, Fenced::Applied]);
    assert_eq!(stage.job(&held[2].envelope).await.logs().len(), 1);
}
