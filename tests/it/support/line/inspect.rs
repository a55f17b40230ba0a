//! What is asked of a store about its jobs, queues and workers, over the wire.

use std::sync::Arc;

use async_trait::async_trait;
use asyncmq::EventFilter;
use asyncmq::backend::{
    AuditEntry, Backend, Cursor, EventStream, Finding, Inspect, KeyWeight, LimitInfo, LimitStanding, Page,
    QueueInfo, Scanned, WorkerInfo,
};
use asyncmq::job::{Job, JobId, JobState, Name};

use super::{Answer, Line, Verb, Wire};

#[async_trait]
impl<W: Wire> Inspect for Line<W> {
    async fn find(&self, queue: &Name, id: &JobId) -> Answer<Option<Job>> {
        let of = (queue.clone(), id.clone());
        let find = move |store: Arc<dyn Backend>| {
            let of = of.clone();
            async move { store.find(&of.0, &of.1).await }
        };
        self.send(Verb::Look, find).await
    }

    async fn find_everywhere(&self, id: &JobId) -> Answer<Vec<Job>> {
        let id = id.clone();
        let find = move |store: Arc<dyn Backend>| {
            let id = id.clone();
            async move { store.find_everywhere(&id).await }
        };
        self.send(Verb::Look, find).await
    }

    async fn list(&self, queue: &Name, state: JobState, page: Page) -> Answer<Vec<Job>> {
        let queue = queue.clone();
        let list = move |store: Arc<dyn Backend>| {
            let queue = queue.clone();
            async move { store.list(&queue, state, page).await }
        };
        self.send(Verb::Look, list).await
    }

    async fn scan(
        &self,
        queue: &Name,
        state: JobState,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Answer<Scanned> {
        let from = (queue.clone(), after.cloned());
        let scan = move |store: Arc<dyn Backend>| {
            let from = from.clone();
            async move { store.scan(&from.0, state, from.1.as_ref(), limit).await }
        };
        self.send(Verb::Look, scan).await
    }

    async fn audit(&self, page: Page) -> Answer<Vec<AuditEntry>> {
        let audit = move |store: Arc<dyn Backend>| async move { store.audit(page).await };
        self.send(Verb::Look, audit).await
    }

    async fn diagnose(&self) -> Answer<Vec<Finding>> {
        self.send(Verb::Look, |store| async move { store.diagnose().await }).await
    }

    async fn dedup_owner(&self, queue: &Name, key: &str) -> Answer<Option<JobId>> {
        let of = (queue.clone(), key.to_owned());
        let look = move |store: Arc<dyn Backend>| {
            let of = of.clone();
            async move { store.dedup_owner(&of.0, &of.1).await }
        };
        self.send(Verb::Look, look).await
    }

    async fn queue(&self, queue: &Name) -> Answer<QueueInfo> {
        let name = queue.clone();
        let look = move |store: Arc<dyn Backend>| {
            let name = name.clone();
            async move { store.queue(&name).await }
        };
        self.send(Verb::Look, look).await
    }

    async fn limits(&self, queue: &Name) -> Answer<Vec<LimitInfo>> {
        let name = queue.clone();
        let look = move |store: Arc<dyn Backend>| {
            let name = name.clone();
            async move { store.limits(&name).await }
        };
        self.send(Verb::Look, look).await
    }

    async fn key_weights(&self, queue: &Name) -> Answer<Vec<KeyWeight>> {
        let name = queue.clone();
        let look = move |store: Arc<dyn Backend>| {
            let name = name.clone();
            async move { store.key_weights(&name).await }
        };
        self.send(Verb::Look, look).await
    }

    async fn held_by(&self, queue: &Name, task: &Name, key: Option<&str>) -> Answer<Vec<LimitStanding>> {
        let of = (queue.clone(), task.clone(), key.map(str::to_owned));
        let look = move |store: Arc<dyn Backend>| {
            let of = of.clone();
            async move { store.held_by(&of.0, &of.1, of.2.as_deref()).await }
        };
        self.send(Verb::Look, look).await
    }

    async fn parked_keys(&self, queue: &Name) -> Answer<u64> {
        let queue = queue.clone();
        let look = move |store: Arc<dyn Backend>| {
            let queue = queue.clone();
            async move { store.parked_keys(&queue).await }
        };
        self.send(Verb::Look, look).await
    }

    async fn queues(&self) -> Answer<Vec<Name>> {
        self.send(Verb::Look, |store| async move { store.queues().await }).await
    }

    async fn workers(&self) -> Answer<Vec<WorkerInfo>> {
        self.send(Verb::Look, |store| async move { store.workers().await }).await
    }

    async fn subscribe(&self, filter: EventFilter) -> Answer<EventStream> {
        let subscribe = move |store: Arc<dyn Backend>| {
            let filter = filter.clone();
            async move { store.subscribe(filter).await }
        };
        self.send(Verb::Subscribe, subscribe).await
    }
}
