//! The model's deduplication keys: one a queue.

use std::time::Duration;

use asyncmq::{Dedup, JobState};

use super::command::{Mode, Sent, Target};
use super::reference::{Met, Model};

/// Who holds the key of a queue; times in milliseconds since the start.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    owner: u8,
    known: bool,
    /// Whether the owner has not ended.
    is_live: bool,
    until: Option<u64>,
    next: Option<u8>,
}

impl Key {
    fn holds(&self, now: u64) -> bool {
        self.next.is_some() || self.until.map_or(self.is_live, |end| now < end)
    }
}

/// How long throttles and debounces take.
pub(crate) const WINDOW: u64 = 2_000;

impl Mode {
    pub(crate) const fn dedup(self) -> Dedup {
        let window = Duration::from_millis(WINDOW);
        match self {
            Self::Simple => Dedup::Simple,
            Self::Throttle => Dedup::Throttle(window),
            Self::Extend => Dedup::ExtendedThrottle(window),
            Self::Debounce => Dedup::Debounce(window),
            Self::Replace => Dedup::Replace,
            Self::KeepLast => Dedup::KeepLast,
        }
    }

    const fn until(self, now: u64) -> Option<u64> {
        match self {
            Self::Throttle | Self::Extend => Some(now + WINDOW),
            _ => None,
        }
    }
}

impl Model {
    /// Returns who holds the key of a queue.
    pub(crate) fn owner(&self, queue: usize) -> Option<u8> {
        let key = self.queues[queue].key.as_ref()?;
        key.holds(self.now).then_some(key.owner)
    }

    /// What becomes of a job that has the key of its queue.
    pub(crate) fn push_keyed(&mut self, queue: usize, sent: &Sent, mode: Mode) -> Met {
        let (now, held) = (self.now, self.queues[queue].key.clone());
        let Some(key) = held.filter(|key| key.holds(now)) else {
            self.enter(queue, sent, None);
            self.own((queue, sent.id), None);
            return Met::Nothing;
        };
        let owner = self.jobs.get(&(queue, key.owner)).filter(|_| key.is_live);
        let has_started = owner.is_some_and(|job| job.attempt != 0 || job.crashes != 0);
        let is_delayed = owner.is_some_and(|job| job.state == JobState::Delayed);
        let is_fresh = owner.is_some() && !has_started;
        let replaced = match mode {
            _ if key.known != sent.known => None,
            Mode::Debounce if is_fresh && is_delayed => Some(key.owner),
            Mode::Replace if is_fresh => Some(key.owner),
            Mode::KeepLast => key.next,
            _ => None,
        };
        if let Some(gone) = replaced {
            self.tell((queue, gone), None);
            self.forget((queue, gone));
            self.queues[queue].ended += 1;
        }
        let met = replaced.map_or(Met::Nothing, Met::Replaced);
        match mode {
            _ if key.known != sent.known => Met::Left(key.owner),
            Mode::KeepLast if replaced.is_some() || has_started => {
                self.enter(queue, sent, Some(JobState::Blocked));
                self.queues[queue].key = Some(Key { next: Some(sent.id), ..key });
                met
            }
            Mode::Debounce => self.take_over(queue, sent, key.next, met),
            Mode::Replace if is_fresh => self.take_over(queue, sent, key.next, met),
            Mode::Extend if key.until.is_some() => {
                let left = Met::Left(key.owner);
                self.queues[queue].key = Some(Key { until: mode.until(now), ..key });
                left
            }
            _ => Met::Left(key.owner),
        }
    }

    fn take_over(&mut self, queue: usize, sent: &Sent, next: Option<u8>, met: Met) -> Met {
        self.enter(queue, sent, None);
        self.own((queue, sent.id), next);
        met
    }

    fn own(&mut self, (queue, id): Target, next: Option<u8>) {
        let job = &self.jobs[&(queue, id)];
        let Some(mode) = job.sent.dedup else { return };
        let (until, known) = (mode.until(self.now), job.sent.known);
        self.queues[queue].key = Some(Key { owner: id, known, is_live: true, until, next });
    }

    pub(crate) fn own_if_free(&mut self, target: Target) {
        if self.jobs[&target].sent.dedup.is_some() && self.owner(target.0).is_none() {
            self.own(target, None);
        }
    }

    /// Frees the key of a job that ends or is removed.
    pub(crate) fn free_key(&mut self, (queue, id): Target) {
        let has_key = self.jobs.get(&(queue, id)).is_some_and(|job| job.sent.dedup.is_some());
        let Some(key) = self.queues[queue].key.clone().filter(|_| has_key) else { return };
        if key.next == Some(id) {
            self.queues[queue].key = Some(Key { next: None, ..key });
        } else if key.is_live && key.owner == id {
            self.queues[queue].key = None;
            match key.next {
                Some(next) => {
                    self.unblock((queue, next));
                    self.own((queue, next), None);
                }
                None if key.until.is_some_and(|end| self.now < end) => {
                    self.queues[queue].key = Some(Key { is_live: false, ..key });
                }
                None => {}
            }
        }
    }

    /// Returns whether the key was held.
    pub(crate) fn free_dedup_key(&mut self, queue: usize) -> bool {
        let Some(key) = self.queues[queue].key.take() else { return false };
        if let Some(next) = key.next {
            self.unblock((queue, next));
        }
        key.holds(self.now)
    }

    /// Returns how many windows were over.
    pub(crate) fn prune_keys(&mut self) -> usize {
        let (now, mut over) = (self.now, 0);
        for line in &mut self.queues {
            let Some(key) = line.key.as_mut().filter(|key| key.until.is_some_and(|end| end <= now)) else {
                continue;
            };
            over += 1;
            if key.next.is_some() {
                key.until = None;
            } else {
                line.key = None;
            }
        }
        over
    }
}
