//! A store that is driven by the drawn commands and compared with the model after each.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use asyncmq::JobState;
use asyncmq::backend::{
    Backend, CallId, Claim, ClaimedJob, Fenced, Pushed, Report, Settlement, StoreError, TaskSet, WorkerInfo,
};
use asyncmq::job::{
    DedupKey, Due, Envelope, Failure, FailureKind, JobId, Name, Parent, Passes, Pins, Retention, WorkerId,
};
use asyncmq::lifecycle::{Limits, Transition};
use bytes::Bytes;
use proptest_state_machine::StateMachineTest;
use tokio::runtime::Runtime;

use super::command::{Command, End, Keep, QUEUES, Sent, Target, Times, WORKERS};
use super::kin::Parent as Waited;
use super::reference::{
    DEAD_FOR, ENDED_FOR, Entry, Given, KEPT_EXACTLY, LEASE, MAX_CRASHES, Met, Model, Reply, result,
};
use crate::support::Make;

const MANY: usize = 1_000;
/// The deduplication key of each queue.
const KEY: &str = "the {key}";

/// The store and those who call it.
pub(crate) struct Driven<F> {
    runtime: Arc<Runtime>,
    fixture: F,
    store: Arc<dyn Backend>,
    producer: Caller,
    workers: Vec<Caller>,
    /// Every claim there ever was.
    claims: Vec<ClaimedJob>,
}

/// Somebody who numbers calls.
pub(super) struct Caller {
    pub(super) id: WorkerId,
    calls: u64,
}

impl Caller {
    pub(super) fn new() -> Self {
        Self { id: WorkerId::generate(), calls: 0 }
    }

    pub(super) fn next(&mut self) -> CallId {
        self.calls += 1;
        CallId { sender: self.id, sequence: self.calls }
    }
}

impl<F: Make> StateMachineTest for Driven<F> {
    type SystemUnderTest = Self;
    type Reference = Model;

    fn init_test(_: &Model) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("it starts");
        let fixture = runtime.block_on(F::make());
        let (store, workers) = (fixture.store(), (0..WORKERS).map(|_| Caller::new()).collect());
        let runtime = Arc::new(runtime);
        Self { runtime, fixture, store, producer: Caller::new(), workers, claims: Vec::new() }
    }

    fn apply(mut driven: Self, model: &Model, command: Command) -> Self {
        let runtime = driven.runtime.clone();
        runtime.block_on(async {
            let reply = driven.carry_out(model, &command).await.expect("the store answers");
            assert_eq!(reply, model.reply, "the reply to {command:?}");
            for queue in 0..QUEUES {
                let standing = driven.standing(model, queue).await.expect("the store answers");
                assert_eq!(standing, expected(model, queue), "how queue {queue} stands after {command:?}");
            }
        });
        driven
    }
}

impl<F: Make> Driven<F> {
    async fn carry_out(&mut self, model: &Model, command: &Command) -> Result<Reply, StoreError> {
        let store = self.store.clone();
        Ok(match command {
            Command::Push { queue, jobs, times } => self.push(*queue, jobs, *times).await?,
            Command::Claim { worker, queue, limit, times } => {
                self.claim(*worker, *queue, *limit, *times).await?
            }
            Command::Settle { picks, times } => self.settle(model, picks, *times).await?,
            Command::Extend { worker } => self.extend(model.claims_of(*worker), *worker).await?,
            Command::Cancel((queue, id)) => {
                Reply::Ordered(store.cancel(&name(*queue), &job_id(*id), None).await?)
            }
            Command::Remove((queue, id)) => Reply::Ordered(store.remove(&name(*queue), &job_id(*id)).await?),
            Command::Retry((queue, id)) => Reply::Ordered(store.retry(&name(*queue), &job_id(*id)).await?),
            Command::Promote((queue, id)) => {
                Reply::Ordered(store.promote(&name(*queue), &job_id(*id)).await?)
            }
            Command::FreeKey(queue) => Reply::Changed(store.free_dedup_key(&name(*queue), KEY).await?),
            Command::Pause(queue) => Reply::Changed(store.pause(&name(*queue)).await?),
            Command::Resume(queue) => Reply::Changed(store.resume(&name(*queue)).await?),
            Command::Advance(time) => {
                self.fixture.advance(Duration::from_millis(*time)).await;
                Reply::Nothing
            }
            Command::Rescue => Reply::Count(store.rescue(MAX_CRASHES, MANY).await?),
            Command::Expire => Reply::Count(store.expire(MANY).await?),
            Command::Prune => Reply::Count(self.prune().await?),
            _ => self.carry_out_rare(command).await?,
        })
    }

