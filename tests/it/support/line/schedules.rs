//! Schedules, over the wire.

use std::sync::Arc;

use async_trait::async_trait;
use asyncmq::backend::{Backend, DueSchedules, Fired, Firing, Schedules, StoredSchedule};
use asyncmq::job::{Envelope, Name};
use asyncmq::schedule::ScheduleId;

use super::{Answer, Line, Verb, Wire};

#[async_trait]
impl<W: Wire> Schedules for Line<W> {
    async fn schedule(&self, queue: &Name, id: &ScheduleId) -> Answer<Option<StoredSchedule>> {
        let of = (queue.clone(), id.clone());
        let look = move |store: Arc<dyn Backend>| {
            let of = of.clone();
            async move { store.schedule(&of.0, &of.1).await }
        };
        self.send(Verb::Look, look).await
    }

    async fn schedules(&self, queue: Option<&Name>) -> Answer<Vec<StoredSchedule>> {
        let queue = queue.cloned();
        let list = move |store: Arc<dyn Backend>| {
            let queue = queue.clone();
            async move { store.schedules(queue.as_ref()).await }
        };
        self.send(Verb::Look, list).await
    }

    async fn due_schedules(&self, queues: &[Name], limit: usize) -> Answer<DueSchedules> {
        let queues: Arc<[Name]> = queues.into();
        let look = move |store: Arc<dyn Backend>| {
            let queues = queues.clone();
            async move { store.due_schedules(&queues, limit).await }
        };
        self.send(Verb::Look, look).await
    }

    async fn put_schedule(&self, schedule: &StoredSchedule, expected: Option<u64>) -> Answer<bool> {
        let schedule = schedule.clone();
        let put = move |store: Arc<dyn Backend>| {
            let schedule = schedule.clone();
            async move { store.put_schedule(&schedule, expected).await }
        };
        self.send(Verb::Order, put).await
    }

    async fn remove_schedule(&self, queue: &Name, id: &ScheduleId) -> Answer<bool> {
        let of = (queue.clone(), id.clone());
        let remove = move |store: Arc<dyn Backend>| {
            let of = of.clone();
            async move { store.remove_schedule(&of.0, &of.1).await }
        };
        self.send(Verb::Order, remove).await
    }

    async fn fire(&self, firing: Firing<'_>) -> Answer<Fired> {
        let Firing { call, schedule, expected, jobs, unless } = firing;
        let sent: Arc<[Arc<Envelope>]> = jobs.iter().map(|(_, job)| job.clone()).collect();
        let asked = Arc::new((schedule.clone(), jobs.to_vec(), unless.cloned()));
        let fire = move |store: Arc<dyn Backend>| {
            let asked = asked.clone();
            async move {
                let (schedule, jobs, unless) = (&asked.0, &asked.1[..], asked.2.as_ref());
                store.fire(Firing { call, schedule, expected, jobs, unless }).await
            }
        };
        self.note(Verb::Fire, fire, move |history, fired| history.fired(call, &sent, fired)).await
    }
}
