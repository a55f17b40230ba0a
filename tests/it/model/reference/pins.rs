//! Jobs that are kept as long as others are.

use asyncmq::JobState;

use super::{Entry, KEPT_EXACTLY, Model};
use crate::model::command::{Keep, Target};

impl Entry {
    /// Tells whether it pins the job at this place of those that it waits for.
    pub(crate) fn pins(&self, place: usize) -> bool {
        self.sent.pins.is_some_and(|from| from <= place)
    }

    /// Returns what is to be let go of when it is forgotten.
    pub(super) fn unpins(&self) -> Option<(u64, Vec<Target>, bool)> {
        let pinned = self.sent.parents.iter().skip(self.sent.pins?).map(|parent| parent.target).collect();
        Some((self.born, pinned, self.sent.priority == 0))
    }
}

impl Model {
    /// Forgets a job; what it pinned is let go of by the next prune.
    pub(crate) fn forget(&mut self, target: Target) {
        self.unpinned.extend(self.jobs.remove(&target).and_then(|job| job.unpins()));
    }

    /// Lets go of all that forgotten jobs pinned. Returns how many those were.
    pub(super) fn let_go(&mut self) -> usize {
        let (mut count, now) = (0, self.now);
        while let Some((by, pinned, strictly)) = self.unpinned.pop() {
            for target in pinned {
                let Some(job) = self.jobs.get_mut(&target).filter(|job| job.pinned_by == Some(by)) else {
                    continue;
                };
                job.pinned_by = None;
                count += 1;
                let asked = job.state == JobState::Completed && job.sent.keep == Keep::Exactly && !strictly;
                let Some(ended) = job.ended_at else { continue };
                if !(asked && now < ended + KEPT_EXACTLY) {
                    self.forget(target);
                }
            }
        }
        count
    }
}
