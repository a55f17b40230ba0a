//! Carries the commands out on a store, and lets the model judge each answer.

use std::sync::Arc;
use std::time::Duration;

use asyncmq::backend::{
    Backend, Claim, ClaimedJob, Drain, Fenced, Force, LimitInfo, LimitStanding, Pushed, Report, Settlement,
    StoreError, TaskSet,
};
use asyncmq::job::{Due, Envelope, Failure, FailureKind, JobId, LimitScope, Name, Retention};
use asyncmq::lifecycle::{Allowance, Transition};
use asyncmq::{JobState, LimitSource};
use bytes::Bytes;

use super::command::{Command, End, LIMITS, Sent, TASKS, WORKERS};
use super::judge::ALL;
use super::reference::{LEASE, Model};
use crate::model::system::Caller;
use crate::support::Make;

const QUEUE: Name = Name::from_static("held:{queue}");
const MANY: usize = 1_000;

struct Driven<F> {
    fixture: F,
    store: Arc<dyn Backend>,
    model: Model,
    producer: Caller,
    workers: Vec<Caller>,
    /// Every claim there ever was.
    claims: Vec<ClaimedJob>,
    pushed: usize,
}

/// Carries all commands out on a store of its own.
pub(super) fn run<F: Make>(commands: Vec<Command>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("it starts");
    runtime.block_on(async {
        let fixture = F::make().await;
        let (store, producer) = (fixture.store(), Caller::new());
        let workers = (0..WORKERS).map(|_| Caller::new()).collect();
        let (model, claims) = (Model::default(), Vec::new());
        let mut driven = Driven { fixture, store, model, producer, workers, claims, pushed: 0 };
        for command in commands {
            driven.carry_out(&command).await.expect("the store answers");
            driven.compare().await.expect("the store answers");
        }
    });
}

impl<F: Make> Driven<F> {
    async fn carry_out(&mut self, command: &Command) -> Result<(), StoreError> {
        match command {
            Command::Push(jobs) => self.push(jobs).await,
            Command::Claim { worker, limit, is_repeated } => self.claim(*worker, *limit, *is_repeated).await,
            Command::Settle { picks, is_repeated } => self.settle(picks, *is_repeated).await,
            Command::Hold { source, task, limit } => self.hold(*source, *task, *limit).await,
            Command::Cancel(pick) | Command::Remove(pick) | Command::Retry(pick) | Command::Promote(pick) => {
                self.order(command, *pick).await
            }
            Command::Advance(time) => {
                self.fixture.advance(Duration::from_millis(*time)).await;
                self.model.now += time;
                Ok(())
            }
            Command::Rescue => {
                let rescued = self.store.rescue(u32::MAX, MANY).await?;
                assert_eq!(rescued, self.model.rescue(), "how many were rescued");
                Ok(())
            }
            _ => self.carry_out_rare(command).await,
        }
    }

    async fn carry_out_rare(&mut self, command: &Command) -> Result<(), StoreError> {
        let (store, model) = (&self.store, &mut self.model);
        match *command {
            Command::Pause => {
                store.pause(&QUEUE).await?;
                model.is_paused = true;
            }
            Command::Resume => {
                store.resume(&QUEUE).await?;
                model.is_paused = false;
            }
            Command::Deregister(worker) => {
                store.deregister(self.workers[worker].id).await?;
                self.workers[worker] = Caller::new();
                model.deregister(worker);
            }
            Command::Drain => {
                store.drain(&QUEUE, Drain::Waiting, MANY).await?;
                model.drain();
            }
            Command::Obliterate => {
                store.obliterate(&QUEUE, Force::RemoveActive, MANY).await?.expect("it is forced");
                model.obliterate();
            }
            _ => unreachable!("the others are carried out elsewhere"),
        }
        Ok(())
    }

    async fn push(&mut self, jobs: &[Sent]) -> Result<(), StoreError> {
        let numbers: Vec<usize> = (self.pushed..self.pushed + jobs.len()).collect();
        self.pushed += jobs.len();
        let batch: Vec<_> =
            numbers.iter().zip(jobs).map(|(id, sent)| Arc::new(envelope(*id, sent))).collect();
        let call = self.producer.next();
        assert_eq!(self.store.push(call, &batch).await?, vec![Pushed::Added; jobs.len()]);
        numbers.into_iter().zip(jobs).for_each(|(id, sent)| self.model.push(id, *sent));
        Ok(())
    }

