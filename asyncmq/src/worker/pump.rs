//! The loop of a worker: claim what there are permits for, run it, settle what has ended.
//!
//! One claim and one settle are under way at a time. While a call is in flight the next batch gathers, so a lone job
//! leaves at once and a flood leaves in large batches, without any timer.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::time::{Instant as Deadline, Sleep};

use crate::backend::{CallId, Claim, Claimed, ClaimedJob, Fenced, MAX_BATCH, Pause, Settlement};
use crate::event::EventKind;
use crate::job::{Name, RateLimit};
use crate::lifecycle::Transition;
use crate::task::Attempt;
use crate::worker::limit::Limiter;
use crate::worker::line;
use crate::worker::settle::{Settled, settle_batch};
use crate::worker::shared::{Phase, Shared, give_way};
use crate::worker::turns::Turns;

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// How long attempts may stand in line before somebody else takes them.
const HELD_UP: Duration = Duration::from_millis(5);

/// The state of the loop.
pub(crate) struct Pump {
    shared: Arc<Shared>,
    turns: Turns,
    limiter: Limiter,
    /// Handlers that have not ended.
    running: usize,
    /// Ended, and not yet sent to the store.
    ended: Vec<Settlement>,
    claiming: Option<Boxed<(usize, Claimed)>>,
    settling: Option<Boxed<Vec<Settled>>>,
    /// Whether a claim may give something.
    hungry: bool,
    /// How many attempts had left the line when it was last looked at.
    taken: u64,
    /// When to look again, come what may.
    look: Pin<Box<Sleep>>,
}

enum Step {
    Claimed(usize, Claimed),
    Settled(Vec<Settled>),
    Woken,
    Look,
}

impl Pump {
    pub(crate) fn new(shared: Arc<Shared>, queues: Vec<(Name, u32)>, limit: Option<RateLimit>) -> Self {
        let look = Box::pin(tokio::time::sleep(shared.times.scan));
        Self {
            turns: Turns::new(queues),
            limiter: Limiter::new(limit, Instant::now()),
            running: 0,
            ended: Vec::new(),
            claiming: None,
            settling: None,
            hungry: true,
            taken: 0,
            look,
            shared,
        }
    }

    /// Serves until the worker drains and everything has ended and is settled.
    pub(crate) async fn serve(mut self) {
        loop {
            self.gather();
            self.begin_settle();
            self.begin_claim();
            self.note_idle();
            if self.is_through() {
                return;
            }
            match self.step().await {
                Step::Claimed(asked, claimed) => self.start(asked, claimed),
                Step::Settled(settled) => self.settled(&settled),
                // Whoever else is ready goes first, so that what ends in the same moment leaves in the same batch.
                Step::Woken => give_way().await,
                Step::Look => self.look_around(),
            }
        }
    }

    /// Waits for the next thing to happen.
    async fn step(&mut self) -> Step {
        fn ready<T>(future: &mut Option<Boxed<T>>) -> impl Future<Output = T> {
            std::future::poll_fn(|poller| match future {
                Some(running) => {
                    let polled = running.as_mut().poll(poller);
                    if polled.is_ready() {
                        *future = None;
                    }
                    polled
                }
                None => std::task::Poll::Pending,
            })
        }
        let shared = self.shared.clone();
        let step = tokio::select! {
            biased;
            settled = ready(&mut self.settling) => Step::Settled(settled),
            (asked, claimed) = ready(&mut self.claiming) => Step::Claimed(asked, claimed),
            () = shared.wake.notified() => Step::Woken,
            () = self.look.as_mut() => Step::Look,
        };
        if matches!(step, Step::Look) {
            self.look.as_mut().reset(Deadline::now() + self.shared.times.scan);
        }
        step
    }

    fn look_around(&mut self) {
        self.hungry = true;
        self.taken = line::relieve(&self.shared, self.taken);
        self.watch_line();
    }

    /// Takes in what has ended since the last time; its permits are free again.
    fn gather(&mut self) {
        let finished = self.shared.take_finished();
        self.running -= finished.len();
        if self.ended.is_empty() {
            self.ended = finished;
        } else {
            self.ended.extend(finished);
        }
        if self.shared.work.swap(false, Ordering::AcqRel) {
            self.hungry = true;
        }
    }

    fn begin_settle(&mut self) {
        if self.settling.is_some() || self.ended.is_empty() {
            return;
        }
        let rest = if MAX_BATCH < self.ended.len() { self.ended.split_off(MAX_BATCH) } else { Vec::new() };
        let batch = std::mem::replace(&mut self.ended, rest);
        self.settling = Some(Box::pin(settle_batch(self.shared.clone(), batch)));
    }

    fn begin_claim(&mut self) {
        if self.claiming.is_some() || !self.hungry || !self.may_claim() {
            return;
        }
        let free = self.free().min(MAX_BATCH);
        if free == 0 {
            return;
        }
        let now = self.now();
        let asked = free.min(self.limiter.permits(now));
        if asked == 0 {
            if let Some(next) = self.limiter.next(now) {
                self.look_at(next.into());
            }
            return;
        }
        self.hungry = false;
        let call = self.shared.backend.next_call();
        let claim = claim(self.shared.clone(), call, self.turns.order().to_vec(), asked);
        self.claiming = Some(Box::pin(async move { (asked, claim.await) }));
    }

