//! Carries settlements to the store, so that one that it refuses harms no other and holds no job for ever.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::backend::{CallId, Claimed, Fenced, Report, Settlement, StoreError, Token};
use crate::job::{Envelope, Failure, FailureKind};
use crate::lifecycle::Transition;
use crate::worker::claim::Wanted;
use crate::worker::shared::Shared;

/// What became of a settlement.
pub(super) struct Settled {
    pub(super) token: Token,
    pub(super) envelope: Arc<Envelope>,
    /// What became of the job.
    pub(super) transition: Transition,
    /// `None` if the store refused.
    pub(super) answer: Option<Fenced>,
}

impl Settled {
    fn of(settlement: Settlement, answer: Option<Fenced>) -> Self {
        let Settlement { envelope, token, transition, .. } = settlement;
        Self { token, envelope, transition, answer }
    }
}

/// Says in the log that an attempt failed, and whether there will be another one.
pub(super) fn say_if_failed(job: &Envelope, transition: &Transition) {
    let (id, task) = (&job.id, job.task.as_str());
    match transition {
        Transition::Retry { failure, after } => tracing::info!(
            job = %id,
            task,
            attempt = failure.attempt(),
            error = failure.message(),
            again_in = ?after,
            "an attempt failed"
        ),
        Transition::Fail { failure } => tracing::warn!(
            job = %id,
            task,
            attempt = failure.attempt(),
            error = failure.message(),
            "the job failed for good, and is kept as a dead letter"
        ),
        _ => {}
    }
}

/// Settles a batch, for as long as it takes to get a definite answer.
pub(super) async fn settle_batch(shared: Arc<Shared>, batch: Vec<Settlement>) -> Vec<Settled> {
    let call = shared.backend.next_call();
    settle_under(&shared, call, batch).await
}

/// Settles a batch and claims in one step. What was claimed goes to `give` at once; if the step was not answered, whoever
/// waits there claims for himself, while the batch is settled as [`settle_batch`] does.
pub(super) async fn settle_and_claim(
    shared: Arc<Shared>,
    batch: Vec<Settlement>,
    wanted: Wanted,
    give: oneshot::Sender<Claimed>,
) -> Vec<Settled> {
    let call = shared.backend.next_call();
    let (settled, claimed) = shared.backend.settle_and_claim(call, &batch, wanted.claim(&shared)).await;
    match claimed {
        // Nobody waits for it any more only if the worker itself is gone.
        Ok(claimed) => drop(give.send(claimed)),
        Err(_) => drop(give),
    }
    match settled {
        Ok(answers) => answered(batch, answers),
        Err(error) if error.is_retryable() => {
            tracing::warn!(jobs = batch.len(), %error, "the store did not answer a settle; it is repeated");
            settle_under(&shared, call, batch).await
        }
        // It may be the claim alone that was refused: under its own id the settle is recognised if it was carried out.
        Err(_) => settle_under(&shared, call, batch).await,
    }
}

async fn settle_under(shared: &Shared, call: CallId, batch: Vec<Settlement>) -> Vec<Settled> {
    match shared.backend.settle(call, &batch).await {
        Ok(answers) => answered(batch, answers),
        Err(error) => settle_each(shared, batch, error).await,
    }
}

fn answered(batch: Vec<Settlement>, answers: Vec<Fenced>) -> Vec<Settled> {
    let answers = answers.into_iter().map(Some).chain(std::iter::repeat(None));
    batch.into_iter().zip(answers).map(|(settlement, answer)| Settled::of(settlement, answer)).collect()
}

/// Settles the jobs of a batch that was refused one by one.
async fn settle_each(shared: &Shared, batch: Vec<Settlement>, refusal: StoreError) -> Vec<Settled> {
    let mut refusal = (batch.len() == 1).then_some(refusal);
    let mut settled = Vec::with_capacity(batch.len());
    for settlement in batch {
        let answer = match refusal.take() {
            Some(refusal) => Err(refusal),
            None => settle_one(shared, &settlement).await,
        };
        settled.push(match answer {
            Ok(answers) => Settled::of(settlement, answers.first().copied()),
            Err(refusal) => settle_refused(shared, settlement, &refusal).await,
        });
    }
    settled
}

async fn settle_one(shared: &Shared, settlement: &Settlement) -> Result<Vec<Fenced>, StoreError> {
    shared.backend.settle(shared.backend.next_call(), std::slice::from_ref(settlement)).await
}

/// Fails a job whose end the store does not take, and says so.
async fn settle_refused(shared: &Shared, refused: Settlement, refusal: &StoreError) -> Settled {
    let message = format!("the store did not take the end of this attempt: {refusal}");
    let attempt = shared.hand.attempt_number(refused.token);
    let failure = Failure::new(attempt, FailureKind::Result, message);
    let settlement =
        Settlement { transition: Transition::Fail { failure }, report: Report::default(), ..refused };
    let answer = match settle_one(shared, &settlement).await {
        Ok(answers) => answers.first().copied(),
        Err(error) => {
            tracing::error!(
                job = %settlement.envelope.id,
                %error,
                "the store refuses to settle a job; it stays active until this worker ends"
            );
            None
        }
    };
    Settled::of(settlement, answer)
}
