//! The loop of a worker: claim what there are permits for, run it, settle what has ended.
//!
//! One claim and one settle are under way at a time, in one call if both begin together. While a call is in flight the next
//! batch gathers, so a lone job leaves at once and a flood leaves in large batches, without any timer.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::time::{Instant as Deadline, Sleep};

use crate::backend::{Claimed, ClaimedJob, Fenced, MAX_BATCH, Settlement};
use crate::job::{Name, RateLimit};
use crate::lifecycle::Transition;
use crate::seeded::{Bug, is_seeded};
use crate::task::Attempt;
use crate::worker::claim::{Wanted, claim, note_unknown};
use crate::worker::limit::Limiter;
use crate::worker::line;
use crate::worker::settle::{Settled, say_if_failed, settle_and_claim, settle_batch};
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
    /// Whether jobs wait that may start as soon as the rate of a limit lets them.
    awaits_token: bool,
    /// How many attempts had left the line when it was last looked at.
    taken: u64,
    /// When to look again, come what may.
    look: Pin<Box<Sleep>>,
}

enum Step {
    Answered(Option<Vec<Settled>>, Option<(usize, Claimed)>),
    Woken,
    Look,
}

impl Pump {
    pub(crate) fn new(shared: Arc<Shared>, queues: Vec<(Name, u32)>, limit: Option<RateLimit>) -> Self {
        let look = Box::pin(tokio::time::sleep(shared.times.scan));
        Self {
            turns: Turns::new(queues),
            limiter: Limiter::new(limit, Deadline::now().into_std()),
            running: 0,
            ended: Vec::new(),
            claiming: None,
            settling: None,
            hungry: true,
            awaits_token: false,
            taken: 0,
            look,
            shared,
        }
    }

    /// Serves until the worker drains and everything has ended and is settled.
    pub(crate) async fn serve(mut self) {
        loop {
            self.gather();
            self.begin_calls();
            self.note_idle();
            if self.is_through() {
                return;
            }
            match self.step().await {
                Step::Answered(settled, claimed) => {
                    if let Some(settled) = settled {
                        self.settled(&settled);
                    }
                    if let Some((asked, claimed)) = claimed {
                        self.start(asked, claimed);
                    }
                }
                // Whoever else is ready goes first, so that what ends in the same moment leaves in the same batch.
                Step::Woken => give_way().await,
                Step::Look => self.look_around(),
            }
        }
    }

    /// Waits for the next thing to happen.
    async fn step(&mut self) -> Step {
        fn poll<T>(future: &mut Option<Boxed<T>>, poller: &mut Context<'_>) -> Option<T> {
            match future.as_mut()?.as_mut().poll(poller) {
                Poll::Ready(answer) => {
                    *future = None;
                    Some(answer)
                }
                Poll::Pending => None,
            }
        }
        let shared = self.shared.clone();
        let (settling, claiming) = (&mut self.settling, &mut self.claiming);
        let answered = std::future::poll_fn(|poller| {
            // One call may answer both, the settle first.
            match (poll(settling, poller), poll(claiming, poller)) {
                (None, None) => Poll::Pending,
                (settled, claimed) => Poll::Ready(Step::Answered(settled, claimed)),
            }
        });
        let step = tokio::select! {
            biased;
            step = answered => step,
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

    /// Settles what has ended and claims for what is free, unless either is under way.
    fn begin_calls(&mut self) {
        let shared = self.shared.clone();
        match (self.next_batch(), self.next_claim()) {
            (Some(batch), Some(wanted)) => {
                let (give, given) = oneshot::channel();
                let both = settle_and_claim(shared.clone(), batch, wanted.clone(), give);
                self.settling = Some(Box::pin(both));
                self.claiming = Some(Box::pin(async move {
                    let claimed = match given.await {
                        Ok(claimed) => claimed,
                        Err(_) if shared.phase() == Phase::Serving => claim(&shared, &wanted).await,
                        // What it may have given all the same is given back when the worker is struck off.
                        Err(_) => Claimed::default(),
                    };
                    (wanted.limit, claimed)
                }));
            }
            (Some(batch), None) => self.settling = Some(Box::pin(settle_batch(shared, batch))),
            (None, Some(wanted)) => {
                self.claiming = Some(Box::pin(async move { (wanted.limit, claim(&shared, &wanted).await) }));
            }
            (None, None) => {}
        }
    }

    fn next_batch(&mut self) -> Option<Vec<Settlement>> {
        if self.settling.is_some() || self.ended.is_empty() {
            return None;
        }
        let rest = if MAX_BATCH < self.ended.len() { self.ended.split_off(MAX_BATCH) } else { Vec::new() };
        Some(std::mem::replace(&mut self.ended, rest))
    }

    fn next_claim(&mut self) -> Option<Wanted> {
        if self.claiming.is_some() || !self.hungry || !self.may_claim() {
            return None;
        }
        let free = self.free().min(MAX_BATCH);
        if free == 0 {
            return None;
        }
        let now = self.now();
        let limit = free.min(self.limiter.permits(now));
        if limit == 0 {
            if let Some(next) = self.limiter.next(now) {
                self.look_at(next.into());
            }
            return None;
        }
        self.hungry = false;
        let (call, queues) = (self.shared.backend.next_call(), self.turns.order().to_vec());
        Some(Wanted { call, queues, limit })
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
        self.awaits_token = claimed.awaits_token;
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

    /// Gives jobs back that must not start any more: the last one first, so that each belongs in front of all that wait.
    fn give_back(&mut self, jobs: Vec<ClaimedJob>) {
        self.ended.extend(jobs.into_iter().rev().map(|job| Settlement {
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
        for Settled { envelope, transition, answer, .. } in settled {
            match answer {
                Some(Fenced::Applied) if *transition == Transition::Release && stopping => {
                    self.shared.gave_back([envelope.id.clone()]);
                }
                Some(Fenced::Applied) => {
                    self.shared.count(transition.event());
                    say_if_failed(envelope, transition);
                }
                Some(Fenced::Stale) => {
                    self.running += usize::from(is_seeded(Bug::LeakedPermit));
                    tracing::warn!(
                        job = %envelope.id,
                        "the job was given to another worker or removed meanwhile; what became of it here has no effect"
                    );
                }
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
        if !self.hungry
            && !self.awaits_token
            && self.running == 0
            && self.is_quiet()
            && self.shared.is_idle_awaited()
        {
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
