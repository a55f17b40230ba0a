//! The last hour in numbers: one sample every five seconds over all queues, and the last ten minutes of each queue.

use std::collections::{HashMap, VecDeque};
use std::time::SystemTime;

use super::EVERY;
use crate::admin::QueueOverview;
use crate::clock::Timestamp;

/// How many samples are kept: an hour.
const KEPT: usize = 720;
/// How many of each queue: ten minutes.
const KEPT_OF_QUEUE: usize = 120;
/// Of more queues than these none are kept one by one.
const MOST_QUEUES: usize = 500;

/// How everything stood at a time, and how much happened since the time before.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(in crate::dashboard) struct Sample {
    pub(in crate::dashboard) at: Timestamp,
    pub(in crate::dashboard) seconds: f64,
    pub(in crate::dashboard) enqueued: u64,
    pub(in crate::dashboard) ended: u64,
    pub(in crate::dashboard) failed: u64,
    pub(in crate::dashboard) waiting: u64,
    pub(in crate::dashboard) active: u64,
    pub(in crate::dashboard) delayed: u64,
    pub(in crate::dashboard) dead: u64,
    pub(in crate::dashboard) oldest: f64,
}

#[derive(Debug, Clone, Copy, Default)]
struct OfQueue {
    ended: u64,
    waiting: u64,
}

#[derive(Debug, Default)]
struct QueueHistory {
    totals: (u64, u64),
    samples: VecDeque<OfQueue>,
}

/// The samples there are, the oldest first.
#[derive(Debug, Default)]
pub(in crate::dashboard) struct History {
    samples: VecDeque<Sample>,
    queues: HashMap<String, QueueHistory>,
    failed: u64,
}

impl History {
    /// Takes in how the queues stand, and how many failures were heard of so far.
    pub(super) fn add(&mut self, queues: &[QueueOverview], failed: u64) {
        let at: Timestamp = SystemTime::now().into();
        let last = self.samples.back().map(|sample| sample.at);
        let seconds = last.map_or(EVERY, |last| at.since(last)).as_secs_f64().max(0.001);
        let mut sample = Sample { at, seconds, ..Sample::default() };
        self.queues.retain(|name, _| queues.iter().any(|queue| *queue.info.name == **name));
        for queue in queues {
            let (info, counts) = (&queue.info, &queue.info.counts);
            sample.waiting += counts.waiting;
            sample.active += counts.active;
            sample.delayed += counts.delayed + counts.blocked;
            sample.dead += counts.failed + counts.expired;
            sample.oldest = sample.oldest.max(info.oldest_waiting.unwrap_or_default().as_secs_f64());
            let (enqueued, ended) = self.add_queue(queue, last.is_none());
            sample.enqueued += enqueued;
            sample.ended += ended;
        }
        sample.failed = failed.saturating_sub(self.failed);
        self.failed = failed;
        push(&mut self.samples, sample, KEPT);
    }

    /// Returns how many jobs came and went since the last sample. Of a queue that is new, all did.
    fn add_queue(&mut self, queue: &QueueOverview, is_first: bool) -> (u64, u64) {
        let info = &queue.info;
        if MOST_QUEUES <= self.queues.len() && !self.queues.contains_key(info.name.as_str()) {
            return (0, 0);
        }
        let known = self.queues.entry(info.name.to_string()).or_insert_with(|| QueueHistory {
            totals: if is_first { (info.enqueued, info.ended) } else { (0, 0) },
            samples: VecDeque::new(),
        });
        // A queue that was obliterated meanwhile begins again.
        let enqueued = info.enqueued.saturating_sub(known.totals.0);
        let ended = info.ended.saturating_sub(known.totals.1);
        known.totals = (info.enqueued, info.ended);
        push(&mut known.samples, OfQueue { ended, waiting: info.counts.waiting }, KEPT_OF_QUEUE);
        (enqueued, ended)
    }

    /// Returns the latest `most` samples, the oldest first.
    pub(in crate::dashboard) fn latest(&self, most: usize) -> impl Iterator<Item = &Sample> {
        self.samples.iter().skip(self.samples.len().saturating_sub(most))
    }

    /// Returns how many jobs came, ended and failed a second, over the latest samples.
    pub(in crate::dashboard) fn rates(&self, most: usize) -> (f64, f64, f64) {
        let (mut seconds, mut sums) = (0.0, (0, 0, 0));
        for sample in self.latest(most) {
            seconds += sample.seconds;
            sums = (sums.0 + sample.enqueued, sums.1 + sample.ended, sums.2 + sample.failed);
        }
        #[expect(clippy::cast_precision_loss, reason = "a rate needs no exact count")]
        let rate = |count: u64| if seconds <= 0.0 { 0.0 } else { count as f64 / seconds };
        (rate(sums.0), rate(sums.1), rate(sums.2))
    }

    /// Returns what ended and what waited of one queue, sample by sample.
    pub(in crate::dashboard) fn of_queue(&self, name: &str) -> (Vec<u64>, Vec<u64>) {
        let samples = self.queues.get(name).map(|queue| &queue.samples);
        samples.into_iter().flatten().map(|sample| (sample.ended, sample.waiting)).unzip()
    }
}

fn push<T>(list: &mut VecDeque<T>, one: T, most: usize) {
    while most <= list.len() {
        list.pop_front();
    }
    list.push_back(one);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{Client, NewJob};

    #[tokio::test]
    async fn samples_tell_what_happened_between_them() {
        let client = Client::memory();
        let (mut history, mail) = (History::default(), client.queue("mail"));
        mail.add(NewJob::new("x")).await.unwrap();
        history.add(&client.admin().queues().await.unwrap(), 0);
        mail.add(NewJob::new("x")).await.unwrap();
        client.queue("new").add(NewJob::new("x")).await.unwrap();
        history.add(&client.admin().queues().await.unwrap(), 2);
        let samples: Vec<_> = history.latest(10).copied().collect();
        assert_eq!((samples[0].enqueued, samples[0].waiting, samples[0].failed), (0, 1, 0));
        assert_eq!((samples[1].enqueued, samples[1].waiting, samples[1].failed), (2, 3, 2));
        assert_eq!(history.of_queue("mail").1, [1, 2]);
        for _ in 0..KEPT + 5 {
            history.add(&[], 2);
        }
        assert_eq!(history.latest(usize::MAX).count(), KEPT);
    }
}