    async fn claim(&mut self, worker: usize, limit: usize, is_repeated: bool) -> Result<(), StoreError> {
        let tasks: TaskSet = (0..TASKS).map(|task| (name(task), 1)).collect();
        let call = self.workers[worker].next();
        let claim =
            Claim { call, queues: &[QUEUE], tasks: &tasks, limit, lease: Duration::from_millis(LEASE) };
        let claimed = self.store.claim(claim).await?;
        if is_repeated {
            let tokens = |jobs: &[ClaimedJob]| jobs.iter().map(|job| job.token).collect::<Vec<_>>();
            assert_eq!(tokens(&self.store.claim(claim).await?.jobs), tokens(&claimed.jobs), "again");
        }
        let model = &mut self.model;
        model.leases[worker] = model.leases[worker].max(model.now + LEASE);
        if !model.is_paused {
            model.promote_due();
        }
        let given: Vec<usize> = claimed.jobs.iter().map(|job| number(&job.envelope.id)).collect();
        if let Err(wrong) = model.judge(worker, &given, limit) {
            panic!("a claim of {limit} gave {given:?}: {wrong}\n{model:#?}");
        }
        self.claims.extend(claimed.jobs);
        let is_full = given.len() == limit;
        let Some(look) = model.next_look().filter(|_| !is_full) else { return Ok(()) };
        let next = claimed.next_due.map(|wait| model.now + wait.as_millis() as u64);
        assert!(next.is_some_and(|next| next <= look), "come back at {look}, not {next:?}\n{model:#?}");
        Ok(())
    }

    async fn settle(&mut self, picks: &[(usize, End)], is_repeated: bool) -> Result<(), StoreError> {
        let known = self.claims.len();
        let picks = picks.iter().filter(|_| known != 0).map(|(pick, end)| {
            // Mostly one of the latest.
            let back = if pick % 4 == 0 { known } else { known.min(6) };
            (known - 1 - (pick / 4) % back, *end)
        });
        let picks: Vec<_> = picks.filter(|(claim, _)| self.model.claims[*claim].is_some()).collect();
        let batch: Vec<_> = picks.iter().map(|(claim, end)| settlement(&self.claims[*claim], *end)).collect();
        let call = self.workers[0].next();
        let reply = self.store.settle(call, &batch).await?;
        if is_repeated {
            assert_eq!(self.store.settle(call, &batch).await?, reply, "again");
        }
        for ((claim, end), reply) in picks.into_iter().zip(reply) {
            let is_good = self.model.settle(claim, end);
            assert_eq!(reply == Fenced::Applied, is_good, "claim {claim} settled as {end:?}");
        }
        Ok(())
    }

    async fn hold(
        &mut self,
        source: LimitSource,
        task: Option<usize>,
        limit: Option<usize>,
    ) -> Result<(), StoreError> {
        let limits = [(scope(task), limit.map(|limit| LIMITS[limit]))];
        let changed = self.store.set_limits(&QUEUE, source, &limits).await?;
        assert_eq!(changed, self.model.set(source, task, limit), "whether something changed");
        Ok(())
    }

    async fn order(&mut self, order: &Command, pick: usize) -> Result<(), StoreError> {
        let ids: Vec<usize> = self.model.jobs.keys().copied().collect();
        if ids.is_empty() {
            return Ok(());
        }
        let id = ids[pick % ids.len()];
        let (store, model, job) = (&self.store, &mut self.model, job_id(id));
        match order {
            Command::Cancel(_) => {
                store.cancel(&QUEUE, &job, None).await?;
                model.cancel(id);
            }
            Command::Remove(_) => {
                store.remove(&QUEUE, &job).await?;
                model.remove(id);
            }
            Command::Retry(_) => {
                store.retry(&QUEUE, &job).await?;
                model.retry(id);
            }
            _ => {
                store.promote(&QUEUE, &job).await?;
                model.promote(id);
            }
        }
        Ok(())
    }

