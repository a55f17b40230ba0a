//! What was heard, in numbers: attempts by queue, task and outcome, and how long jobs waited and ran.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::SystemTime;

use crate::event::{Event, EventKind};

/// The upper ends of the buckets, in seconds.
pub(super) const BUCKETS: [f64; 14] =
    [0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 120.0, 600.0, 3_600.0];

/// Of more queues and tasks than this, the rest is counted as one: names must not fill the memory.
const MOST_SERIES: usize = 1_000;

/// How many jobs are followed at once; of more, the oldest are not measured.
const FOLLOWED: usize = 100_000;

/// What ends an attempt, as metrics spell it.
pub(super) const OUTCOMES: [(EventKind, &str); 7] = [
    (EventKind::Completed, "completed"),
    (EventKind::Failed, "failed"),
    (EventKind::Retrying, "retried"),
    (EventKind::Expired, "expired"),
    (EventKind::Cancelled, "cancelled"),
    (EventKind::Released, "released"),
    (EventKind::Stalled, "stalled"),
];

/// How long something took, in buckets.
#[derive(Debug, Clone, Default)]
pub(super) struct Durations {
    pub(super) buckets: [u64; BUCKETS.len()],
    pub(super) count: u64,
    pub(super) sum: f64,
}

impl Durations {
    fn add(&mut self, seconds: f64) {
        if let Some(bucket) = BUCKETS.iter().position(|end| seconds <= *end) {
            self.buckets[bucket] += 1;
        }
        self.count += 1;
        self.sum += seconds;
    }
}

/// What was heard of one task in one queue.
#[derive(Debug, Clone, Default)]
pub(super) struct OfTask {
    pub(super) outcomes: [u64; OUTCOMES.len()],
    pub(super) enqueued: u64,
    pub(super) run: Durations,
    pub(super) wait: Durations,
}

/// Queue and task.
pub(super) type Key = (String, String);
type Followed = (String, String);

/// What was heard.
#[derive(Debug, Default)]
pub(in crate::dashboard) struct Tally {
    pub(super) tasks: BTreeMap<Key, OfTask>,
    /// How many events were lost on the way.
    pub(in crate::dashboard) missed: u64,
    failed: u64,
    /// Since when jobs wait or run, by queue and id.
    since: HashMap<Followed, SystemTime>,
    order: VecDeque<Followed>,
}

impl Tally {
    /// Counts an event.
    pub(super) fn count(&mut self, event: &Event) {
        let (Some(queue), Some(task), Some(id)) = (event.queue(), event.task(), event.job_id()) else {
            return;
        };
        let job = (queue.to_owned(), id.to_string());
        let kind = event.kind();
        match kind {
            EventKind::Enqueued => {
                self.of(queue, task).enqueued += 1;
                self.follow(job, event.time());
            }
            EventKind::Started => {
                let waited = self.since.get(&job).copied();
                if let Some(since) = waited.filter(|_| event.attempt() <= 1) {
                    self.of(queue, task).wait.add(seconds(since, event.time()));
                }
                self.follow(job, event.time());
            }
            kind => {
                let Some(outcome) = OUTCOMES.iter().position(|(known, _)| *known == kind) else { return };
                self.failed += u64::from(matches!(kind, EventKind::Failed | EventKind::Expired));
                let since = self.since.remove(&job);
                let of_task = self.of(queue, task);
                of_task.outcomes[outcome] += 1;
                let ran = matches!(kind, EventKind::Completed | EventKind::Failed | EventKind::Retrying);
                if let Some(since) = since.filter(|_| ran) {
                    of_task.run.add(seconds(since, event.time()));
                }
            }
        }
    }

    /// Returns how many jobs became dead letters.
    pub(super) const fn failed_for_good(&self) -> u64 {
        self.failed
    }

    /// Lists what was heard by queue and task: outcomes, and the mean times to wait and to run.
    pub(in crate::dashboard) fn rows(&self) -> Vec<TallyRow> {
        let row = |((queue, task), of): (&Key, &OfTask)| TallyRow {
            queue: queue.clone(),
            task: task.clone(),
            outcomes: of.outcomes,
            run: Spread::of(&of.run),
            wait: Spread::of(&of.wait),
        };
        self.tasks.iter().map(row).collect()
    }

