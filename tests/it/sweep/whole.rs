//! Clients and workers on a store of which each call is lost once, and on one that is cut off at each call.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use asyncmq::backend::{Heard, Upkeep};
use asyncmq::{
    Client, Context, Error, EventFilter, EventKind, JobHandle, JobId, Registry, TaskError, Worker,
    WorkerHandle, task,
};
use futures::StreamExt;

use super::party::LEASE;
use crate::support::Make;
use crate::support::faulty::{Fault, FaultyBackend, Side};

/// How long anything may take that needs no time.
const PATIENCE: Duration = Duration::from_secs(20);
/// More calls than there are before all work is done; heartbeats may go on for ever.
const CALLS: usize = 30;

/// How often the handler of each job ran.
static RUNS: Mutex<Option<HashMap<JobId, usize>>> = Mutex::new(None);

/// Takes note of a run. Returns how many there were of this job.
fn ran(id: &JobId) -> usize {
    let mut runs = RUNS.lock().unwrap_or_else(PoisonError::into_inner);
    let count = runs.get_or_insert_default().entry(id.clone()).or_default();
    *count += 1;
    *count
}

fn runs(id: &JobId) -> usize {
    let runs = RUNS.lock().unwrap_or_else(PoisonError::into_inner);
    runs.as_ref().and_then(|runs| runs.get(id)).copied().unwrap_or_default()
}

/// Does as it is told: fails, or snoozes, the first time; or waits until it is cancelled.
#[task(name = "sweep.act", queue = "sweep.whole", retries = 2, backoff = "fixed(0s)")]
async fn act(ctx: &Context, what: String) -> Result<u32, TaskError> {
    let run = ran(&JobId::from_stored(ctx.job_id()));
    match what.as_str() {
        "fail once" if run == 1 => Err(TaskError::from(std::io::Error::other("the first time"))),
        "snooze once" if run == 1 => Err(TaskError::snooze(Duration::ZERO)),
        "wait" => {
            ctx.cancelled().await;
            Ok(0)
        }
        _ => Ok(7),
    }
}

async fn start(client: &Client) -> WorkerHandle {
    let worker = Worker::new(client).queues(["sweep.whole"]).registry(Registry::new().with::<act>());
    let worker = worker.concurrency(2).lease(LEASE).heartbeat_interval(Duration::from_millis(50));
    worker.start().await.expect("it starts")
}

async fn soon<T>(fault: Fault, future: impl Future<Output = T>) -> T {
    let outcome = tokio::time::timeout(PATIENCE, future).await;
    outcome.unwrap_or_else(|_| panic!("nothing goes on with {fault:?}"))
}

/// Pushes jobs of every kind: some in one batch, one alone, one behind all of them.
async fn enqueue(client: &Client) -> Vec<JobHandle<act>> {
    let jobs = ["succeed", "fail once", "snooze once"].map(act::job);
    let mut handles = client.enqueue_all(jobs).await.expect("it is confirmed");
    handles.push(act::job("succeed").enqueue_on(client).await.expect("it is confirmed"));
    let last = act::job("succeed").depends_on(&handles);
    handles.push(last.enqueue_on(client).await.expect("it is confirmed"));
    handles
}

/// Checks that every job ended, and that what the store did is in order.
async fn check(store: &FaultyBackend, handles: &[JobHandle<act>], fault: Fault) {
    let history = store.history().await;
    history.check();
    assert_eq!(history.taken_in().len(), handles.len(), "{fault:?}");
    drop(history);
    for handle in handles {
        let job = handle.job().await.expect("it is kept");
        assert!(job.state().is_terminal(), "{fault:?}: {job:?}");
    }
}

