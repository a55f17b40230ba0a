//! Metrics as Prometheus reads them.

use std::fmt::Write;

use super::tally::{BUCKETS, Durations, Key, OUTCOMES, OfTask, Tally};
use crate::admin::QueueOverview;
use crate::backend::WorkerInfo;
use crate::job::JobState;

const HEARD: &str = "Counted from the events that this dashboard heard since it started.";

/// Writes how everything stands, and what was heard.
pub(in crate::dashboard) fn write(
    (queues, workers): (&[QueueOverview], &[WorkerInfo]),
    tally: &Tally,
    live_pages: usize,
) -> String {
    let mut text = String::new();
    write_queues(&mut text, queues);
    write_workers(&mut text, workers);
    write_tally(&mut text, tally);
    head(
        &mut text,
        "asyncmq_dashboard_live_pages",
        "gauge",
        "Pages of this dashboard that are open and live.",
    );
    let _ = writeln!(text, "asyncmq_dashboard_live_pages {live_pages}");
    text
}

fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn write_queues(text: &mut String, queues: &[QueueOverview]) {
    head(text, "asyncmq_queue_jobs", "gauge", "Jobs of a queue in a state, as the store counts them.");
    for queue in queues {
        let name = escape(&queue.info.name);
        for state in JobState::ALL {
            let count = queue.info.counts.of(state);
            let _ = writeln!(text, "asyncmq_queue_jobs{{queue=\"{name}\",state=\"{state}\"}} {count}");
        }
    }
    type Of = fn(&QueueOverview) -> f64;
    #[expect(clippy::cast_precision_loss, reason = "Prometheus knows no other numbers")]
    let gauges: [(&str, &str, &str, Of); 7] = [
        ("asyncmq_queue_waiting", "gauge", "Jobs that wait for a worker.", |queue| {
            queue.info.counts.waiting as f64
        }),
        ("asyncmq_queue_active", "gauge", "Jobs that run.", |queue| queue.info.counts.active as f64),
        (
            "asyncmq_queue_oldest_waiting_seconds",
            "gauge",
            "How long the oldest waiting job has been due.",
            |queue| queue.info.oldest_waiting.unwrap_or_default().as_secs_f64(),
        ),
        ("asyncmq_queue_paused", "gauge", "1 if the queue gives nothing out.", |queue| {
            f64::from(u8::from(queue.info.paused))
        }),
        ("asyncmq_queue_workers", "gauge", "Live workers that serve the queue.", |queue| {
            queue.workers as f64
        }),
        ("asyncmq_queue_enqueued_total", "counter", "Jobs taken in since the store was made.", |queue| {
            queue.info.enqueued as f64
        }),
        (
            "asyncmq_queue_ended_total",
            "counter",
            "Jobs that ended, however, since the store was made.",
            |queue| queue.info.ended as f64,
        ),
    ];
    for (name, kind, help, of) in gauges {
        head(text, name, kind, help);
        for queue in queues {
            let _ = writeln!(text, "{name}{{queue=\"{}\"}} {}", escape(&queue.info.name), of(queue));
        }
    }
}

fn write_workers(text: &mut String, workers: &[WorkerInfo]) {
    head(
        text,
        "asyncmq_workers",
        "gauge",
        "Workers by status; dead ones for as long as the store remembers them.",
    );
    for status in ["live", "draining", "dead"] {
        let count =
            workers.iter().filter(|worker| crate::admin::view::worker_status(worker) == status).count();
        let _ = writeln!(text, "asyncmq_workers{{status=\"{status}\"}} {count}");
    }
}

fn write_tally(text: &mut String, tally: &Tally) {
    head(
        text,
        "asyncmq_enqueued_heard_total",
        "counter",
        &format!("Jobs taken in, replays included. {HEARD}"),
    );
    for (key, of) in &tally.tasks {
        let _ = writeln!(text, "asyncmq_enqueued_heard_total{{{}}} {}", labels(key), of.enqueued);
    }
    head(
        text,
        "asyncmq_attempts_total",
        "counter",
        &format!("Ends of attempts and of jobs by outcome. {HEARD}"),
    );
    for (key, of) in &tally.tasks {
        for ((_, outcome), count) in OUTCOMES.iter().zip(of.outcomes).filter(|(_, count)| *count != 0) {
            let _ = writeln!(text, "asyncmq_attempts_total{{{},outcome=\"{outcome}\"}} {count}", labels(key));
        }
    }
    head(
        text,
        "asyncmq_leases_lost_total",
        "counter",
        &format!("Jobs whose worker died or fell silent. {HEARD}"),
    );
    let stalled = OUTCOMES.iter().position(|(_, name)| *name == "stalled").unwrap_or_default();
    for (key, of) in &tally.tasks {
        let _ = writeln!(text, "asyncmq_leases_lost_total{{{}}} {}", labels(key), of.outcomes[stalled]);
    }
    let run = "From the start of an attempt to its end.";
    write_durations(text, ("asyncmq_run_seconds", run), tally, |of| &of.run);
    let wait = "From a job's being enqueued, a delay included, to its first start.";
    write_durations(text, ("asyncmq_wait_seconds", wait), tally, |of| &of.wait);
    head(
        text,
        "asyncmq_events_missed_total",
        "counter",
        "Events that were lost on the way to this dashboard.",
    );
    let _ = writeln!(text, "asyncmq_events_missed_total {}", tally.missed);
}

fn write_durations(
    text: &mut String,
    (name, help): (&str, &str),
    tally: &Tally,
    of: fn(&OfTask) -> &Durations,
) {
    head(text, name, "histogram", &format!("{help} {HEARD}"));
    for (key, of_task) in &tally.tasks {
        let (durations, labels, mut count) = (of(of_task), labels(key), 0);
        for (bucket, end) in durations.buckets.iter().zip(BUCKETS) {
            count += bucket;
            let _ = writeln!(text, "{name}_bucket{{{labels},le=\"{end}\"}} {count}");
        }
        let _ = writeln!(text, "{name}_bucket{{{labels},le=\"+Inf\"}} {}", durations.count);
        let _ = writeln!(text, "{name}_sum{{{labels}}} {}", durations.sum);
        let _ = writeln!(text, "{name}_count{{{labels}}} {}", durations.count);
    }
}

fn labels((queue, task): &Key) -> String {
    format!("queue=\"{}\",task=\"{}\"", escape(queue), escape(task))
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_end_a_label() {
        assert_eq!(escape("a\"b\\c\nd"), "a\\\"b\\\\c\\nd");
    }
}
