//! Makes committed transactions durable beside the writer: while one sync of the log is under way, the next
//! transactions are carried out, and all that were committed meanwhile share the next sync.
//!
//! The writer commits without waiting for the disk. A call that has to survive a power cut is answered by this thread,
//! once the part of the log that holds its transaction is on the disk.
//!
//! The system tells of a failed sync once, and the next sync of the same file succeeds although something before it is
//! missing on the disk. So nothing is confirmed after a failure until the writer has copied the log into the file.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use super::fault::Fault;
use super::inbox::Work;

/// The log, as far as it is synced.
pub(super) trait SyncedLog: Send + Sync {
    /// Brings all that was written to it to the disk.
    ///
    /// # Errors
    ///
    /// Something of it may never reach the disk, whatever a later sync says.
    fn sync(&self) -> io::Result<()>;
}

impl SyncedLog for File {
    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}

/// The way to the thread that syncs.
pub(super) struct Syncer {
    committed: Sender<Committed>,
    failed: Arc<AtomicBool>,
}

/// Steps of one transaction that wait for the disk, and the log that it was written to.
struct Committed {
    log: Arc<dyn SyncedLog>,
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

    /// Answers steps that are committed once they are on the disk. After a failed sync, all are to be repeated until
    /// [`recover`](Self::recover) is called.
    pub(super) fn confirm(&self, log: Arc<dyn SyncedLog>, steps: Vec<Box<dyn Work>>) {
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
        let outcome = sync_unless_failed(&batch, failed);
        for step in batch.into_iter().flat_map(|committed| committed.steps) {
            step.reply(match &outcome {
                Ok(()) => Ok(()),
                Err(error) => Err(io::Error::new(error.kind(), error.to_string()).into()),
            });
        }
    }
}

/// Syncs a batch, unless something before it in the log may be missing on the disk.
fn sync_unless_failed(batch: &[Committed], failed: &AtomicBool) -> io::Result<()> {
    // Only this thread sets it. Should the writer reset it meanwhile, the batch is repeated for nothing.
    if failed.load(Ordering::Acquire) {
        return Err(io::Error::other("an earlier part of the log could not be synced"));
    }
    sync(batch).inspect_err(|_| failed.store(true, Ordering::Release))
}

/// Syncs the logs of a batch: one, unless the writer has opened the file anew meanwhile.
fn sync(batch: &[Committed]) -> io::Result<()> {
    let mut latest: Option<&Arc<dyn SyncedLog>> = None;
    for Committed { log, .. } in batch {
        if !latest.is_some_and(|latest| Arc::ptr_eq(latest, log)) {
            log.sync()?;
            latest = Some(log);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

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

    /// A log whose first sync fails, as the system tells of a failure once.
    #[derive(Default)]
    struct FailsOnce {
        syncs: AtomicU32,
    }

    impl SyncedLog for FailsOnce {
        fn sync(&self) -> io::Result<()> {
            match self.syncs.fetch_add(1, Ordering::SeqCst) {
                0 => Err(io::Error::other("the disk is broken")),
                _ => Ok(()),
            }
        }
    }

    async fn confirm(syncer: &Syncer, log: Arc<dyn SyncedLog>) -> Result<(), StoreError> {
        let (sender, outcome) = oneshot::channel();
        syncer.confirm(log, vec![Box::new(Told(sender))]);
        outcome.await.unwrap()
    }

    #[tokio::test]
    async fn what_cannot_be_synced_is_not_confirmed() {
        let syncer = Syncer::start().unwrap();
        confirm(&syncer, Arc::new(tempfile::tempfile().unwrap())).await.unwrap();
        assert!(!syncer.has_failed());
        // A device has nothing that could be synced.
        let error = confirm(&syncer, Arc::new(File::open("/dev/null").unwrap())).await.unwrap_err();
        assert!(error.is_retryable() && syncer.has_failed());
        syncer.recover();
        assert!(!syncer.has_failed());
    }

    #[tokio::test]
    async fn nothing_is_confirmed_after_a_failed_sync_until_the_log_is_copied() {
        let syncer = Syncer::start().unwrap();
        let log = Arc::new(FailsOnce::default());
        confirm(&syncer, log.clone()).await.unwrap_err();
        // The next sync would succeed, and says nothing of what is before it in the log.
        let error = confirm(&syncer, log.clone()).await.unwrap_err();
        assert!(error.is_retryable() && syncer.has_failed());
        assert_eq!(log.syncs.load(Ordering::SeqCst), 1);
        syncer.recover();
        confirm(&syncer, log.clone()).await.unwrap();
        assert_eq!(log.syncs.load(Ordering::SeqCst), 2);
    }
}
