//! One simulation: what its seed makes of it, from calm through faults to the end.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use asyncmq::backend::memory::MemoryStore;
use asyncmq::job::Name;
use asyncmq::{Clock, JobState};
use asyncmq_tests::lab::event::{Event, Line};
use asyncmq_tests::lab::journal::Journal;
use asyncmq_tests::lab::send::Sender;
use asyncmq_tests::servers::dice::Dice;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::process::{LEASE, Process, World};
use super::tasks::{self, Act, PAUSED, WORK};
use super::wire::{Rough, Time, Weather};

/// The places that workers fill.
const PLACES: [&str; 3] = ["a", "b", "c"];
/// How long everything may take to end once nothing goes wrong any more.
const PATIENCE: Duration = Duration::from_secs(60);
/// The number of a job that kills its process.
const POISON: u64 = 1_000_000;
/// A wire on which nothing goes wrong.
const FAIR: Weather = Weather { lost_requests: 0, lost_replies: 0, doubled: 0, held_up: 0, delay: 2_000 };

/// What came of a simulation.
pub(super) struct Ran {
    /// All that was written down.
    pub(super) lines: Vec<Line>,
    /// What the store did is in order; or what is not.
    pub(super) verdict: Result<(), String>,
}

/// Whether there is a job that kills its process. If there is, processes do not die for other causes: among jobs that were
/// hit by chance it would not be known as the one to blame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Poison {
    None,
    ToSend,
    Sent,
}

/// Everything that the simulation moves.
struct Stage {
    world: Arc<World>,
    dice: Dice,
    /// How rough it is in this simulation.
    weather: Weather,
    concurrency: usize,
    places: Vec<(&'static str, Option<Process>)>,
    processes: u32,
    producer: Sender,
    producers_wire: Rough,
    /// Orders are given one after the other.
    operator: Arc<tokio::sync::Mutex<()>>,
    /// What producers and stopping workers are about to do.
    under_way: JoinSet<()>,
    jobs: u64,
    faults: usize,
    is_paused: bool,
    poison: Poison,
}

/// Runs a simulation from its seed. Inside of a runtime of its own, with paused time.
pub(super) async fn run(seed: u64) -> Ran {
    let mut stage = Stage::new(seed);
    stage.calm().await;
    stage.faults().await;
    let verdict = stage.heal().await;
    stage.end().await;
    let lines = stage.world.journal.lines();
    Ran { lines, verdict }
}

impl Stage {
    fn new(seed: u64) -> Self {
        let (mut dice, clock) = (Dice::new(seed), Clock::manual());
        let (store, time) = (MemoryStore::with_clock(clock.clone()), Time::new(clock));
        let now = time.clone();
        let journal = Journal::in_memory(move || now.micros()).of_process(0).expect("it is in memory");
        let journal = Arc::new(journal);
        let (history, snoozed) = (Arc::default(), Arc::new(Mutex::new(HashSet::new())));
        let poison = if dice.below(6) == 0 { Poison::ToSend } else { Poison::None };
        // Where processes die by chance, no job is to be given up for it.
        let max_crashes = if poison == Poison::None { 1_000 } else { 3 };
        let world = Arc::new(World { store, time: time.clone(), journal, history, snoozed, max_crashes });
        let producers_wire = Rough::new(&time, dice.below(u64::MAX), FAIR);
        let (client, journal) = world.client(1, &producers_wire);
        let often = |dice: &mut Dice| dice.below(60) * dice.below(2);
        let weather = Weather {
            lost_requests: often(&mut dice),
            lost_replies: often(&mut dice),
            doubled: often(&mut dice),
            held_up: often(&mut dice) / 2,
            delay: [2_000, 20_000, 200_000][dice.below(3) as usize],
        };
        Self {
            world,
            weather,
            concurrency: 1 + dice.below(4) as usize,
            places: PLACES[..2 + dice.below(2) as usize].iter().map(|place| (*place, None)).collect(),
            dice,
            processes: 1,
            producer: Sender { client, journal },
            producers_wire,
            operator: Arc::default(),
            under_way: JoinSet::new(),
            jobs: 0,
            faults: 0,
            is_paused: false,
            poison,
        }
    }

    fn phase(&self, name: &str) {
        self.world.journal.note(Event::Phase { name: name.into() });
    }

