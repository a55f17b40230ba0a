//! A turn: what has ended is settled and the next jobs are claimed, in one step.

use redis::Value;

use super::RedisStore;
use super::error::worded;
use super::reply::{next, parts};
use super::script::TURN;
use super::settle::{Run, put_settle, read_fenced, runs};
use crate::backend::{CallId, Claim, Claimed, Fenced, Settlement, StoreError};
use crate::chance::random_bits;

type Both = (Result<Vec<Fenced>, StoreError>, Result<Claimed, StoreError>);

impl RedisStore {
    /// Settles and claims in queues that share a slot, in one step. Both calls have the same sender.
    pub(super) async fn turn_together(&self, call: CallId, jobs: &[Settlement], claim: &Claim<'_>) -> Both {
        let jobs: Vec<_> = jobs.iter().collect();
        let mut queues = claim.queues.to_vec();
        let runs = runs(&jobs, &mut queues);
        let answer = async {
            let mut script = self.call(&TURN, &queues).await?;
            script.arg(claim.call.sender.as_uuid().as_bytes());
            self.put_claim(claim, random_bits().to_be_bytes(), &mut script);
            put_settle(&self.keys, call, &jobs, &runs, &mut script);
            self.send(&script).await
        };
        match answer.await {
            Ok(answer) => {
                let both = self.read_turn(answer, &runs, jobs.len(), claim).await;
                #[cfg(feature = "seeded-bugs")]
                self.write_down(&queues, &jobs, both.0.as_deref().unwrap_or_default()).await;
                both
            }
            Err(error) => (Err(worded(error.clone())), Err(worded(error))),
        }
    }

    async fn read_turn(&self, answer: Value, runs: &[Run], jobs: usize, claim: &Claim<'_>) -> Both {
        let both = parts(answer).and_then(|answer| {
            let mut answer = answer.into_iter();
            Ok((next(&mut answer)?, next(&mut answer)?))
        });
        let (settled, claimed) = match both {
            Ok((settled, claimed)) => (read_fenced(settled, runs, jobs), self.read_claim(claim, claimed)),
            Err(error) => (Err(error), Ok(None)),
        };
        let claimed = match claimed {
            Ok(Some(claimed)) => Ok(claimed),
            // The answer was but a lesson on lanes.
            Ok(None) => self.claim_together(claim).await,
            Err(error) => Err(error),
        };
        (settled, claimed)
    }
}