    async fn carry_out_rare(&mut self, command: &Command) -> Result<Reply, StoreError> {
        let store = &self.store;
        Ok(match *command {
            Command::Drain { queue, which } => Reply::Count(store.drain(&name(queue), which, MANY).await?),
            Command::Clean { queue, state, older_than } => {
                let before = store.now().await?.as_micros() - older_than * 1_000;
                let before = asyncmq::Timestamp::from_micros(before);
                Reply::Count(store.clean(&name(queue), state, before, MANY).await?)
            }
            Command::Obliterate { queue, force } => {
                let obliterated = store.obliterate(&name(queue), force, MANY).await?;
                // Whether what its jobs had pinned goes with the queue or at the next prune is not promised.
                if obliterated.is_ok() {
                    self.prune().await?;
                }
                Reply::Obliterated(obliterated)
            }
            Command::Register { worker, draining } => {
                let info = WorkerInfo { draining, ..WorkerInfo::new(self.workers[worker].id) };
                store.register(&info, lease()).await?;
                Reply::Nothing
            }
            Command::Deregister { worker } => {
                store.deregister(self.workers[worker].id).await?;
                self.workers[worker] = Caller::new();
                Reply::Nothing
            }
            _ => unreachable!("the others are carried out elsewhere"),
        })
    }

    /// Prunes until there is nothing left to be dropped: what goes in one queue may let go of something in another one.
    async fn prune(&self) -> Result<usize, StoreError> {
        let mut gone = 0;
        loop {
            match self.store.prune(&limits(), MANY).await? {
                0 => return Ok(gone),
                some => gone += some,
            }
        }
    }

    async fn push(&mut self, queue: usize, jobs: &[Sent], times: Times) -> Result<Reply, StoreError> {
        let jobs: Vec<_> = jobs.iter().map(|sent| Arc::new(envelope(queue, sent))).collect();
        let call = self.producer.next();
        let reply = self.store.push(call, &jobs).await?;
        if times == Times::Twice {
            assert_eq!(self.store.push(call, &jobs).await?, reply, "the repeated push");
        }
        let met = reply.iter().map(|reply| match reply {
            Pushed::Added => Met::Nothing,
            Pushed::Exists { .. } => Met::Itself,
            Pushed::Deduplicated { id, .. } => Met::Left(number(id)),
            Pushed::Debounced { id } => Met::Replaced(number(id)),
            Pushed::ParentGone { parent } => Met::Gone(*parent),
        });
        Ok(Reply::Pushed(met.collect()))
    }

    async fn claim(
        &mut self,
        worker: usize,
        queue: usize,
        limit: usize,
        times: Times,
    ) -> Result<Reply, StoreError> {
        let tasks: TaskSet = [(Name::from_static("known"), 1)].into_iter().collect();
        let (call, queues) = (self.workers[worker].next(), [name(queue)]);
        let claim = Claim { call, queues: &queues, tasks: &tasks, limit, lease: lease() };
        let claimed = self.store.claim(claim).await?;
        if times == Times::Twice {
            let tokens = |jobs: &[ClaimedJob]| jobs.iter().map(|job| job.token).collect::<Vec<_>>();
            let second = self.store.claim(claim).await?;
            assert_eq!(tokens(&second.jobs), tokens(&claimed.jobs), "the repeated claim");
        }
        // It does not matter how many that have expired a claim throws out.
        self.store.expire(MANY).await?;
        for job in &claimed.jobs {
            assert!(self.claims.iter().all(|other| other.token != job.token), "a token came twice");
        }
        self.claims.extend(claimed.jobs.iter().cloned());
        let given = claimed.jobs.iter().map(given);
        let next = claimed.next_due.map(|due| u64::try_from(due.as_millis()).expect("it is short"));
        Ok(Reply::Claimed(given.collect(), next))
    }

