//! Which jobs a query means, and where they can be.

use super::{Key, NumberKey, Order, Query, Term, Test, TimeKey};
use crate::admin::Hidden;
use crate::clock::Timestamp;
use crate::job::{Job, JobId, JobState};

impl Query {
    /// Tells whether a job is meant, at a time of its store. What is a secret in an error's text is as if it were not there.
    #[must_use]
    pub fn matches(&self, job: &Job, now: Timestamp) -> bool {
        self.matches_shown(job, now, &Hidden::default())
    }

    /// Does the same where more is hidden: whoever may not see a text cannot guess it either.
    pub(crate) fn matches_shown(&self, job: &Job, now: Timestamp, hidden: &Hidden) -> bool {
        self.terms.iter().all(|term| term.test.holds(job, now, hidden) != term.is_not)
    }

    /// Returns the states in which jobs that are meant can be.
    #[must_use]
    pub fn states(&self) -> Vec<JobState> {
        let can_be = |state: &JobState| {
            self.terms.iter().all(|term| match &term.test {
                Test::State(states) => states.contains(state) != term.is_not,
                Test::Time(TimeKey::Ended, ..) if !term.is_not => state.is_terminal(),
                _ => true,
            })
        };
        JobState::ALL.into_iter().filter(can_be).collect()
    }

    /// Tells whether jobs of a queue can be meant.
    #[must_use]
    pub fn wants_queue(&self, queue: &str) -> bool {
        self.terms.iter().all(|term| match &term.test {
            Test::Text(Key::Queue, patterns) => {
                patterns.iter().any(|pattern| pattern.matches(queue)) != term.is_not
            }
            _ => true,
        })
    }

    /// Tells whether it says nothing but states and queues: such jobs need not be looked at to be counted.
    #[must_use]
    pub fn is_counted(&self) -> bool {
        self.terms.iter().all(|term| matches!(term.test, Test::State(_) | Test::Text(Key::Queue, _)))
    }

    /// Returns the ids of the only jobs that can be meant, if it names such.
    pub(crate) fn ids(&self) -> Option<Vec<JobId>> {
        self.terms.iter().find_map(Term::ids)
    }
}

impl Term {
    fn ids(&self) -> Option<Vec<JobId>> {
        match &self.test {
            Test::Text(Key::Id, patterns) if !self.is_not => {
                let ids = patterns.iter().map(|pattern| pattern.as_exact().map(|id| JobId::from_stored(&id)));
                ids.collect()
            }
            _ => None,
        }
    }
}

impl Test {
    fn holds(&self, job: &Job, now: Timestamp, hidden: &Hidden) -> bool {
        match self {
            Self::State(states) => states.contains(&job.state()),
            Self::Text(key, patterns) => patterns.iter().any(|pattern| match key {
                Key::Queue => pattern.matches(job.queue()),
                Key::Task => pattern.matches(job.task()),
                Key::Id => pattern.matches(job.id().as_str()),
                Key::Tag => job.tags().iter().any(|tag| pattern.matches(tag)),
                Key::Dedup => {
                    let key = job.envelope().dedup().map(|dedup| hidden.text(job.task(), &dedup.key));
                    key.is_some_and(|key| pattern.matches(&key))
                }
                Key::Worker => job.worker().is_some_and(|worker| pattern.matches(&worker.to_string())),
                Key::Error => job.errors().iter().any(|failure| {
                    pattern.matches(failure.kind().name())
                        || pattern.is_in(&hidden.text(job.task(), failure.message()))
                }),
            }),
            Self::Time(key, order, time) => {
                let since = match key {
                    TimeKey::Age => Some(job.status().created_at),
                    TimeKey::Ended => job.status().finished_at,
                };
                since.is_some_and(|since| order.holds(&now.since(since), time))
            }
            Self::Number(key, order, number) => {
                let it = match key {
                    NumberKey::Attempt => u64::from(job.attempt()),
                    NumberKey::Priority => u64::from(job.priority()),
                };
                order.holds(&it, number)
            }
        }
    }
}

impl Order {
    fn holds<T: PartialOrd>(self, it: &T, border: &T) -> bool {
        match self {
            Self::Less => it < border,
            Self::AtMost => it <= border,
            Self::Exactly => it == border,
            Self::AtLeast => it >= border,
            Self::More => it > border,
        }
    }
}
