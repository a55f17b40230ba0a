//! The child's voice: what its handler says and asks while it runs, on its way to the worker.

use std::collections::HashMap;
use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, mpsc};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::oneshot;

use super::frames::{self, Kind, Report, Said};
use super::pushed::{self, PushedText};
use crate::backend;
use crate::job::Envelope;
use crate::task::{Attempt, Reporter};

/// The shortest time between two reports: what is said meanwhile goes together.
const INTERVAL: Duration = Duration::from_millis(50);

/// The child's voice.
pub(super) struct Voice {
    orders: Mutex<UnixStream>,
    /// Reports are written by a thread of their own, as a handler never waits for one. It starts with the first.
    reports: OnceLock<mpsc::Sender<Arc<Attempt>>>,
    this: std::sync::Weak<Self>,
    calls: Mutex<Calls>,
}

/// The pushes that wait for their answer.
#[derive(Default)]
struct Calls {
    made: u64,
    waiting: HashMap<u64, oneshot::Sender<Result<Vec<PushedText>, String>>>,
}

impl Voice {
    pub(super) fn new(orders: UnixStream) -> Arc<Self> {
        Arc::new_cyclic(|this| Self {
            orders: Mutex::new(orders),
            reports: OnceLock::new(),
            this: this.clone(),
            calls: Mutex::default(),
        })
    }

    /// Sends a frame.
    pub(super) fn send(&self, kind: Kind, head: &impl Serialize, body: &[u8]) -> io::Result<()> {
        let mut frame = Vec::with_capacity(256);
        let rest = frames::put(kind, head, body, &mut frame)?;
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        orders.write_all(&frame)?;
        orders.write_all(rest)
    }

    /// Lets the worker push jobs.
    pub(super) async fn push(&self, jobs: &[Arc<Envelope>]) -> Result<Vec<PushedText>, String> {
        let (answer, answered) = oneshot::channel();
        let call = {
            let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
            calls.made += 1;
            let call = calls.made;
            calls.waiting.insert(call, answer);
            call
        };
        let (head, body) = pushed::write(call, jobs);
        self.send(Kind::Push, &head, &body).map_err(|error| error.to_string())?;
        answered.await.map_err(|_| "the worker did not answer".to_owned())?
    }

    /// Brings an answer to whoever waits for it.
    pub(super) fn answer(&self, answer: pushed::Answer) {
        let waiting = self.calls.lock().unwrap_or_else(PoisonError::into_inner).waiting.remove(&answer.call);
        if let Some(waiting) = waiting {
            let _ = waiting.send(answer.answer);
        }
    }

    /// Writes reports for as long as the process lives.
    fn report(&self, attempts: &mpsc::Receiver<Arc<Attempt>>) {
        while let Ok(attempt) = attempts.recv() {
            let report = attempt.begin_report();
            let number = number_of(&attempt);
            if !report.is_empty() {
                let _ = self.send(Kind::Report, &Report { number, said: said(report) }, &[]);
            }
            attempt.end_report(None);
            std::thread::sleep(INTERVAL);
        }
    }
}

/// Returns the number of the order of an attempt, which is what its claim is proved with here.
pub(super) fn number_of(attempt: &Attempt) -> u64 {
    u64::try_from(attempt.job.token.0).unwrap_or_default()
}

/// Writes down what a handler said.
pub(super) fn said(report: backend::Report) -> Said {
    Said {
        progress: report.progress.map(|progress| (progress.percent(), progress.data().clone())),
        logs: report.logs.into_iter().map(|line| line.message).collect(),
    }
}

impl Reporter for Voice {
    fn has_report(&self, attempt: &Arc<Attempt>) {
        let reports = self.reports.get_or_init(|| {
            let (reports, attempts) = mpsc::channel();
            let voice = self.this.clone();
            let write = move || voice.upgrade().map(|voice| voice.report(&attempts));
            let _ = std::thread::Builder::new().name("asyncmq-reports".into()).spawn(write);
            reports
        });
        // Without its thread it is told with the attempt's end.
        let _ = reports.send(attempt.clone());
    }
}

impl std::fmt::Debug for Voice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Voice")
    }
}