/// Loses one call. Returns whether it was made.
async fn lost<M: Make>(fault: Fault) -> bool {
    let fixture = M::make().await;
    let store = FaultyBackend::new(fixture.store(), Some(fault));
    let client = Client::with_backend(store.clone());
    let worker = start(&client).await;
    let mut handles = enqueue(&client).await;
    for handle in &handles {
        assert_eq!(handle.result().await.expect("it completes"), 7);
    }
    handles.push(cancelled_while_it_runs(&client, &store).await);
    worker.stop().await.expect("it stops");
    check(&store, &handles, fault).await;
    for handle in &handles {
        let settled = store.history().await.settled_times(handle.id());
        assert_eq!(
            runs(handle.id()),
            settled,
            "{fault:?}: each run is settled, and each settlement was a run"
        );
        assert_eq!(handle.job().await.expect("it is kept").crashes(), 0);
    }
    fault.call < store.calls()
}

async fn cancelled_while_it_runs(client: &Client, store: &FaultyBackend) -> JobHandle<act> {
    let started = EventFilter::from(EventKind::Started);
    let mut started = store.inner().subscribe(started).await.expect("the store answers");
    let handle = act::job("wait").enqueue_on(client).await.expect("it is confirmed");
    while !matches!(started.next().await, Some(Heard::Event(event)) if event.job_id() == Some(handle.id())) {}
    while handle.cancel().await.is_err() {}
    assert!(matches!(handle.result().await, Err(Error::JobCancelled { .. })));
    handle
}

/// Cuts a worker off at a call; another one takes over; then the line is mended, and the first one's word comes too late.
///
/// Returns whether the call was made.
async fn cut_off<M: Make>(fault: Fault) -> bool {
    let fixture = M::make().await;
    let store = FaultyBackend::cut(fixture.store(), fault);
    let beside = store.beside();
    let (client, other) = (Client::with_backend(store.clone()), Client::with_backend(beside.clone()));
    let worker = start(&client).await;
    let handles = enqueue(&other).await;
    cut_off_or_done(&store, &handles).await;
    fixture.advance(LEASE * 2).await;
    beside.rescue(3, 100).await.expect("the store answers");
    let successor = start(&other).await;
    for handle in &handles {
        assert_eq!(handle.result().await.expect("it completes"), 7, "{fault:?}");
    }
    store.mend();
    worker.stop().await.expect("it stops");
    successor.stop().await.expect("it stops");
    check(&beside, &handles, fault).await;
    for handle in &handles {
        let settled = beside.history().await.settled_times(handle.id());
        let runs = runs(handle.id());
        assert!(
            runs <= settled + 1,
            "{fault:?}: of {runs} runs, {settled} were settled, and one worker was lost"
        );
    }
    fault.call < store.calls()
}

/// Waits until the worker's line is dead, or it has done all there is to do.
async fn cut_off_or_done(store: &FaultyBackend, handles: &[JobHandle<act>]) {
    let done = async {
        for handle in handles {
            let _ = handle.result().await;
        }
    };
    tokio::select! {
        () = done => {}
        () = store.dead() => {}
    }
}

/// Runs a program with a fault at each call, a few at a time; the last ones are past what it does.
async fn sweep<R: Future<Output = bool> + Send + 'static>(program: fn(Fault) -> R) {
    let calls = (0..CALLS).flat_map(|call| [Side::Request, Side::Reply].map(|side| Fault { call, side }));
    let runs = calls.map(|fault| async move {
        let run = tokio::spawn(soon(fault, program(fault)));
        run.await.expect("it does not panic")
    });
    let reached: Vec<bool> = futures::stream::iter(runs).buffer_unordered(8).collect().await;
    let reached = reached.into_iter().filter(|reached| *reached).count();
    assert!(20 <= reached, "only {reached} faults were met");
}

macro_rules! sweeps {
    ($name:ident, $fixture:ty) => {
        mod $name {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn a_lost_call_costs_nothing() {
                super::sweep(super::lost::<$fixture>).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn a_worker_that_is_cut_off_is_replaced_and_does_no_harm() {
                super::sweep(super::cut_off::<$fixture>).await;
            }
        }
    };
}

sweeps!(memory, crate::support::memory::Memory);
#[cfg(feature = "redis")]
sweeps!(redis, crate::support::redis_store::Redis);