    async fn settle(
        &mut self,
        model: &Model,
        picks: &[(usize, End)],
        times: Times,
    ) -> Result<Reply, StoreError> {
        let picks = picks.iter().filter(|(claim, _)| model.is_claim(*claim));
        let batch = picks.map(|(claim, end)| settlement((*claim, &self.claims[*claim]), *end));
        let batch: Vec<_> = batch.collect();
        let caller = &mut self.workers[0];
        let call = caller.next();
        let reply = self.store.settle(call, &batch).await?;
        if times == Times::Twice {
            assert_eq!(self.store.settle(call, &batch).await?, reply, "the repeated settle");
        }
        Ok(Reply::Settled(reply.into_iter().map(|fenced| fenced == Fenced::Applied).collect()))
    }

    async fn extend(&mut self, claims: Vec<usize>, worker: usize) -> Result<Reply, StoreError> {
        let held: Vec<_> = claims.iter().map(|claim| &self.claims[*claim]).collect();
        let held: Vec<_> = held.into_iter().map(|job| (job.envelope.clone(), job.token)).collect();
        let mut leases = self.store.leases().await?;
        let extension = leases.extend(self.workers[worker].id, &held, lease()).await?;
        let numbers = |tokens: &[asyncmq::backend::Token]| -> BTreeSet<usize> {
            claims.iter().copied().filter(|claim| tokens.contains(&self.claims[*claim].token)).collect()
        };
        Ok(Reply::Extended(numbers(&extension.lost), numbers(&extension.cancelled)))
    }

    async fn standing(&self, model: &Model, queue: usize) -> Result<Standing, StoreError> {
        let info = self.store.queue(&name(queue)).await?;
        let mut jobs = Vec::new();
        for state in JobState::ALL {
            let list = self.store.list(&name(queue), state, (0..u64::MAX).into()).await?;
            assert_eq!(info.counts.of(state), list.len() as u64, "{state} jobs, counted and listed");
            assert!(list.iter().all(|job| job.state() == state), "the list of the {state} jobs");
            let list = list.iter().map(|job| Seen {
                id: number(job.id()),
                attempt: job.attempt(),
                crashes: job.crashes(),
                errors: job.errors().len(),
            });
            jobs.push((state, sorted(state, list.collect())));
        }
        let through = (!model.queues[queue].obliterated).then_some((info.enqueued, info.ended));
        let owner = self.store.dedup_owner(&name(queue), KEY).await?.map(|id| number(&id));
        Ok(Standing { paused: info.paused, through, owner, jobs })
    }
}

/// How a queue stands.
#[derive(Debug, PartialEq)]
struct Standing {
    paused: bool,
    /// How many it took in and how many ended, unless it was obliterated meanwhile.
    through: Option<(u64, u64)>,
    /// Who holds the key.
    owner: Option<u8>,
    jobs: Vec<(JobState, Vec<Seen>)>,
}

/// What is compared of a job.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Seen {
    id: u8,
    attempt: u32,
    crashes: u32,
    errors: usize,
}

fn expected(model: &Model, queue: usize) -> Standing {
    let line = &model.queues[queue];
    let seen = |((_, id), job): (&Target, &Entry)| Seen {
        id: *id,
        attempt: job.attempt,
        crashes: job.crashes,
        errors: job.errors,
    };
    let list = |state| (state, sorted(state, model.list(queue, state).into_iter().map(seen).collect()));
    let through = (!line.obliterated).then_some((line.enqueued, line.ended));
    let owner = model.owner(queue);
    Standing { paused: line.paused, through, owner, jobs: JobState::ALL.map(list).into() }
}

