//! What machines ask: `/health`, `/ready` and `/metrics`.

use std::time::Duration;

use asyncmq::dashboard::Role;
use asyncmq::{Client, NewJob, TaskError, Worker, task};
use serde_json::json;

use super::{As, Site, config};
use crate::support::until;

#[task(queue = "measured", name = "measured")]
async fn measured(ends: String) -> Result<(), TaskError> {
    match ends.as_str() {
        "well" => Ok(()),
        "retried" => Err(TaskError::retry("once more")),
        _ => Err(TaskError::permanent("no")),
    }
}

fn value(metrics: &str, series: &str) -> f64 {
    let line = metrics.lines().find_map(|line| line.strip_prefix(series));
    line.unwrap_or_else(|| panic!("no {series} in\n{metrics}")).trim().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_count_what_stands_and_what_happened() {
    let client = Client::memory();
    let site = Site::of(&client, config());
    site.ready().await;
    let queue = client.queue("measured");
    let worker = Worker::new(&client).queues(["measured"]).start().await.unwrap();
    for ends in ["well", "well", "badly"] {
        queue.add(NewJob::new("measured").args(json!({ "ends": ends }))).await.unwrap();
    }
    let again = NewJob::new("measured").args(json!({ "ends": "retried" })).retries(1);
    queue.add(again.backoff(asyncmq::Backoff::fixed(Duration::from_secs(3_600)))).await.unwrap();
    client.queue("other\"\\").add(NewJob::new("x")).await.unwrap();
    let viewer = As::Program(Role::Viewer);
    let labels = "queue=\"measured\",task=\"measured\"";
    let mut metrics = String::new();
    until("the counts", async || {
        metrics = site.get("/metrics", &viewer).await.is(200).text;
        metrics.contains(&format!("asyncmq_attempts_total{{{labels},outcome=\"completed\"}} 2"))
            && metrics.contains(&format!("asyncmq_attempts_total{{{labels},outcome=\"failed\"}} 1"))
            && metrics.contains(&format!("asyncmq_attempts_total{{{labels},outcome=\"retried\"}} 1"))
    })
    .await;
    for (series, wanted) in [
        ("asyncmq_queue_jobs{queue=\"measured\",state=\"failed\"}", 1.0),
        ("asyncmq_queue_jobs{queue=\"measured\",state=\"delayed\"}", 1.0),
        ("asyncmq_queue_waiting{queue=\"other\\\"\\\\\"}", 1.0),
        ("asyncmq_queue_workers{queue=\"measured\"}", 1.0),
        ("asyncmq_workers{status=\"live\"}", 1.0),
        (&format!("asyncmq_run_seconds_count{{{labels}}}"), 4.0),
        (&format!("asyncmq_wait_seconds_count{{{labels}}}"), 4.0),
        (&format!("asyncmq_run_seconds_bucket{{{labels},le=\"+Inf\"}}"), 4.0),
        (&format!("asyncmq_leases_lost_total{{{labels}}}"), 0.0),
        (&format!("asyncmq_enqueued_heard_total{{{labels}}}"), 4.0),
        ("asyncmq_dashboard_live_pages", 0.0),
    ] {
        assert!((value(&metrics, series) - wanted).abs() < 1e-9, "{series}\n{metrics}");
    }
    // Every series has a help and a type before it, once.
    let names: Vec<_> =
        metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    for line in metrics.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(['{', ' ']).next().unwrap();
        let name = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|end| name.strip_suffix(end))
            .filter(|name| names.contains(name))
            .unwrap_or(name);
        assert_eq!(names.iter().filter(|known| **known == name).count(), 1, "{line}");
    }
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn ready_says_when_a_loop_or_the_store_is_stuck() {
    use crate::support::severed::{Fault, Severed, Verb};
    let line = Severed::new();
    // The store answers, but nothing can be heard of it: a look at the store alone would not tell.
    line.fail(Verb::Subscribe, Fault::Refused, usize::MAX);
    let site = Site::of(&Client::with_backend(line.clone()), config());
    line.was_hit(Verb::Subscribe, 3).await;
    assert!(site.get("/api/queues", &As::Program(Role::Viewer)).await.status.is_success());
    assert_eq!(site.get("/ready", &As::Nobody).await.is(503).text, "not ready\n");
    assert_eq!(site.get("/health", &As::Nobody).await.is(200).text, "ok\n");
    line.heal();
    site.ready().await;
    assert_eq!(site.get("/ready", &As::Nobody).await.is(200).text, "ready\n");

    line.fail(Verb::Look, Fault::Refused, usize::MAX);
    assert_eq!(site.get("/ready", &As::Nobody).await.is(503).text, "not ready\n");
    let page = site.get("/queues", &As::Program(Role::Viewer)).await.is(503);
    assert!(page.text.contains("store could not") && !page.header("retry-after").is_empty(), "{}", page.text);
    assert!(site.get("/api/queues", &As::Program(Role::Viewer)).await.is(503).text.starts_with("{\"error\""));
    line.heal();
    site.ready().await;
}
