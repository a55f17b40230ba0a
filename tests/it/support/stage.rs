//! A client, a worker, and a recorder of what happens to their jobs.

use asyncmq::backend::Backend;
use asyncmq::{
    Client, Event, EventData, EventKind, Events, Job, JobHandle, JobId, NewJob, Task, Worker, WorkerHandle,
};
use futures::StreamExt;
use std::sync::Arc;

use crate::support::{PATIENCE, soon};

/// Keeps every event of a client's store.
pub(crate) struct Recorder {
    events: Events,
    pub(crate) seen: Vec<Event>,
}

impl Recorder {
    pub(crate) async fn of(client: &Client) -> Self {
        Self { events: client.events().await.unwrap(), seen: Vec::new() }
    }

    /// Waits for the next event of this kind, whichever job's.
    pub(crate) async fn next(&mut self, kind: EventKind) -> Event {
        self.until(kind.name(), |event| event.kind() == kind).await
    }

    /// Waits for the next event that is wanted; those before it are kept too.
    pub(crate) async fn until(&mut self, what: &str, wanted: impl Fn(&Event) -> bool) -> Event {
        loop {
            let Ok(event) = tokio::time::timeout(PATIENCE, self.events.next()).await else {
                let seen: Vec<_> = self.seen.iter().map(line).collect();
                panic!(
                    "waited in vain for {what}; what happened is {seen:?}, {} missed",
                    self.events.missed()
                );
            };
            let event = event.expect("the store lives");
            self.seen.push(event.clone());
            if wanted(&event) {
                return event;
            }
        }
    }

    /// Waits until so many jobs have ended.
    pub(crate) async fn ended(&mut self, count: usize) {
        for _ in 0..count {
            self.until("the end of a job", |event| event.kind().is_terminal()).await;
        }
    }

    /// Waits until a job has ended and tells its story.
    pub(crate) async fn story(&mut self, id: &JobId) -> Vec<String> {
        let is_end = |event: &Event| event.job_id() == Some(id) && event.kind().is_terminal();
        if !self.seen.iter().any(is_end) {
            self.until("the end of the job", is_end).await;
        }
        self.seen.iter().filter(|event| event.job_id() == Some(id)).map(line).collect()
    }
}

/// Tells one event: `retrying 1 error`.
fn line(event: &Event) -> String {
    let kind = event.kind().name().trim_start_matches("job:");
    match event.data() {
        EventData::Failure(failure) | EventData::Retry { failure, .. } => {
            format!("{kind} {} {}", event.attempt(), failure.kind())
        }
        _ if event.attempt() == 0 => kind.to_owned(),
        _ => format!("{kind} {}", event.attempt()),
    }
}

/// A client, its worker and its recorder.
pub(crate) struct Stage {
    pub(crate) client: Client,
    pub(crate) worker: WorkerHandle,
    pub(crate) recorder: Recorder,
}

impl Stage {
    /// A worker of one queue on a store of its own.
    pub(crate) async fn of(queue: &str) -> Self {
        Self::with(queue, |worker| worker).await
    }

    /// The same, with more to say about the worker.
    pub(crate) async fn with(queue: &str, describe: impl FnOnce(Worker) -> Worker) -> Self {
        Self::on(&Client::memory(), queue, describe).await
    }

    /// The same, on a store that is brought along.
    pub(crate) async fn over(
        store: Arc<dyn Backend>,
        queue: &str,
        describe: impl FnOnce(Worker) -> Worker,
    ) -> Self {
        Self::on(&Client::with_backend(store), queue, describe).await
    }

    pub(crate) async fn on(client: &Client, queue: &str, describe: impl FnOnce(Worker) -> Worker) -> Self {
        let recorder = Recorder::of(client).await;
        let worker = describe(Worker::new(client).queues([queue])).start().await.unwrap();
        Self { client: client.clone(), worker, recorder }
    }

    pub(crate) async fn enqueue<T: 'static>(&self, job: NewJob<T>) -> JobHandle<T> {
        job.enqueue_on(&self.client).await.unwrap()
    }

    /// Waits until a job has ended, compares its story, and returns its record.
    pub(crate) async fn tells<T>(&mut self, job: &JobHandle<T>, expected: &[&str]) -> Job {
        let story = self.recorder.story(job.id()).await;
        assert_eq!(story, expected, "the events of the job");
        job.job().await.unwrap()
    }
}

/// Runs a job on a worker of its own, compares the events, and returns the job as it ended.
pub(crate) async fn check<T: Task>(job: NewJob<T>, expected: &[&str]) -> Job {
    let mut stage = Stage::of(T::QUEUE).await;
    let handle = stage.enqueue(job).await;
    let job = stage.tells(&handle, expected).await;
    soon("the worker's stop", stage.worker.stop()).await.unwrap();
    job
}
