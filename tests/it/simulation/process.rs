//! A simulated process: a worker with a line and a journal of its own, which can be killed, frozen and stopped.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use asyncmq::backend::Backend;
use asyncmq::{Client, Worker, WorkerHandle};
use asyncmq_tests::lab::event::Event;
use asyncmq_tests::lab::journal::Journal;
use asyncmq_tests::lab::recorded::Recorded;

use super::tasks::{self, Gate, Own};
use super::wire::{Rough, Time};
use crate::support::history::History;
use crate::support::line::Line;

/// How long a worker may be silent.
pub(super) const LEASE: Duration = Duration::from_secs(2);
/// How long a worker that is told to stop waits for its jobs.
const DRAIN: Duration = Duration::from_secs(2);

/// What all processes share.
pub(super) struct World {
    pub(super) store: Arc<dyn Backend>,
    pub(super) time: Arc<Time>,
    /// The journal of the one who runs the simulation.
    pub(super) journal: Arc<Journal>,
    pub(super) history: Arc<tokio::sync::Mutex<History>>,
    pub(super) snoozed: Arc<Mutex<HashSet<String>>>,
    /// With how many deaths of a process a job is given up.
    pub(super) max_crashes: u32,
}

/// A process.
pub(super) struct Process {
    number: u32,
    pub(super) wire: Rough,
    journal: Arc<Journal>,
    handle: WorkerHandle,
    concurrency: usize,
}

impl World {
    /// Returns a journal and a store as a process with that wire sees them.
    fn of_process(&self, number: u32, wire: &Rough) -> (Arc<Journal>, Arc<Line<Rough>>) {
        let journal = self.journal.of_process(number).expect("it is in memory");
        (Arc::new(journal), Line::writing(self.store.clone(), wire.clone(), self.history.clone()))
    }

    /// Returns a client that is a process of its own.
    pub(super) fn client(&self, number: u32, wire: &Rough) -> (Client, Arc<Journal>) {
        let (journal, line) = self.of_process(number, wire);
        (Client::with_backend(line), journal)
    }

    fn note_signal(&self, process: u32, signal: &str) {
        self.journal.note(Event::Signal { process, signal: signal.into() });
    }
}

impl Process {
    /// Starts one that fills a place and runs so many jobs at once.
    pub(super) async fn start(
        world: &World,
        number: u32,
        place: &str,
        concurrency: usize,
        wire: Rough,
    ) -> Self {
        let (journal, line) = world.of_process(number, &wire);
        let store = Recorded::new(line, journal.clone(), place, world.max_crashes);
        let (snoozed, gate) = (world.snoozed.clone(), Gate::of(concurrency));
        let own = Own { journal: journal.clone(), wire: wire.clone(), snoozed, gate };
        let worker = Worker::new(&Client::with_backend(store))
            .queues([tasks::WORK.to_owned(), tasks::PAUSED.to_owned(), format!("canary.{place}")])
            .registry(tasks::registry())
            .state(own)
            .concurrency(concurrency)
            .lease(LEASE)
            .heartbeat_interval(LEASE / 4)
            .max_crashes(world.max_crashes)
            .drain_timeout(DRAIN);
        let handle = worker.start().await.expect("nothing is wrong with it");
        Self { number, wire, journal, handle, concurrency }
    }

    /// Lets it claim nothing, or run one job at a time, until it [works as before](Process::work).
    pub(super) fn rest(&self, is_whole: bool) {
        if is_whole {
            self.handle.pause();
        } else {
            self.handle.set_concurrency(1);
        }
    }

    pub(super) fn work(&self) {
        self.handle.set_concurrency(self.concurrency);
        self.handle.resume();
    }

    /// Ends it at once, with all that it has in hand.
    pub(super) fn kill(self, world: &World) {
        self.wire.die();
        self.journal.close();
        world.note_signal(self.number, "SIGKILL");
        world.journal.note(Event::Exit { process: self.number, code: None });
        // Nothing that it does is heard of any more; this only ends its tasks.
        tokio::spawn(self.handle.stop_now());
    }

    /// Tells it to stop, and waits until it has.
    pub(super) async fn stop(self, world: &World) {
        world.note_signal(self.number, "SIGTERM");
        let _ = self.handle.stop().await;
        // Whatever it says after its end is not said by it.
        self.journal.close();
        self.wire.die();
        world.journal.note(Event::Exit { process: self.number, code: Some(0) });
    }
}
