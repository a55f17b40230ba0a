//! Jobs that were removed from the middle of a long list leave places behind, which are passed over and not looked for.

use asyncmq::JobState;
use asyncmq::backend::{Control, Inspect, Ordered};

use super::caller::{Caller, QUEUE, plain};

impl Caller {
    /// Returns how often the server has looked for a place in a list.
    fn searches(&self) -> u64 {
        let stats: String = self.server.order(&["INFO", "commandstats"]);
        let line = stats.lines().find_map(|line| line.strip_prefix("cmdstat_lpos:calls="));
        line.map_or(0, |rest| rest.split(',').next().unwrap().parse().unwrap())
    }

    /// Walks through the waiting jobs, and returns how many there are.
    async fn walk(&self) -> usize {
        let (mut met, mut after) = (0, None);
        loop {
            let step = self.store.scan(&QUEUE, JobState::Waiting, after.as_ref(), 250).await.unwrap();
            met += step.jobs.len();
            after = step.next;
            if after.is_none() {
                return met;
            }
        }
    }
}

#[tokio::test]
async fn a_walk_does_not_look_for_what_was_removed() {
    let mut caller = Caller::new().await;
    let jobs: Vec<_> = (0..4).flat_map(|_| std::iter::repeat_with(plain).take(1_000)).collect();
    let ids: Vec<_> = jobs.iter().map(|job| job.id.clone()).collect();
    for batch in jobs.chunks(1_000) {
        caller.push(batch.to_vec()).await;
    }
    for id in &ids[1_500..2_500] {
        assert_eq!(caller.store.remove(&QUEUE, id).await.unwrap(), Ordered::Done);
    }
    let before = caller.searches();
    assert!(before != 0, "a removal looks whether its job is near an end");
    assert_eq!((caller.walk().await, caller.searches() - before), (3_000, 0));
    let now = asyncmq::Timestamp::from(std::time::SystemTime::now() + std::time::Duration::from_secs(1));
    let cleaned = async || caller.store.clean(&QUEUE, JobState::Waiting, now, 1_000).await.unwrap();
    assert_eq!(
        [cleaned().await, cleaned().await, cleaned().await, cleaned().await],
        [1_000, 1_000, 1_000, 0]
    );
}
