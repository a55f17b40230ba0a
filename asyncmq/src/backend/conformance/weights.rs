//! Weights: a key gives as many jobs in its turn as it says, however few a claim takes.

#![expect(missing_docs, reason = "the name of each property is what it promises")]

use std::collections::BTreeMap;

use super::Fixture;
use super::stage::{Answered, QUEUE, Stage, TASK, complete, job, settlement};
use crate::backend::{ClaimedJob, Force, KeyWeight, MAX_KEY_WEIGHTS};
use crate::job::{Envelope, Limit};

fn of(key: &str) -> Envelope {
    let mut job = job();
    job.extras_mut().key = Some(key.into());
    job
}

fn counts(jobs: &[ClaimedJob]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for job in jobs {
        *counts.entry(job.envelope.key().expect("it has one").to_string()).or_default() += 1;
    }
    counts
}

impl Stage {
    async fn weigh(&self, key: &str, weight: u32) -> bool {
        self.store.set_key_weight(&QUEUE, &TASK, key, weight).await.answered()
    }

    async fn push_of_each(&self, keys: &[&str], count: usize) {
        for key in keys {
            self.push_all((0..count).map(|_| of(key)).collect()).await;
        }
    }
}

pub async fn a_key_gives_as_many_jobs_in_its_turn_as_its_weight_says(fixture: &dyn Fixture) {
    for at_once in [1, 2, 4, 5, 7, 20] {
        let stage = Stage::of(fixture);
        assert!(stage.weigh("a", 3).await);
        stage.push_of_each(&["a", "b", "c"], 40).await;
        let worker = stage.worker();
        let mut claimed = Vec::new();
        while claimed.len() < 40 {
            claimed.extend(worker.claim(at_once.min(40 - claimed.len())).await);
        }
        let counts = counts(&claimed);
        assert!((23..=25).contains(&counts["a"]), "{at_once} at once: {counts:?}");
        assert!(counts["b"].abs_diff(counts["c"]) <= 1 + at_once / 5, "{at_once} at once: {counts:?}");
        stage.store.obliterate(&QUEUE, Force::RemoveActive, 1_000).await.answered().ok();
    }
}

pub async fn a_weight_counts_at_once_and_is_taken_back(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.push_of_each(&["a", "b"], 60).await;
    let worker = stage.worker();
    let part = async || {
        let claimed = worker.claim(20).await;
        let settlements: Vec<_> = claimed.iter().map(|job| settlement(job, complete())).collect();
        worker.settle_all(&settlements).await;
        counts(&claimed)["a"]
    };
    assert_eq!(part().await, 10);
    stage.weigh("a", 4).await;
    assert!((15..=17).contains(&part().await));
    assert!(stage.weigh("a", 1).await && !stage.weigh("a", 1).await);
    assert!((9..=11).contains(&part().await));
}

pub async fn a_weight_gives_no_permit(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.hold_task_to(Limit::NONE.concurrency(2)).await;
    stage.weigh("a", 5).await;
    stage.push_of_each(&["a", "b"], 10).await;
    let worker = stage.worker();
    for _ in 0..5 {
        let claimed = worker.claim(10).await;
        assert_eq!(counts(&claimed), [("a".to_owned(), 2), ("b".to_owned(), 2)].into());
        assert!(worker.claim(10).await.is_empty());
        let settlements: Vec<_> = claimed.iter().map(|job| settlement(job, complete())).collect();
        worker.settle_all(&settlements).await;
    }
    assert_eq!(stage.recount().await.completed, 20);
}

pub async fn weights_are_listed_and_go_with_their_queue(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    assert!(stage.weigh("b", 2).await && stage.weigh("a", 100).await && !stage.weigh("a", 100).await);
    let weight = |key: &str, weight| KeyWeight { task: TASK, key: key.into(), weight };
    assert_eq!(stage.store.key_weights(&QUEUE).await.answered(), [weight("a", 100), weight("b", 2)]);
    stage.push(of("a")).await;
    stage.store.obliterate(&QUEUE, Force::RemoveActive, 10).await.answered().ok();
    assert_eq!(stage.store.key_weights(&QUEUE).await.answered(), []);
}

pub async fn a_queue_has_so_many_weights_and_no_more(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    for number in 0..MAX_KEY_WEIGHTS {
        assert!(stage.weigh(&format!("key {number}"), 2).await);
    }
    let refused = stage.store.set_key_weight(&QUEUE, &TASK, "one more", 2).await;
    assert!(refused.is_err_and(|error| error.to_string().contains("have weights already")));
    assert!(stage.weigh("key 7", 3).await, "those that are there may change");
}