    /// Looks whether the store stands as the model does.
    async fn compare(&self) -> Result<(), StoreError> {
        let (store, model) = (&self.store, &self.model);
        for state in JobState::ALL {
            let listed = store.list(&QUEUE, state, (0..MANY as u64).into()).await?;
            let mut listed: Vec<usize> = listed.iter().map(|job| number(job.id())).collect();
            listed.sort_unstable();
            assert_eq!(listed, model.targets(|job| job.state == state), "the {state} jobs");
        }
        let infos = model.holds.iter().filter(|(_, hold)| hold.is_set()).map(|(task, hold)| LimitInfo {
            scope: scope(*task),
            declared: hold.declared.map(|limit| LIMITS[limit]),
            ordered: hold.ordered.map(|limit| LIMITS[limit]),
        });
        assert_eq!(store.limits(&QUEUE).await?, infos.collect::<Vec<_>>(), "what is set");
        for (task, key) in model.groups() {
            let key_text = key.map(key_name);
            let standings = store.held_by(&QUEUE, &name(task), key_text.as_deref()).await?;
            for standing in &standings {
                let group = (standing.scope != LimitScope::Queue).then_some((task, key));
                check_standing(model, group, standing);
            }
            let set = [None, Some(task)].into_iter().filter(|task| model.hold(*task).is_set());
            assert_eq!(standings.len(), set.count(), "the limits of {task} {key:?}");
        }
        Ok(())
    }
}

fn check_standing(model: &Model, group: Option<super::reference::Group>, standing: &LimitStanding) {
    let (span, (surely, all)) = (model.span(group, model.now), model.running(group));
    // How many run is counted for the sake of a limit of that.
    let is_counted = standing.limit.concurrency_limit().is_some() || group.is_none();
    let running = if is_counted { standing.running } else { surely };
    assert!(surely <= running && running <= all, "{running} run of {group:?}, not {surely} to {all}");
    let is_right = match standing.allowance {
        Allowance::May(count) => 0 < span.may && (span.must..=span.may).contains(&count.min(ALL)),
        Allowance::Until(_) | Allowance::Full => span.must == 0,
    };
    assert!(is_right, "{:?} of {group:?}, which is {span:?}\n{model:#?}", standing.allowance);
}

fn name(task: usize) -> Name {
    Name::from_stored(&format!("task {task}"))
}

fn scope(task: Option<usize>) -> LimitScope {
    task.map_or(LimitScope::Queue, |task| LimitScope::Task(name(task)))
}

fn key_name(key: usize) -> String {
    format!("key {key}")
}

fn job_id(id: usize) -> JobId {
    JobId::from_stored(&format!("job {id}"))
}

fn number(id: &JobId) -> usize {
    id.rsplit(' ').next().and_then(|number| number.parse().ok()).expect("it is one of ours")
}

fn envelope(id: usize, sent: &Sent) -> Envelope {
    let delay = Duration::from_millis(sent.delay);
    let mut envelope = Envelope {
        priority: sent.priority,
        max_attempts: 1_000,
        due: if sent.delay == 0 { Due::Now } else { Due::After(delay) },
        ..Envelope::new(job_id(id), QUEUE, name(sent.task), Bytes::from_static(b"{}"))
    };
    if let Some(key) = sent.key {
        envelope.extras_mut().key = Some(key_name(key).into());
    }
    envelope
}

fn settlement(job: &ClaimedJob, end: End) -> Settlement {
    let failure = || Failure::new(job.attempt, FailureKind::Error, "no");
    let transition = match end {
        End::Complete => {
            Transition::Complete { result: Bytes::from_static(b"1"), retention: Retention::Standard }
        }
        End::Fail => Transition::Fail { failure: failure() },
        End::Retry(delay) => Transition::Retry { failure: failure(), after: Duration::from_millis(delay) },
        End::Snooze(delay) => Transition::Snooze { after: Duration::from_millis(delay) },
        End::Release => Transition::Release,
    };
    Settlement { envelope: job.envelope.clone(), token: job.token, transition, report: Report::default() }
}
