//! Makes committed transactions durable beside the writer: while one sync of the log is under way, the next
//! transactions are carried out, and all that were committed meanwhile share the next sync.
//!
//! The writer commits without waiting for the disk. A call that has to survive a power cut is answered by this thread,
//! once the part of the log that holds its transaction is on the disk.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use super::fault::Fault;
use super::inbox::Work;

/// The way to the thread that syncs.
pub(super) struct Syncer {
    committed: Sender<Committed>,
    failed: Arc<AtomicBool>,
}

/// Steps of one transaction that wait for the disk, and the log that it was written to.
struct Committed {
    log: Arc<File>,
    steps: Vec<Box<dyn Work>>,
}

impl Syncer {
    /// Starts the thread. It ends when this is dropped, after it has answered everybody.
    pub(super) fn start() -> io::Result<Self> {
        let (committed, receiver) = channel();
        let failed = Arc::new(AtomicBool::new(false));
        let flag = failed.clone();
        thread::Builder::new().name("asyncmq-sync".into()).spawn(move || run(&receiver, &flag))?;
        Ok(Self { committed, failed })
    }

    /// Answers steps that are committed once they are on the disk.
    pub(super) fn confirm(&self, log: Arc<File>, steps: Vec<Box<dyn Work>>) {
        if let Err(unsent) = self.committed.send(Committed { log, steps }) {
            unsent.0.steps.into_iter().for_each(|step| step.reply(Err(Fault::Closed)));
        }
    }

    /// Tells whether a sync has failed. What it was about may never reach the disk by another sync, whatever that says.
    pub(super) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    /// Everything that is committed has reached the disk in another way.
    pub(super) fn recover(&self) {
        self.failed.store(false, Ordering::Release);
    }
}

fn run(committed: &Receiver<Committed>, failed: &AtomicBool) {
    while let Ok(first) = committed.recv() {
        // All of them were committed before this sync begins.
        let batch: Vec<Committed> = std::iter::once(first).chain(committed.try_iter()).collect();
        let outcome = sync(&batch);
        if outcome.is_err() {
            failed.store(true, Ordering::Release);
        }
        for step in batch.into_iter().flat_map(|committed| committed.steps) {
            step.reply(match &outcome {
                Ok(()) => Ok(()),
                Err(error) => Err(io::Error::new(error.kind(), error.to_string()).into()),
            });
        }
    }
}

/// Syncs the logs of a batch: one, unless the writer has opened the file anew meanwhile.
fn sync(batch: &[Committed]) -> io::Result<()> {
    let mut latest: Option<&Arc<File>> = None;
    for Committed { log, .. } in batch {
        if !latest.is_some_and(|latest| Arc::ptr_eq(latest, log)) {
            log.sync_data()?;
            latest = Some(log);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::super::tx::Tx;
    use super::*;
    use crate::backend::StoreError;

    /// A step whose outcome the test gets.
    struct Told(oneshot::Sender<Result<(), StoreError>>);

    impl Work for Told {
        fn run(&mut self, _: &mut Tx<'_>) -> super::super::fault::Step<()> {
            Ok(())
        }

        fn reply(self: Box<Self>, outcome: super::super::fault::Step<()>) {
            self.0.send(outcome.map_err(Into::into)).unwrap();
        }
    }

    async fn confirm(syncer: &Syncer, log: File) -> Result<(), StoreError> {
        let (sender, outcome) = oneshot::channel();
        syncer.confirm(Arc::new(log), vec![Box::new(Told(sender))]);
        outcome.await.unwrap()
    }

    #[tokio::test]
    async fn what_cannot_be_synced_is_not_confirmed() {
        let syncer = Syncer::start().unwrap();
        confirm(&syncer, tempfile::tempfile().unwrap()).await.unwrap();
        assert!(!syncer.has_failed());
        // A device has nothing that could be synced.
        let error = confirm(&syncer, File::open("/dev/null").unwrap()).await.unwrap_err();
        assert!(error.is_retryable() && syncer.has_failed());
        syncer.recover();
        assert!(!syncer.has_failed());
    }
}
