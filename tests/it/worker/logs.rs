//! What handlers log: kept with their jobs, and in the span of their attempt.

use std::sync::{Arc, Mutex};

use asyncmq::{Context, TraceContext, task};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::Context as Of;
use tracing_subscriber::prelude::*;
use tracing_subscriber::registry::LookupSpan;

use crate::support::stage::{Stage, check};

#[task(name = "logs.talks", queue = "logs", retries = 1, backoff = "fixed(1ms)")]
async fn talks(ctx: Context) -> Result<(), String> {
    ctx.log("by hand");
    tokio::task::yield_now().await;
    tracing::info!(attempt = ctx.attempt(), "talks");
    tracing::debug!("whispers");
    if ctx.attempt() == 1 { Err("once".into()) } else { Ok(()) }
}

/// Keeps logs of handlers on this thread, on which all of a test runs.
fn kept_from(level: LevelFilter) -> DefaultGuard {
    tracing::subscriber::set_default(tracing_subscriber::registry().with(asyncmq::worker::job_logs(level)))
}

const STORY: [&str; 5] = ["enqueued", "started 1", "retrying 1 error", "started 2", "completed 2"];

fn lines(job: &asyncmq::Job) -> Vec<(u32, &str)> {
    job.logs().iter().map(|line| (line.attempt, line.message.as_str())).collect()
}

#[tokio::test]
async fn events_are_kept_beside_lines_with_the_number_of_the_attempt() {
    let _kept = kept_from(LevelFilter::INFO);
    let job = check(talks::job(), &STORY).await;
    let wanted = [(1, "by hand"), (1, "INFO  talks attempt=1"), (2, "by hand"), (2, "INFO  talks attempt=2")];
    assert_eq!(lines(&job), wanted);
}

#[tokio::test]
async fn nothing_is_kept_where_that_is_off() {
    let _kept = kept_from(LevelFilter::OFF);
    let job = check(talks::job(), &STORY).await;
    assert_eq!(lines(&job), [(1, "by hand"), (2, "by hand")]);
}

#[task(name = "logs.floods", queue = "logs")]
async fn floods(lines: u32, bytes: usize) {
    for _ in 0..lines {
        tracing::info!("{}", "x".repeat(bytes));
    }
}

#[tokio::test]
async fn what_is_kept_of_a_flood_is_bounded() {
    let _kept = kept_from(LevelFilter::INFO);
    for (many, bytes, kept) in [(10_000, 10, 101), (10_000, 3_000, 11), (3, 100_000, 3), (0, 0, 0)] {
        let job = check(floods::job(many, bytes), &["enqueued", "started 1", "completed 1"]).await;
        assert_eq!(job.logs().len(), kept, "{many} of {bytes} bytes");
        assert!(job.logs().iter().map(|line| line.message.len()).sum::<usize>() < 34 * 1_024);
        let is_told = job.logs().last().is_some_and(|line| line.message.contains("is not kept"));
        assert_eq!(is_told, 3 < many, "that it is not all is said");
    }
}

/// What was seen of spans and of the events in them.
#[derive(Debug, Default, Clone)]
struct Seen(Arc<Mutex<Vec<String>>>);

impl<S: Subscriber + for<'span> LookupSpan<'span>> tracing_subscriber::Layer<S> for Seen {
    fn on_new_span(&self, span: &Attributes<'_>, _: &Id, _: Of<'_, S>) {
        let name = span.metadata().name();
        self.0.lock().unwrap().push(format!("new {name}"));
    }

    fn on_record(&self, _: &Id, values: &Record<'_>, _: Of<'_, S>) {
        self.0.lock().unwrap().push(format!("{values:?}"));
    }

    fn on_event(&self, event: &Event<'_>, of: Of<'_, S>) {
        if event.metadata().target().starts_with("it::") {
            let span = of.event_span(event).map_or("none", |span| span.name());
            self.0.lock().unwrap().push(format!("event in {span}"));
        }
    }
}

#[task(name = "logs.plain", queue = "logs")]
fn plain(ctx: Context) -> Option<String> {
    tracing::info!("on a thread of its own");
    ctx.trace().map(|trace| trace.to_string())
}

/// Lets everything that a job logs be seen by the subscribers of this thread.
///
/// `tracing` keeps for each callsite whether anybody wants it. A callsite that another thread passes for the first
/// time while a subscriber is set here is kept as wanted by nobody, until that is asked again.
async fn know_all_callsites(stage: &mut Stage) {
    let handle = stage.enqueue(talks::job().retries(0)).await;
    stage.recorder.story(handle.id()).await;
    tracing::callsite::rebuild_interest_cache();
}

#[tokio::test]
async fn a_handler_logs_in_the_span_of_its_attempt_which_knows_the_trace() {
    const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let seen = Seen::default();
    let subscriber = tracing_subscriber::registry().with(seen.clone().with_filter(LevelFilter::INFO));
    let _kept = tracing::subscriber::set_default(subscriber);
    let mut stage = Stage::of("logs").await;
    know_all_callsites(&mut stage).await;
    seen.0.lock().unwrap().clear();
    let trace: TraceContext = TRACE.parse().unwrap();
    let handle = stage.enqueue(talks::job().retries(0).trace(trace.clone())).await;
    stage.recorder.story(handle.id()).await;
    let story = std::mem::take(&mut *seen.0.lock().unwrap());
    let of_job: Vec<_> =
        story.iter().filter(|line| line.contains("job") || line.contains("Record")).collect();
    let [begin, trace_id, span_id, event] = of_job[..] else { panic!("{story:?}") };
    assert!(begin == "new job" && event == "event in job", "{story:?}");
    assert!(trace_id.contains(trace.trace_id()) && span_id.contains(trace.span_id()), "{story:?}");

    let handle = stage.enqueue(plain::job().trace(trace)).await;
    assert_eq!(handle.result().await.unwrap().as_deref(), Some(TRACE));
    let handle = stage.enqueue(plain::job()).await;
    assert_eq!(handle.result().await.unwrap(), None, "where there is no trace, none is made up");
    stage.worker.stop().await.unwrap();
}
