//! Listens for the two signals that end a worker, on a thread of its own that no handler can block.
//!
//! The same thread ends the process should the stop not come to its end: handlers that block every thread of the
//! runtime hold up everything that waits for a time, the stop included.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

use crate::error::{Error, Result};
use crate::worker::shared::Shared;

/// How much longer than the drain timeout the stop may take before it is taken for stuck.
const LATE: Duration = Duration::from_secs(2);
/// How long a hurried stop may take.
const HURRIED: Duration = Duration::from_secs(4);
/// How long the jobs of a stuck worker are tried to be given back.
const GIVE_BACK_WITHIN: Duration = Duration::from_secs(1);

/// The signals of this process, until this is dropped.
pub(super) struct Signals {
    heard: watch::Receiver<Vec<&'static str>>,
    taken: usize,
    worker: Arc<Mutex<Option<Arc<Shared>>>>,
    _until_dropped: oneshot::Sender<()>,
}

/// What the thread has in hand.
struct Listener {
    term: Signal,
    int: Signal,
    heard: watch::Sender<Vec<&'static str>>,
    over: oneshot::Receiver<()>,
    worker: Arc<Mutex<Option<Arc<Shared>>>>,
    drain: Duration,
}

impl Signals {
    /// Begins to listen. A stop may take `drain`.
    pub(super) fn install(drain: Duration) -> Result<Self> {
        let failed = |error: std::io::Error| Error::Startup(format!("cannot listen for signals: {error}"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let (term, int) = {
            let _inside = runtime.enter();
            let listen = |kind| signal(kind).map_err(failed);
            (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?)
        };
        let (heard, hear) = watch::channel(Vec::new());
        let (until_dropped, over) = oneshot::channel();
        let worker: Arc<Mutex<Option<Arc<Shared>>>> = Arc::default();
        let listener = Listener { term, int, heard, over, worker: worker.clone(), drain };
        let thread = std::thread::Builder::new().name("asyncmq-signals".into());
        thread.spawn(move || runtime.block_on(listener.listen())).map_err(failed)?;
        Ok(Self { heard: hear, taken: 0, worker, _until_dropped: until_dropped })
    }

    /// Names the worker whose jobs are given back should its stop be stuck.
    pub(super) fn watch_over(&self, worker: Arc<Shared>) {
        *self.worker.lock().unwrap_or_else(PoisonError::into_inner) = Some(worker);
    }

    /// Waits for the next one and names it.
    pub(super) async fn next(&mut self) -> &'static str {
        let taken = self.taken;
        self.taken += 1;
        match self.heard.wait_for(|heard| taken < heard.len()).await {
            Ok(heard) => heard[taken],
            Err(_) => std::future::pending().await,
        }
    }
}

impl Listener {
    async fn listen(mut self) {
        let mut end: Option<Instant> = None;
        loop {
            let stuck = async {
                match end {
                    Some(end) => tokio::time::sleep_until(end).await,
                    None => std::future::pending().await,
                }
            };
            let why = tokio::select! {
                _ = &mut self.over => return,
                _ = self.term.recv() => "SIGTERM",
                _ = self.int.recv() => "SIGINT",
                () = stuck => return self.force().await,
            };
            let within = if end.is_none() { self.drain + LATE } else { HURRIED };
            end = Some(Instant::now() + within);
            self.heard.send_modify(|heard| heard.push(why));
        }
    }

    /// Gives the jobs back and ends the process.
    async fn force(&self) {
        tracing::error!(
            "the stop did not come to its end: handlers block every thread of the runtime, and the process ends without \
             them; let plain functions do what blocks"
        );
        let worker = self.worker.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(shared) = worker {
            let deregister = shared.backend.backend().deregister(shared.id);
            let _ = tokio::time::timeout(GIVE_BACK_WITHIN, deregister).await;
        }
        std::process::exit(0);
    }
}
