//! A program of the sweep whose jobs wait for each other.

use std::collections::HashSet;
use std::sync::Arc;

use asyncmq::backend::{ClaimedJob, Control, Fenced};
use asyncmq::job::{Envelope, Failure, FailureKind, JobId, Name, Parent, Passes};
use asyncmq::lifecycle::Transition;
use asyncmq::{JobState, OnFailure};

use super::party::{Died, OTHER, Party, QUEUE, complete, job};

/// A job of a queue, behind others.
fn behind(queue: Name, others: &[&Arc<Envelope>], on_failure: OnFailure) -> Arc<Envelope> {
    let parent = |other: &&Arc<Envelope>| Parent {
        queue: other.queue.clone(),
        id: other.id.clone(),
        on_failure,
        passes: Passes::Output,
    };
    let mut job = Envelope { queue, ..job() };
    if !others.is_empty() {
        job.extras_mut().parents = others.iter().map(parent).collect();
    }
    Arc::new(job)
}

/// A diamond across two queues, and beside it one that fails, with one behind it under each policy.
pub(super) async fn waits_for_others(party: &mut Party<'_>) -> Result<(), Died> {
    party.queues = vec![QUEUE, OTHER];
    let (top, bad) = (behind(QUEUE, &[], OnFailure::Fail), behind(OTHER, &[], OnFailure::Fail));
    let (left, right) = (behind(OTHER, &[&top], OnFailure::Fail), behind(QUEUE, &[&top], OnFailure::Cancel));
    let bottom = behind(OTHER, &[&left, &right, &bad], OnFailure::Run);
    let [fails, runs, ends] = OnFailure::ALL.map(|policy| behind(QUEUE, &[&bad], policy));
    let all = [&top, &bad, &left, &right, &bottom, &fails, &runs, &ends].map(Arc::clone);
    party.push_all(&all).await?;
    let first = party.claim(10).await?;
    assert_eq!(ids(&first), HashSet::from([&top.id, &bad.id]));
    party.run(&first);
    let no = Transition::Fail { failure: Failure::new(1, FailureKind::Error, "no") };
    let end = |id: &JobId| if *id == bad.id { no.clone() } else { complete() };
    assert_eq!(party.settle_each(&first, end).await?, [Fenced::Applied; 2]);
    assert_eq!(party.state(&fails).await, JobState::Failed);
    assert_eq!(party.state(&ends).await, JobState::Cancelled);
    let arms = party.claim(10).await?;
    assert_eq!(ids(&arms), HashSet::from([&left.id, &right.id, &runs.id]));
    party.run(&arms);
    assert_eq!(party.state(&bottom).await, JobState::Blocked);
    // Both that the last one waits for end in one step.
    assert_eq!(party.settle(&arms, complete()).await?, [Fenced::Applied; 3]);
    begins_anew(party, [&bad, &fails, &ends]).await?;
    assert_eq!(party.work(10, complete()).await?, 2);
    let late = behind(OTHER, &[&top, &bottom], OnFailure::Fail);
    party.push_all(std::slice::from_ref(&late)).await?;
    assert_eq!(party.work(10, complete()).await?, 1);
    for job in all.iter().chain([&late]) {
        assert_eq!(party.state(job).await, JobState::Completed);
    }
    Ok(())
}

/// Lets one that failed begin anew, and two that ended with it.
async fn begins_anew(party: &mut Party<'_>, jobs: [&Arc<Envelope>; 3]) -> Result<(), Died> {
    for job in jobs {
        party.ask(async || party.store.retry(&job.queue, &job.id).await).await?;
    }
    let [bad, fails, ends] = jobs;
    assert_eq!(party.state(fails).await, JobState::Blocked);
    assert_eq!(party.state(ends).await, JobState::Blocked);
    // The one that waits for nobody, and the last of the diamond.
    let both = party.claim(10).await?;
    assert_eq!(both.len(), 2);
    assert!(ids(&both).contains(&bad.id));
    party.run(&both);
    assert_eq!(party.settle(&both, complete()).await?, [Fenced::Applied; 2]);
    Ok(())
}

fn ids(jobs: &[ClaimedJob]) -> HashSet<&JobId> {
    jobs.iter().map(|job| &job.envelope.id).collect()
}
