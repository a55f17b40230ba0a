//! Jobs that wait for others across the slots of a cluster, and what dies on the way between them.

mod field;
mod graphs;

use std::sync::Arc;

use asyncmq::backend::{Control, Force, Inspect, Ordered, Pushed, Store, Upkeep};
use asyncmq::job::Name;
use asyncmq::{JobState, OnFailure};

use self::field::{Field, NEVER, child_of, frozen_after, job_of, queue};
use crate::support::redis_cluster::Cluster;
use crate::support::{soon, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_push_that_dies_anywhere_leaves_no_child_that_nobody_tells() {
    let field = Field::new().await;
    let (one, mut families, mut frozen) = (&field.one, Vec::new(), Vec::new());
    for waits in 0.. {
        let parent = Arc::new(job_of(&queue(format!("parents {waits}"))));
        field.push(&parent).await;
        let child = child_of(&parent, &queue(format!("children {waits}")), OnFailure::Cancel);
        let (call, jobs) = (field.call(), vec![child.clone()]);
        families.push((parent, child));
        match frozen_after(waits, async move { one.push(call, &jobs).await }).await {
            Ok(_) => break,
            Err(process) => frozen.push(process),
        }
    }
    assert!(5 < families.len(), "a push takes several steps, not {}", families.len());
    for (parent, _) in &families {
        assert_eq!(field.other.cancel(&parent.queue, &parent.id, None).await.unwrap(), Ordered::Done);
    }
    let mut kept = 0;
    for (_, child) in &families {
        if field.state(child).await.is_some() {
            kept += 1;
            field.comes_to(child, JobState::Cancelled).await;
        }
    }
    assert!(2 < kept, "some died between the push and its end");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_dies_anywhere_leaves_no_child_that_nobody_tells() {
    let field = Field::new().await;
    let (one, mut families, mut frozen) = (&field.one, Vec::new(), Vec::new());
    for waits in 0.. {
        let parent = Arc::new(job_of(&queue(format!("parents {waits}"))));
        let child = child_of(&parent, &queue(format!("children {waits}")), OnFailure::Cancel);
        field.push(&parent).await;
        field.push(&child).await;
        families.push((parent.clone(), child));
        match frozen_after(waits, async move { one.cancel(&parent.queue, &parent.id, None).await }).await {
            Ok(_) => break,
            Err(process) => frozen.push(process),
        }
    }
    assert!(3 < families.len(), "an order takes several steps, not {}", families.len());
    for (parent, child) in &families {
        // The first ones died before they ordered anything.
        field.other.cancel(&parent.queue, &parent.id, None).await.unwrap();
        field.comes_to(child, JobState::Cancelled).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_carrier_had_when_it_died_is_carried_by_duties_and_claims() {
    let field = Field::new().await;
    for (number, by_claim) in [(1, false), (2, true)] {
        let (near, far) = (queue(format!("near {number}")), queue(format!("far {number}")));
        field.hold(&near, &far, NEVER);
        field.hold(&far, &near, NEVER);
        let parent = Arc::new(job_of(&far));
        field.push(&parent).await;
        let child = child_of(&parent, &near, OnFailure::Run);
        field.push(&child).await;
        assert_eq!(field.outbox(&near, &far).len(), 1, "nobody else carries what somebody has");
        let hand_on = async |from: &Name, to: &Name| {
            field.hold(from, to, 0);
            match by_claim {
                true => {
                    field.claim(from).await;
                    until("the message is carried", async || field.outbox(from, to).is_empty()).await;
                }
                false => {
                    field.other.expire(1_000).await.unwrap();
                    assert_eq!(field.outbox(from, to).len(), 0);
                }
            }
        };
        hand_on(&near, &far).await;
        field.complete(&far).await;
        assert_eq!(field.state(&child).await, Some(JobState::Blocked));
        hand_on(&far, &near).await;
        assert_eq!(field.state(&child).await, Some(JobState::Waiting));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_comes_twice_changes_nothing() {
    let field = Field::new().await;
    let (near, far) = (queue("near"), queue("far"));
    let parent = Arc::new(job_of(&far));
    field.push(&parent).await;
    field.hold(&near, &far, NEVER);
    let child = child_of(&parent, &near, OnFailure::Cancel);
    field.push(&child).await;
    let asks = field.outbox(&near, &far);
    field.post(&near, &far, &asks);
    field.other.expire(1_000).await.unwrap();
    field.hold(&far, &near, NEVER);
    field.complete(&far).await;
    let tells = field.outbox(&far, &near);
    assert_eq!((asks.len(), tells.len()), (1, 2), "it was asked twice, and tells twice");
    field.post(&far, &near, &tells);
    field.arrived_by_duty().await;
    assert_eq!(field.other.queue(&near).await.unwrap().counts.waiting, 1);
    field.complete(&near).await;
    // Whatever comes late finds nothing to change.
    field.post(&far, &near, &tells);
    field.post(&near, &far, &asks);
    field.arrived_by_duty().await;
    assert_eq!(field.state(&child).await, Some(JobState::Completed));
    assert_eq!(field.other.queue(&near).await.unwrap().counts.total(), 1);
    assert_eq!(field.claim(&near).await.len(), 0, "it waited once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_goes_when_what_it_has_to_say_was_said_and_leaves_nothing() {
    let field = Field::new().await;
    let (near, far) = (queue("near"), queue("far"));
    let parent = Arc::new(job_of(&far));
    field.push(&parent).await;
    let child = child_of(&parent, &near, OnFailure::Cancel);
    field.push(&child).await;
    // Somebody who has taken up the messages is not waited for.
    field.hold(&far, &near, NEVER);
    assert_eq!(field.one.obliterate(&far, Force::RefuseActive, 100).await.unwrap(), Ok(1));
    assert_eq!(field.state(&child).await, Some(JobState::Cancelled));
    assert_eq!(field.other.queues().await.unwrap(), std::slice::from_ref(&near));
    assert_eq!(field.cluster.keys_that_stay(&field.base(&far)), [] as [String; 0]);
    assert_eq!(field.one.obliterate(&near, Force::RefuseActive, 100).await.unwrap(), Ok(1));
    assert_eq!(field.cluster.keys_that_stay(&field.base(&near)), [] as [String; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_dies_and_forgets_that_it_was_asked_is_asked_again() {
    let cluster = Arc::new(tokio::task::spawn_blocking(Cluster::with_replica).await.unwrap());
    let field = Field::on(cluster.clone()).await;
    let names = || (0..).map(|number| queue(format!("q{number}")));
    let far = names().find(|name| cluster.is_of_first(&field.base(name))).unwrap();
    let near = names().find(|name| !cluster.is_of_first(&field.base(name))).unwrap();
    let parent = Arc::new(job_of(&far));
    field.push(&parent).await;
    // The list of queues, which may lie on the first node, has both.
    field.push(&Arc::new(job_of(&near))).await;
    field.other.expire(1_000).await.unwrap();
    let child = child_of(&parent, &near, OnFailure::Cancel);
    let asked = async {
        field.push(&child).await;
        assert!(field.outbox(&near, &far).is_empty(), "the parent's queue has heard");
    };
    cluster.kill_first_after(asked).await;
    let dying = cluster.clone();
    let mut replaced = tokio::task::spawn_blocking(move || dying.replaced());
    // Duties meet the loss.
    while !replaced.is_finished() {
        let _ = field.other.expire(1_000).await;
    }
    (&mut replaced).await.unwrap();
    let is_known = || field.order::<u64>("EXISTS", format!("{}kids", field.base(&far)), &[]) == 1;
    // Who has met the loss asks again.
    until("the parent is known to be waited for", async || {
        let _ = field.other.expire(1_000).await;
        is_known()
    })
    .await;
    soon("the job completes", field.complete(&far)).await;
    field.comes_to(&child, JobState::Waiting).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_of_one_push_may_wait_for_each_other_back_and_forth() {
    let field = Field::new().await;
    let queues = [queue("left"), queue("right")];
    let mut line = vec![Arc::new(job_of(&queues[0]))];
    for place in 1..6 {
        line.push(child_of(&line[place - 1], &queues[place % 2], OnFailure::Fail));
    }
    let call = field.call();
    let pushed = field.one.push(call, &line).await.unwrap();
    assert_eq!(pushed, vec![Pushed::Added; 6]);
    assert_eq!(field.one.push(call, &line).await.unwrap(), pushed, "a repeated call is known at each step");
    for (place, job) in line.iter().enumerate() {
        field.comes_to(job, JobState::Waiting).await;
        field.complete(&queues[place % 2]).await;
    }
    let lost = Arc::new(job_of(&queues[0]));
    let child = child_of(&lost, &queues[1], OnFailure::Fail);
    let grandchild = child_of(&child, &queues[0], OnFailure::Fail);
    let pushed = field.one.push(field.call(), &[child, grandchild]).await.unwrap();
    assert_eq!(pushed, [Pushed::ParentGone { parent: 0 }, Pushed::ParentGone { parent: 0 }]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_nobody_waits_for_costs_no_script_more() {
    let cluster = Arc::new(tokio::task::spawn_blocking(Cluster::start).await.unwrap());
    let field = Field::on(cluster.clone()).await;
    let plain = queue("plain");
    for _ in 0..2 {
        field.push(&Arc::new(job_of(&plain))).await;
        field.complete(&plain).await;
    }
    let before = cluster.scripts_run();
    field.push(&Arc::new(job_of(&plain))).await;
    field.complete(&plain).await;
    assert_eq!(cluster.scripts_run() - before, 3, "a push, a claim and a settle");
}
