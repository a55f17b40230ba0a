//! What has been enqueued and has not run yet.

use std::fmt::Write;

use futures_util::FutureExt;

use crate::client::{Client, current_client};
use crate::job::{Job, JobState};
use crate::task::{OWN, Task};

/// Returns the arguments of this task's jobs that wait, are delayed or blocked, in the client of the test's scope: the
/// oldest first.
///
/// # Panics
///
/// Outside of a scope, or if a job's arguments cannot be read.
#[must_use]
pub fn enqueued<T: Task>() -> Vec<T> {
    let client = current_client().expect(
        "no client: call this within `testing::scope` or `TestClient::scope`, or name the client in `assert_enqueued!`",
    );
    Jobs::of(&client).decoded::<T>()
}

/// The jobs of a client that have not run yet.
pub struct Jobs(Vec<Job>);

impl Jobs {
    /// Finds the jobs of the test's scope.
    ///
    /// # Panics
    ///
    /// Outside of a scope.
    #[must_use]
    pub fn in_scope() -> Self {
        let client = current_client().expect(
            "no client: call this within `testing::scope`, or name the client: `assert_enqueued!(client, …)`",
        );
        Self::of(&client)
    }

    /// Finds the jobs of this client.
    ///
    /// # Panics
    ///
    /// When its store does not answer at once, as one in memory does.
    #[must_use]
    pub fn of(client: &Client) -> Self {
        let list = async {
            let mut jobs = Vec::new();
            for name in client.queues().await? {
                let queue = client.queue(name.as_str());
                for state in [JobState::Waiting, JobState::Delayed, JobState::Blocked] {
                    jobs.extend(queue.list_jobs(state, 0..u64::MAX).await?);
                }
            }
            Ok::<_, crate::Error>(jobs)
        };
        let listed = list.now_or_never().expect("only jobs in memory can be looked at without waiting");
        let mut jobs = listed.expect("a store in memory can always be asked");
        jobs.retain(|job| !job.task().starts_with(OWN));
        jobs.sort_by(|one, other| (one.created_at(), one.id()).cmp(&(other.created_at(), other.id())));
        Self(jobs)
    }

    /// Reads the arguments of a task's jobs.
    ///
    /// # Panics
    ///
    /// When they cannot be read.
    #[must_use]
    pub fn decoded<T: Task>(&self) -> Vec<T> {
        let own = self.0.iter().filter(|job| job.task() == T::NAME);
        own.map(|job| {
            T::__decode(&job.envelope().args).unwrap_or_else(|error| {
                panic!("the arguments of job {} of {:?} cannot be read: {error}", job.id(), T::NAME)
            })
        })
        .collect()
    }

    /// Says what there is instead.
    #[must_use]
    pub fn told(&self) -> String {
        if self.0.is_empty() {
            return "nothing is enqueued".into();
        }
        self.0.iter().fold("enqueued are:".into(), |mut text, job| {
            let arguments = String::from_utf8_lossy(&job.envelope().args);
            let _ = write!(text, "\n  {} {arguments} in queue {:?}", job.task(), job.queue());
            text
        })
    }
}

/// Ends a test whose job is not there.
///
/// # Panics
///
/// Always.
#[track_caller]
pub fn not_enqueued(wanted: &str, jobs: &Jobs) -> ! {
    panic!("no job is enqueued that is {wanted}; {}", jobs.told())
}

/// Asserts that a job is enqueued, and has not run yet, whose arguments are these: each is compared with `==`. With `..`, the
/// others may be anything.
///
/// The client may be left out within a [test's scope](crate::testing::scope).
///
/// # Examples
///
/// ```standalone_crate
/// use asyncmq::{assert_enqueued, task, testing};
///
/// #[task]
/// async fn send_welcome(to: String, name: String) {}
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> asyncmq::Result<()> {
/// let client = testing::client();
/// send_welcome::job("a@b.c", "Ann").enqueue_on(&client).await?;
/// assert_enqueued!(client, send_welcome { to: "a@b.c", .. });
/// client.scope(async { assert_enqueued!(send_welcome { to: "a@b.c", name: "Ann" }) }).await;
/// # Ok(()) }
/// ```
///
/// # Panics
///
/// If there is no such job; the message lists those that there are.
#[macro_export]
macro_rules! assert_enqueued {
    ($($task:ident)::+ { $($field:ident : $value:expr),* $(, ..)? $(,)? }) => {
        $crate::__assert_enqueued!(
            $crate::testing::Jobs::in_scope(), [$($task)::+] { $($field : $value),* }
        )
    };
    ($($task:ident)::+ { .. }) => {
        $crate::__assert_enqueued!($crate::testing::Jobs::in_scope(), [$($task)::+] { })
    };
    ($client:expr, $($task:ident)::+ { $($field:ident : $value:expr),* $(, ..)? $(,)? }) => {
        $crate::__assert_enqueued!($crate::testing::Jobs::of(&$client), [$($task)::+] { $($field : $value),* })
    };
    ($client:expr, $($task:ident)::+ { .. }) => {
        $crate::__assert_enqueued!($crate::testing::Jobs::of(&$client), [$($task)::+] { })
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __assert_enqueued {
    ($jobs:expr, [$($task:tt)+] { $($field:ident : $value:expr),* }) => {{
        let jobs = $jobs;
        let found = jobs.decoded::<$($task)+>().iter().any(|job| {
            let _ = job;
            true $(&& job.$field == $value)*
        });
        if !found {
            $crate::testing::not_enqueued(
                concat!(stringify!($($task)+), " { ", $(stringify!($field), ": ", stringify!($value), ", ",)* "}"),
                &jobs,
            );
        }
    }};
}