    /// Returns how many more jobs may run at once.
    fn free(&self) -> usize {
        self.shared.concurrency.load(Ordering::SeqCst).saturating_sub(self.running)
    }

    /// The runtime's time, as the waits of this loop are.
    fn now(&self) -> Instant {
        Deadline::now().into_std()
    }

    fn may_claim(&self) -> bool {
        self.shared.phase() == Phase::Serving && !self.shared.paused.load(Ordering::SeqCst)
    }

    /// Starts what was claimed.
    fn start(&mut self, asked: usize, mut claimed: Claimed) {
        let full = asked <= claimed.jobs.len();
        self.hungry |= full;
        self.limiter.take(claimed.jobs.len(), self.now());
        self.turns.gave(claimed.jobs.iter().map(|job| &job.envelope.queue), asked);
        if let Some(due) = claimed.next_due {
            self.look_at(Deadline::now() + due);
        }
        note_unknown(&self.shared, claimed.unknown);
        // The worker may have been told to stop, to pause, or to run fewer jobs while the claim was under way.
        let room = if self.may_claim() { self.free() } else { 0 };
        if room < claimed.jobs.len() {
            self.hungry = true;
            let surplus = claimed.jobs.split_off(room);
            self.give_back(surplus);
        }
        let attempts: Vec<_> = claimed.jobs.into_iter().map(|job| self.attempt(job)).collect();
        self.shared.hand.take_in(&attempts);
        self.running += attempts.len();
        line::add(&self.shared, attempts);
        self.watch_line();
    }

    fn attempt(&self, job: ClaimedJob) -> Arc<Attempt> {
        Arc::new(Attempt::new(job, self.shared.site.clone()))
    }

    /// Looks soon whether those who take from the line are held up by handlers that block their threads.
    fn watch_line(&mut self) {
        if !self.shared.line.is_empty() {
            self.look_at(Deadline::now() + HELD_UP);
        }
    }

    /// Gives jobs back that must not start any more.
    fn give_back(&mut self, jobs: Vec<ClaimedJob>) {
        self.ended.extend(jobs.into_iter().map(|job| Settlement {
            envelope: job.envelope,
            token: job.token,
            transition: Transition::Release,
            report: Default::default(),
        }));
    }

    fn settled(&mut self, settled: &[Settled]) {
        self.hungry |= self.shared.hand.let_go(settled.iter().map(|settled| settled.token));
        // What a job left behind may wait already, before the store's wake-up for it is here.
        self.hungry |= self.shared.is_idle_awaited();
        let stopping = self.shared.phase() != Phase::Serving;
        for Settled { envelope, event, answer, .. } in settled {
            match answer {
                Some(Fenced::Applied) if *event == EventKind::Released && stopping => {
                    self.shared.gave_back([envelope.id.clone()]);
                }
                Some(Fenced::Applied) => self.shared.count(*event),
                Some(Fenced::Stale) => tracing::warn!(
                    job = %envelope.id,
                    "the job was given to another worker or removed meanwhile; what became of it here has no effect"
                ),
                None => {}
            }
        }
    }

    /// Looks again at this time, if that is earlier than it would anyway.
    fn look_at(&mut self, time: Deadline) {
        if time < self.look.deadline() {
            self.look.as_mut().reset(time);
        }
    }

    fn note_idle(&self) {
        if !self.hungry && self.running == 0 && self.is_quiet() && self.shared.is_idle_awaited() {
            self.shared.note_idle();
        }
    }

    fn is_quiet(&self) -> bool {
        self.claiming.is_none() && self.settling.is_none() && self.ended.is_empty()
    }

    fn is_through(&self) -> bool {
        Phase::Draining <= self.shared.phase() && self.running == 0 && self.is_quiet()
    }
}

/// Claims under one id until the store answers, or until the worker stops.
async fn claim(shared: Arc<Shared>, call: CallId, queues: Vec<Name>, limit: usize) -> Claimed {
    let mut pause = Pause::new();
    let mut silent_since = None;
    loop {
        let claim = Claim { call, queues: &queues, tasks: &shared.known, limit, lease: shared.times.lease };
        match shared.backend.claim(claim).await {
            Ok(claimed) => {
                if let Some(since) = silent_since.map(|since: Instant| since.elapsed()) {
                    tracing::info!(silent = ?since, "the store answers again");
                }
                return claimed;
            }
            Err(error) => {
                if silent_since.is_none() {
                    tracing::warn!(%error, "the store does not give jobs out; trying again until it does");
                    silent_since = Some(Instant::now());
                }
            }
        }
        tokio::select! {
            () = pause.wait() => {}
            // Should it have given something all the same, striking the worker off gives it back.
            () = shared.reached(Phase::Draining) => return Claimed::default(),
        }
    }
}

/// Says once for each task that jobs wait for it here in vain.
fn note_unknown(shared: &Shared, unknown: Vec<(Name, Name)>) {
    if unknown.is_empty() {
        return;
    }
    let mut noted = shared.unknown.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    for (queue, task) in unknown {
        if noted.contains(&(queue.clone(), task.clone())) {
            continue;
        }
        let nearest = crate::job::nearest(&task, shared.tasks.keys().copied());
        tracing::warn!(
            queue = queue.as_str(),
            task = task.as_str(),
            nearest,
            "jobs wait for a task that this worker does not have, or not in their version: link its crate \
             (`use your_crate as _;`), or start a worker that has it"
        );
        noted.push((queue, task));
    }
}
