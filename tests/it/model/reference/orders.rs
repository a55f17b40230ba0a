//! What becomes of a job that people order about.

use asyncmq::JobState;
use asyncmq::backend::Ordered;

use super::Model;
use crate::model::command::Target;

impl Model {
    pub(super) fn cancel(&mut self, target: Target, state: JobState) -> Ordered {
        match state {
            JobState::Active => {
                self.job(target).cancel = true;
                Ordered::Requested
            }
            JobState::Waiting | JobState::Delayed | JobState::Blocked => {
                self.retire(target, JobState::Cancelled);
                Ordered::Done
            }
            state => Ordered::Refused(state),
        }
    }

    pub(super) fn remove(&mut self, target: Target, state: JobState) -> Ordered {
        if state == JobState::Active {
            return Ordered::Refused(state);
        }
        if !state.is_terminal() {
            self.free_key(target);
            self.tell(target, None);
        }
        self.forget(target);
        Ordered::Done
    }

    pub(super) fn retry(&mut self, target: Target, state: JobState) -> Ordered {
        if !matches!(state, JobState::Failed | JobState::Expired | JobState::Cancelled) {
            return Ordered::Refused(state);
        }
        let (now, order) = (self.now, self.number());
        let job = self.job(target);
        (job.attempt, job.crashes, job.suspect, job.ended_at) = (0, 0, false, None);
        job.expires_at = job.sent.ttl.map(|ttl| now + ttl);
        job.wait_until(now, now, order);
        let waits = !job.sent.parents.is_empty();
        if waits {
            job.state = JobState::Blocked;
        }
        self.own_if_free(target);
        if waits {
            self.link(target);
        }
        Ordered::Done
    }

    pub(super) fn promote(&mut self, target: Target, state: JobState) -> Ordered {
        if state != JobState::Delayed {
            return Ordered::Refused(state);
        }
        let (now, order) = (self.now, self.number());
        let job = self.job(target);
        job.expires_at = job.expires_at.and(job.sent.ttl).map(|ttl| now + ttl);
        job.wait_until(now, now, order);
        Ordered::Done
    }
}
