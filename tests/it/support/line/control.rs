//! What people order, over the wire.

use std::sync::Arc;

use async_trait::async_trait;
use asyncmq::backend::{AuditEntry, Backend, Control, Drain, Force, Ordered};
use asyncmq::job::{JobId, JobState, Name};
use asyncmq::{Limit, LimitScope, LimitSource, Timestamp};

use super::{Answer, Line, Verb, Wire};

#[async_trait]
impl<W: Wire> Control for Line<W> {
    async fn set_limits(
        &self,
        queue: &Name,
        source: LimitSource,
        limits: &[(LimitScope, Option<Limit>)],
    ) -> Answer<bool> {
        let of = (queue.clone(), limits.to_vec());
        let set = move |store: Arc<dyn Backend>| {
            let of = of.clone();
            async move { store.set_limits(&of.0, source, &of.1).await }
        };
        self.send(Verb::Order, set).await
    }

    async fn set_key_weight(&self, queue: &Name, task: &Name, key: &str, weight: u32) -> Answer<bool> {
        let of = (queue.clone(), task.clone(), key.to_owned());
        let set = move |store: Arc<dyn Backend>| {
            let of = of.clone();
            async move { store.set_key_weight(&of.0, &of.1, &of.2, weight).await }
        };
        self.send(Verb::Order, set).await
    }

    async fn pause(&self, queue: &Name) -> Answer<bool> {
        let name = queue.clone();
        let pause = move |store: Arc<dyn Backend>| {
            let name = name.clone();
            async move { store.pause(&name).await }
        };
        self.send(Verb::Order, pause).await
    }

    async fn resume(&self, queue: &Name) -> Answer<bool> {
        let name = queue.clone();
        let resume = move |store: Arc<dyn Backend>| {
            let name = name.clone();
            async move { store.resume(&name).await }
        };
        self.send(Verb::Order, resume).await
    }

    async fn cancel(&self, queue: &Name, id: &JobId, reason: Option<&str>) -> Answer<Ordered> {
        let of = (queue.clone(), id.clone(), reason.map(str::to_owned));
        let cancel = move |store: Arc<dyn Backend>| {
            let of = of.clone();
            async move { store.cancel(&of.0, &of.1, of.2.as_deref()).await }
        };
        self.send(Verb::Order, cancel).await
    }

    async fn free_dedup_key(&self, queue: &Name, key: &str) -> Answer<bool> {
        let of = (queue.clone(), key.to_owned());
        let free = move |store: Arc<dyn Backend>| {
            let of = of.clone();
            async move { store.free_dedup_key(&of.0, &of.1).await }
        };
        self.send(Verb::Order, free).await
    }

    async fn retry(&self, queue: &Name, id: &JobId) -> Answer<Ordered> {
        let (of, id) = ((queue.clone(), id.clone()), id.clone());
        let retry = move |store: Arc<dyn Backend>| {
            let of = of.clone();
            async move { store.retry(&of.0, &of.1).await }
        };
        self.note(Verb::Order, retry, move |history, order| history.replayed(&id, *order)).await
    }

    async fn remove(&self, queue: &Name, id: &JobId) -> Answer<Ordered> {
        let of = (queue.clone(), id.clone());
        let remove = move |store: Arc<dyn Backend>| {
            let of = of.clone();
            async move { store.remove(&of.0, &of.1).await }
        };
        self.send(Verb::Tidy, remove).await
    }

    async fn promote(&self, queue: &Name, id: &JobId) -> Answer<Ordered> {
        let of = (queue.clone(), id.clone());
        let promote = move |store: Arc<dyn Backend>| {
            let of = of.clone();
            async move { store.promote(&of.0, &of.1).await }
        };
        self.send(Verb::Order, promote).await
    }

    async fn drain(&self, queue: &Name, which: Drain, limit: usize) -> Answer<usize> {
        let name = queue.clone();
        let drain = move |store: Arc<dyn Backend>| {
            let name = name.clone();
            async move { store.drain(&name, which, limit).await }
        };
        self.send(Verb::Tidy, drain).await
    }

    async fn clean(&self, queue: &Name, state: JobState, before: Timestamp, limit: usize) -> Answer<usize> {
        let name = queue.clone();
        let clean = move |store: Arc<dyn Backend>| {
            let name = name.clone();
            async move { store.clean(&name, state, before, limit).await }
        };
        self.send(Verb::Tidy, clean).await
    }

    async fn obliterate(&self, queue: &Name, force: Force, limit: usize) -> Answer<Result<usize, u64>> {
        let name = queue.clone();
        let obliterate = move |store: Arc<dyn Backend>| {
            let name = name.clone();
            async move { store.obliterate(&name, force, limit).await }
        };
        self.send(Verb::Tidy, obliterate).await
    }

    async fn record(&self, entry: &AuditEntry) -> Answer<()> {
        let entry = entry.clone();
        let record = move |store: Arc<dyn Backend>| {
            let entry = entry.clone();
            async move { store.record(&entry).await }
        };
        self.send(Verb::Tidy, record).await
    }

    async fn now(&self) -> Answer<Timestamp> {
        self.send(Verb::Look, |store| async move { store.now().await }).await
    }
}
