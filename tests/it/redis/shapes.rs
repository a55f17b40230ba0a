//! The shapes in which keys are kept: what is asked for each job of a call is never searched from its beginning, and nothing of a job
//! stays behind.

use std::sync::Arc;

use asyncmq::backend::{Claim, ClaimedJob, Control, Pushed, Store, TaskSet};
use asyncmq::job::{DedupKey, Envelope, OnFailure, Parent};
use asyncmq::{Dedup, Limit, LimitScope, LimitSource};

use super::caller::{Caller, LEASE, QUEUE, TASK, plain};

/// Fewer than up to which a server keeps a hash of short values as a list.
const JOBS: usize = 100;

impl Caller {
    async fn claim_all(&mut self) -> Vec<ClaimedJob> {
        let tasks: TaskSet = [(TASK, 1)].into_iter().collect();
        let call = self.call();
        let claim = Claim { call, queues: &[QUEUE], tasks: &tasks, limit: JOBS, lease: LEASE };
        let jobs = self.store.claim(claim).await.unwrap().jobs;
        assert_eq!(jobs.len(), JOBS);
        jobs
    }

    async fn push_all(&mut self, job: impl Fn(usize) -> Envelope) {
        let met = self.push((0..JOBS).map(job).collect()).await;
        assert!(met.iter().all(|met| *met == Pushed::Added), "{met:?}");
    }

    fn encoding(&self, hash: &str) -> String {
        self.server.order(&["OBJECT", "ENCODING", &format!("asyncmq:{{q{QUEUE}}}:{hash}")])
    }

    /// Lists the keys that have been made for the queue's jobs that wait, or waited, for others.
    fn of_families(&self) -> Vec<Vec<u8>> {
        self.server.order(&["KEYS", &format!("asyncmq:{{q{QUEUE}}}:[fi]:*")])
    }
}

#[tokio::test]
async fn what_is_kept_of_deduplication_keys_is_no_list() {
    let mut scene = Caller::new().await;
    scene
        .push_all(|number| {
            let mut job = plain();
            job.deduplicate(DedupKey::new(&number.to_string(), Dedup::Simple).unwrap());
            job
        })
        .await;
    for hash in ["keys", "keyed", "side"] {
        assert_eq!(scene.encoding(hash), "hashtable", "{hash}");
    }
    scene.claim_all().await;
    assert_eq!(scene.encoding("active"), "hashtable");
}

#[tokio::test]
async fn what_is_kept_of_permits_is_no_list() {
    let mut scene = Caller::new().await;
    let limits = [(LimitScope::Task(TASK), Some(Limit::NONE.concurrency(1)))];
    scene.store.set_limits(&QUEUE, LimitSource::Ordered, &limits).await.unwrap();
    scene
        .push_all(|number| {
            let mut job = plain();
            job.extras_mut().key = Some(number.to_string().into());
            job
        })
        .await;
    scene.claim_all().await;
    for hash in ["groups", "active"] {
        assert_eq!(scene.encoding(hash), "hashtable", "{hash}");
    }
}

#[tokio::test]
async fn nothing_stays_behind_of_a_job_that_waited_for_another_one() {
    let mut scene = Caller::new().await;
    let parent = Arc::new(plain());
    let mut child = plain();
    child.extras_mut().parents.push(Parent {
        queue: QUEUE,
        id: parent.id.clone(),
        on_failure: OnFailure::Fail,
        passes: Default::default(),
    });
    let ids = [parent.id.clone(), child.id.clone()];
    assert_eq!(scene.push(vec![Envelope::clone(&parent)]).await, [Pushed::Added]);
    assert_eq!(scene.push(vec![child]).await, [Pushed::Added]);
    scene.run(1).await;
    scene.run(1).await;
    assert_ne!(scene.of_families(), Vec::<Vec<u8>>::new());
    for id in ids {
        scene.store.remove(&QUEUE, &id).await.unwrap();
    }
    assert_eq!(scene.of_families(), Vec::<Vec<u8>>::new());
}