    async fn start(&mut self, place: usize, weather: Weather) {
        self.processes += 1;
        let wire = Rough::new(&self.world.time, self.dice.below(u64::MAX), weather);
        let (name, number) = (self.places[place].0, self.processes);
        let process = Process::start(&self.world, number, name, self.concurrency, wire).await;
        self.places[place].1 = Some(process);
    }

    /// Sends some jobs, without waiting for that.
    fn send(&mut self, most: u64) {
        let mut drawn = Vec::new();
        for _ in 0..=self.dice.below(most) {
            self.jobs += 1;
            // A job is sent a second time now and then.
            let number = if self.dice.below(12) == 0 { 1 + self.dice.below(self.jobs) } else { self.jobs };
            drawn.push(tasks::draw(&mut Dice::new(number), number));
        }
        drawn.dedup_by(|one, other| one.sent.job == other.sent.job);
        let producer = self.producer.clone();
        self.under_way.spawn(async move {
            producer.send(drawn).await;
        });
    }

    fn order(&mut self, order: &'static str, queue: &'static str, job: String) {
        let (producer, operator) = (self.producer.clone(), self.operator.clone());
        self.under_way.spawn(async move {
            let _turn = operator.lock().await;
            producer.order(order, queue, &job).await;
        });
    }

    async fn calm(&mut self) {
        for place in 0..self.places.len() {
            self.start(place, FAIR).await;
        }
        self.phase("calm");
        for _ in 0..4 {
            self.send(3);
            sleep(Duration::from_millis(self.dice.below(500))).await;
        }
    }

    async fn faults(&mut self) {
        self.phase("weather");
        self.producers_wire.set_weather(self.weather);
        for (_, process) in &self.places {
            process.iter().for_each(|process| process.wire.set_weather(self.weather));
        }
        for _ in 0..20 + self.dice.below(20) {
            sleep(Duration::from_millis(20 + self.dice.below(900))).await;
            self.step().await;
        }
    }

    /// Lets something happen.
    async fn step(&mut self) {
        let place = self.dice.below(self.places.len() as u64) as usize;
        self.bury();
        if self.places[place].1.is_none() && self.dice.below(3) == 0 {
            return self.start(place, self.weather).await;
        }
        match self.dice.below(100) {
            0..45 => self.send(4),
            45..72 if self.poison != Poison::None => self.poison(),
            45..57 => self.kill(place),
            57..63 => self.stop(place),
            63..72 => self.freeze(place),
            72..80 => {
                let number = 1 + self.dice.below(self.jobs);
                let order = ["cancel", "cancel", "retry"][self.dice.below(3) as usize];
                let queue = tasks::draw(&mut Dice::new(number), number).sent.queue;
                let queue = if queue == WORK { WORK } else { PAUSED };
                self.order(order, queue, format!("{queue}-{number}"));
            }
            80..86 => {
                self.is_paused = !self.is_paused;
                self.order(if self.is_paused { "pause" } else { "resume" }, PAUSED, String::new());
            }
            _ => self.rest(place),
        }
    }

    fn poison(&mut self) {
        if std::mem::replace(&mut self.poison, Poison::Sent) == Poison::Sent {
            return self.send(3);
        }
        let (producer, drawn) = (self.producer.clone(), tasks::job(WORK, POISON, Act::Kill));
        self.under_way.spawn(async move {
            producer.send(vec![drawn]).await;
        });
    }

    /// Takes note of processes that died by themselves.
    fn bury(&mut self) {
        for place in 0..self.places.len() {
            let is_dead = |process: &mut Process| process.wire.is_dead();
            if let Some(process) = self.places[place].1.take_if(is_dead) {
                process.kill(&self.world);
            }
        }
    }

    fn begin_fault(&mut self, kind: &str, place: usize) -> usize {
        self.faults += 1;
        let (fault, target) = (self.faults, self.places[place].0.to_owned());
        self.world.journal.note(Event::FaultBegins { fault, kind: kind.into(), target });
        fault
    }

    fn kill(&mut self, place: usize) {
        if let Some(process) = self.places[place].1.take() {
            let fault = self.begin_fault("kill", place);
            process.kill(&self.world);
            self.world.journal.note(Event::FaultEnds { fault });
        }
    }

    /// Tells a worker to do less for now, or as before.
    fn rest(&mut self, place: usize) {
        let (rests, is_whole) = (self.dice.below(3) != 0, self.dice.below(2) == 0);
        if let Some(process) = &self.places[place].1 {
            if rests { process.rest(is_whole) } else { process.work() }
        }
    }