    fn of(&mut self, queue: &str, task: &str) -> &mut OfTask {
        let key = (queue.to_owned(), task.to_owned());
        let is_one_too_many = MOST_SERIES <= self.tasks.len() && !self.tasks.contains_key(&key);
        self.tasks.entry(if is_one_too_many { ("other".into(), "other".into()) } else { key }).or_default()
    }

    /// The oldest makes way, also one that has ended since: its place in the order is then void.
    fn follow(&mut self, job: Followed, since: SystemTime) {
        if self.since.insert(job.clone(), since).is_none() {
            self.order.push_back(job);
        }
        while FOLLOWED < self.order.len() {
            if let Some(oldest) = self.order.pop_front() {
                self.since.remove(&oldest);
            }
        }
    }
}

/// One line of the table of metrics.
#[derive(Debug, Clone)]
pub(in crate::dashboard) struct TallyRow {
    pub(in crate::dashboard) queue: String,
    pub(in crate::dashboard) task: String,
    pub(in crate::dashboard) outcomes: [u64; OUTCOMES.len()],
    pub(in crate::dashboard) run: Option<Spread>,
    pub(in crate::dashboard) wait: Option<Spread>,
}

/// How long something took, roughly: the upper ends of the buckets in which the middle and the slowest twentieth are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::dashboard) struct Spread {
    pub(in crate::dashboard) mean: f64,
    pub(in crate::dashboard) median: f64,
    pub(in crate::dashboard) p95: f64,
}

impl Spread {
    fn of(durations: &Durations) -> Option<Self> {
        #[expect(clippy::cast_precision_loss, reason = "a mean needs no exact count")]
        let mean = (durations.count != 0).then(|| durations.sum / durations.count as f64)?;
        let at = |percent: u64| {
            let mut left = (durations.count * percent).div_ceil(100);
            for (count, end) in durations.buckets.iter().zip(BUCKETS) {
                if left <= *count {
                    return end;
                }
                left -= count;
            }
            f64::INFINITY
        };
        Some(Self { mean, median: at(50), p95: at(95) })
    }
}

fn seconds(since: SystemTime, until: SystemTime) -> f64 {
    until.duration_since(since).unwrap_or_default().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::clock::Timestamp;
    use crate::job::Envelope;

    fn hear(tally: &mut Tally, kind: EventKind, job: &Arc<Envelope>, at: f64) {
        let time = Timestamp::default().after(Duration::from_secs_f64(1_000.0 + at));
        tally.count(&Event::of_job(kind, job.clone(), 1, time));
    }

    async fn job() -> Arc<Envelope> {
        let client = crate::Client::memory();
        let handle = client.queue("mail").add(crate::NewJob::new("greet")).await.unwrap();
        client.queue("mail").get_job(handle.id()).await.unwrap().unwrap().envelope().clone()
    }

    #[tokio::test]
    async fn waits_and_runs_are_measured_and_ends_counted() {
        let (mut tally, job) = (Tally::default(), job().await);
        hear(&mut tally, EventKind::Enqueued, &job, 0.0);
        hear(&mut tally, EventKind::Started, &job, 2.0);
        hear(&mut tally, EventKind::Failed, &job, 2.2);
        let row = tally.rows().remove(0);
        assert_eq!(
            (row.queue.as_str(), row.task.as_str(), row.outcomes),
            ("mail", "greet", [0, 1, 0, 0, 0, 0, 0])
        );
        assert!((row.wait.unwrap().mean - 2.0).abs() < 1e-3 && (row.run.unwrap().mean - 0.2).abs() < 1e-3);
        assert_eq!((row.run.unwrap().p95, row.wait.unwrap().median, tally.failed_for_good()), (0.25, 2.5, 1));
        assert!(tally.since.is_empty());
    }

    #[tokio::test]
    async fn jobs_that_never_end_do_not_fill_the_memory() {
        let mut tally = Tally::default();
        for number in 0..FOLLOWED + 10 {
            tally.follow(("mail".into(), number.to_string()), SystemTime::UNIX_EPOCH);
        }
        assert_eq!((tally.since.len(), tally.order.len()), (FOLLOWED, FOLLOWED));
    }
}