/// Leaves what waits and what is delayed in its order; of the others, those of one step have none.
fn sorted(state: JobState, mut jobs: Vec<Seen>) -> Vec<Seen> {
    if !matches!(state, JobState::Waiting | JobState::Delayed) {
        jobs.sort();
    }
    jobs
}

/// What is compared of a job that was given out.
fn given(job: &ClaimedJob) -> Given {
    let read = |input: &Bytes| std::str::from_utf8(input).ok().and_then(|text| text.parse().ok());
    let read = |input: &Option<Bytes>| input.as_ref().map(|input| read(input).expect("it is one of ours"));
    let mut inputs: Vec<Option<u8>> = job.inputs.iter().map(read).collect();
    if inputs.iter().all(Option::is_none) {
        inputs.clear();
    }
    (number(&job.envelope.id), job.attempt, job.crashes, inputs)
}

const fn lease() -> Duration {
    Duration::from_millis(LEASE)
}

fn limits() -> Limits {
    let (ended_for, dead_for) = (Duration::from_millis(ENDED_FOR), Duration::from_millis(DEAD_FOR));
    Limits { ended_for, dead_for, ..Limits::default() }
}

fn name(queue: usize) -> Name {
    Name::from_stored(&format!("queue:{{{queue}}}"))
}

fn job_id(id: u8) -> JobId {
    JobId::from_stored(&format!("job {id}"))
}

fn number(id: &JobId) -> u8 {
    id.rsplit(' ').next().and_then(|number| number.parse().ok()).expect("it is one of ours")
}

fn envelope(queue: usize, sent: &Sent) -> Envelope {
    let task = if sent.known { "known" } else { "unknown" };
    let millis = Duration::from_millis;
    let args = Bytes::from(format!("[{queue}, {}]", sent.id));
    let mut envelope = Envelope {
        priority: sent.priority,
        max_attempts: 100,
        due: if sent.delay == 0 { Due::Now } else { Due::After(millis(sent.delay)) },
        ttl: sent.ttl.map(millis),
        retention: retention(sent.keep),
        ..Envelope::new(job_id(sent.id), name(queue), Name::from_static(task), args)
    };
    if !sent.parents.is_empty() {
        envelope.extras_mut().parents = sent.parents.iter().map(parent).collect();
        let pins = sent.pins.and_then(|from| u32::try_from(from).ok());
        envelope.extras_mut().pins = pins.map(|from| Pins { from, strictly: sent.priority == 0 });
    }
    if let Some(mode) = sent.dedup {
        envelope.deduplicate(DedupKey::new(KEY, mode.dedup()).expect("it is a key"));
    }
    envelope
}

fn parent(of: &Waited) -> Parent {
    let (queue, id) = of.target;
    Parent {
        queue: name(queue),
        id: job_id(id),
        on_failure: of.policy,
        passes: if of.passes { Passes::Output } else { Passes::Nothing },
    }
}

const fn retention(keep: Keep) -> Retention {
    match keep {
        Keep::Standard => Retention::Standard,
        Keep::Exactly => Retention::For(Duration::from_millis(KEPT_EXACTLY)),
        Keep::Nothing => Retention::Nothing,
    }
}

fn settlement((claim, job): (usize, &ClaimedJob), end: End) -> Settlement {
    let failure = || Failure::new(job.attempt, FailureKind::Error, "no");
    let transition = match end {
        End::Complete => {
            let result = Bytes::from(result(claim).to_string());
            Transition::Complete { result, retention: job.envelope.retention }
        }
        End::Retry(delay) => Transition::Retry { failure: failure(), after: Duration::from_millis(delay) },
        End::Fail => Transition::Fail { failure: failure() },
        End::Snooze(delay) => Transition::Snooze { after: Duration::from_millis(delay) },
        End::Cancel => Transition::Cancel { reason: None },
        End::Release => Transition::Release,
    };
    Settlement { envelope: job.envelope.clone(), token: job.token, transition, report: Report::default() }
}