    fn stop(&mut self, place: usize) {
        if let Some(process) = self.places[place].1.take() {
            let world = self.world.clone();
            self.under_way.spawn(async move { process.stop(&world).await });
        }
    }

    /// Takes the time away from a process, for longer than its lease as a rule.
    fn freeze(&mut self, place: usize) {
        let Some(wire) = self.places[place].1.as_ref().map(|process| process.wire.clone()) else { return };
        let fault = self.begin_fault("freeze", place);
        let (journal, long) =
            (self.world.journal.clone(), LEASE.mul_f64(0.5 + self.dice.below(20) as f64 / 10.0));
        wire.freeze();
        self.under_way.spawn(async move {
            sleep(long).await;
            wire.thaw();
            journal.note(Event::FaultEnds { fault });
        });
    }

    /// Lets nothing go wrong any more, and waits until everything has ended.
    async fn heal(&mut self) -> Result<(), String> {
        self.phase("heal");
        self.producers_wire.set_weather(FAIR);
        self.order("resume", PAUSED, String::new());
        for (_, process) in &self.places {
            if let Some(process) = process {
                process.wire.set_weather(FAIR);
                process.work();
            }
        }
        if tokio::time::timeout(PATIENCE, self.all_ends()).await.is_err() {
            return Err(format!("jobs did not end within {PATIENCE:?}: {}", self.unfinished().await));
        }
        self.canaries().await
    }

    /// Waits until all jobs have ended. Whoever dies meanwhile is replaced.
    async fn all_ends(&mut self) {
        while self.under_way.join_next().await.is_some() {}
        loop {
            self.bury();
            for place in 0..self.places.len() {
                if self.places[place].1.is_none() {
                    self.start(place, FAIR).await;
                }
            }
            if self.has_ended().await {
                return;
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Every worker runs as many jobs at once as it should.
    async fn canaries(&mut self) -> Result<(), String> {
        for place in self.places.iter().map(|(name, _)| *name).collect::<Vec<_>>() {
            let queue = format!("canary.{place}");
            for number in 0..self.concurrency as u64 {
                let (producer, drawn) = (self.producer.clone(), tasks::job(&queue, number, Act::Together));
                self.under_way.spawn(async move {
                    producer.send(vec![drawn]).await;
                });
            }
        }
        match tokio::time::timeout(LEASE * 2, self.all_ends()).await {
            Ok(()) => Ok(()),
            Err(_) => Err(format!("a worker does not run all that it could: {}", self.unfinished().await)),
        }
    }

    async fn has_ended(&self) -> bool {
        self.world.time.tell();
        for queue in self.world.store.queues().await.unwrap() {
            if self.world.store.queue(&queue).await.unwrap().counts.unfinished() != 0 {
                return false;
            }
        }
        true
    }

    async fn unfinished(&self) -> String {
        let mut told = Vec::new();
        for queue in self.world.store.queues().await.unwrap() {
            for state in JobState::ALL.into_iter().filter(|state| !state.is_terminal()) {
                for job in self.world.store.list(&queue, state, (0..100).into()).await.unwrap() {
                    told.push(format!("{} {state:?}", job.id()));
                }
            }
        }
        told.join(", ")
    }

    /// Stops everybody and looks at what is left.
    async fn end(&mut self) {
        for (_, process) in std::mem::take(&mut self.places) {
            if let Some(process) = process {
                process.stop(&self.world).await;
            }
        }
        self.phase("end");
        self.world.history.lock().await.check();
        for queue in self.world.store.queues().await.unwrap() {
            self.look_at(&queue).await;
        }
    }

    async fn look_at(&self, queue: &Name) {
        let (world, counts) = (&self.world, self.world.store.queue(queue).await.unwrap().counts);
        for state in JobState::ALL {
            let jobs = world.store.list(queue, state, (0..10_000).into()).await.unwrap();
            if jobs.len() as u64 != counts.of(state) {
                let (invariant, name) = ("I7".to_owned(), format!("{state:?} of {queue}"));
                let wrong = Some(format!("{} are counted, and there are {}", counts.of(state), jobs.len()));
                world.journal.note(Event::Audit { invariant, name, wrong });
            }
            for job in jobs {
                let (queue, state) = (queue.to_string(), state.name().to_owned());
                let crashes = job.crashes();
                world.journal.note(Event::Final { queue, job: job.id().to_string(), state, crashes });
            }
        }
    }
}
