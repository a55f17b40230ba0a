//! What a program puts around its worker: middleware, hooks, duties.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use asyncmq::worker::Next;
use asyncmq::{Client, Context, Error, JobState, TaskError, Worker, task};

use crate::support::stage::Stage;
use crate::support::{soon, until};

#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    fn note(&self, text: impl Into<String>) {
        self.0.lock().unwrap().push(text.into());
    }

    fn taken(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

#[task(name = "hooks.echo", queue = "hooks", retries = 0)]
async fn echo(text: String) -> String {
    text
}

#[task(name = "hooks.helped", queue = "hooks")]
async fn helped() {}

#[tokio::test]
async fn the_first_layer_is_the_outermost_and_may_change_what_comes_back() {
    let notes = Notes::default();
    let (outer, inner) = (notes.clone(), notes.clone());
    let mut stage = Stage::with("hooks", |worker| {
        worker
            .layer(move |ctx: Context, next: Next| {
                let notes = outer.clone();
                async move {
                    notes.note(format!("outer before {}", ctx.task()));
                    let handled = next.run().await;
                    notes.note("outer after");
                    handled.map(|json| [b"[", &json[..], b"]"].concat().into())
                }
            })
            .layer(move |_: Context, next: Next| {
                let notes = inner.clone();
                async move {
                    notes.note("inner before");
                    let handled = next.run().await;
                    notes.note("inner after");
                    handled
                }
            })
    })
    .await;
    let handle = stage.enqueue(echo::job("x")).await;
    let job = stage.tells(&handle, &["enqueued", "started 1", "completed 1"]).await;
    assert_eq!(job.result().unwrap().get(), r#"["x"]"#);
    assert_eq!(notes.taken(), ["outer before hooks.echo", "inner before", "inner after", "outer after"]);
    stage.worker.stop().await.unwrap();
}

#[tokio::test]
async fn a_layer_may_refuse_and_may_panic() {
    let mut stage = Stage::with("hooks", |worker| {
        worker.layer(|ctx: Context, next: Next| async move {
            match ctx.header("do") {
                Some("refuse") => Err(TaskError::permanent("not today")),
                Some("panic") => panic!("in the middle"),
                _ => next.run().await,
            }
        })
    })
    .await;
    let refused = stage.enqueue(echo::job("x").header("do", "refuse").retries(3)).await;
    let job = stage.tells(&refused, &["enqueued", "started 1", "failed 1 error"]).await;
    assert_eq!(job.errors()[0].message(), "not today");
    let panicked = stage.enqueue(echo::job("x").header("do", "panic")).await;
    let job = stage.tells(&panicked, &["enqueued", "started 1", "failed 1 panic"]).await;
    assert_eq!(job.errors()[0].message(), "in the middle");
    let fine = stage.enqueue(echo::job("x")).await;
    stage.tells(&fine, &["enqueued", "started 1", "completed 1"]).await;
    stage.worker.stop().await.unwrap();
}

#[tokio::test]
async fn hooks_run_in_their_order_around_the_jobs() {
    let notes = Notes::default();
    let hook = |text: &'static str| {
        let notes = notes.clone();
        move || async move { notes.note(text) }
    };
    let client = Client::memory();
    let worker = Worker::new(&client)
        .queues(["hooks"])
        .on_start(hook("start 1"))
        .on_start(hook("start 2"))
        .on_stop(hook("stop 1"))
        .on_stop(hook("stop 2"));
    let layer = notes.clone();
    let worker = worker.layer(move |_: Context, next: Next| {
        layer.note("job");
        next.run()
    });
    echo::job("x").enqueue_on(&client).await.unwrap();
    worker.run_until_idle().await.unwrap();
    assert_eq!(notes.taken(), ["start 1", "start 2", "job", "stop 1", "stop 2"]);
}

#[tokio::test]
async fn a_worker_whose_start_hook_fails_does_not_start() {
    let client = Client::memory();
    let handle = echo::job("x").enqueue_on(&client).await.unwrap();
    let worker = Worker::new(&client).queues(["hooks"]).on_start(|| async { Err::<(), _>("no database") });
    let error = worker.start().await.unwrap_err();
    assert!(matches!(error, Error::Startup(_)) && error.to_string().contains("no database"), "{error}");
    assert_eq!(handle.state().await.unwrap(), JobState::Waiting);
    assert!(client.workers().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_stop_hook_that_fails_keeps_no_other_from_running() {
    let (notes, other) = (Notes::default(), Notes::default());
    let second = other.clone();
    let worker = Worker::new(&Client::memory())
        .queues(["hooks"])
        .on_stop(|| async { Err::<(), _>("cannot say goodbye") })
        .on_stop(move || async move { second.note("second") });
    let error = worker.run_until_idle().await.unwrap_err();
    assert!(error.to_string().contains("cannot say goodbye"), "{error}");
    assert_eq!(other.taken(), ["second"]);
    assert!(notes.taken().is_empty());
}

#[tokio::test]
async fn duties_are_done_again_and_again_whatever_they_do() {
    let counts: Arc<[AtomicUsize; 3]> = Arc::default();
    let duty = |place: usize| {
        let counts = counts.clone();
        move || {
            let counts = counts.clone();
            async move {
                counts[place].fetch_add(1, SeqCst);
                match place {
                    0 => Ok(()),
                    1 => Err("it did not work"),
                    _ => panic!("a duty that panics"),
                }
            }
        }
    };
    let every = Duration::from_millis(5);
    let stage = Stage::with("hooks", |worker| {
        worker.duty("fine", every, duty(0)).duty("fails", every, duty(1)).duty("panics", every, duty(2))
    })
    .await;
    until("every duty three times", async || counts.iter().all(|count| 3 <= count.load(SeqCst))).await;
    stage.worker.stop().await.unwrap();
    let after: Vec<_> = counts.iter().map(|count| count.load(SeqCst)).collect();
    tokio::time::sleep(every * 6).await;
    assert_eq!(
        after,
        counts.iter().map(|count| count.load(SeqCst)).collect::<Vec<_>>(),
        "it ends with the worker"
    );
}

#[tokio::test]
async fn what_hooks_and_duties_enqueue_goes_into_the_workers_store() {
    let client = Client::memory();
    let worker = Worker::new(&client)
        .queues(["hooks"])
        .on_start(|| async { helped::job().id("from the hook").enqueue().await.map(|_| ()) })
        .duty("enqueues", Duration::from_millis(2), || async {
            helped::job().id("from the duty").enqueue().await.map(|_| ())
        })
        .start()
        .await
        .unwrap();
    until("both jobs", async || client.queue("hooks").counts().await.unwrap().completed == 2).await;
    soon("the worker's stop", worker.stop()).await.unwrap();
}
