//! Claim: says which lanes the worker knows, and takes the jobs out of the answer.

use std::sync::Arc;
use std::time::Duration;

use redis::Value;

use super::codec::{lane_in, read_id, read_record, read_side, token_of};
use super::error::worded;
use super::reply::{bytes, count, next, number, parts, strange};
use super::script::{CLAIM, Call, Mail};
use super::{RedisStore, micros};
use crate::backend::{Claim, Claimed, ClaimedJob, MAX_BATCH, StoreError};
use crate::chance::random_bits;
use crate::job::Name;

/// How many times a claim learns lanes before it goes without those that it does not know.
const MOST_LESSONS: usize = 16;

impl RedisStore {
    /// Claims from queues that share a slot, in one step.
    pub(super) async fn claim_together(&self, claim: &Claim<'_>) -> Result<Claimed, StoreError> {
        let id = random_bits().to_be_bytes();
        for _ in 0..MOST_LESSONS {
            let mut script = self.call(&CLAIM, claim.queues).await.map_err(worded)?;
            script.with_mail(Mail::Behind);
            script.arg(claim.call.sender.as_uuid().as_bytes());
            self.put_claim(claim, id, &mut script);
            let answer = self.send(&script).await.map_err(worded)?;
            if let Some(claimed) = self.read_claim(claim, answer)? {
                return Ok(claimed);
            }
        }
        Err(StoreError::unanswered("the queues have more kinds of jobs than this process can remember"))
    }

    /// Writes what claiming takes.
    pub(super) fn put_claim(&self, claim: &Claim<'_>, id: [u8; 8], script: &mut Call) {
        let (mine, foreign) = self.lanes.sorted_out(claim.tasks);
        script.number(claim.call.sequence).number(micros(claim.lease)).number(claim.limit.min(MAX_BATCH));
        script.arg(&id[..6]).arg(mine).arg(foreign).number(claim.queues.len());
    }

    /// Reads what claiming answers; nothing if it was but a lesson on lanes.
    pub(super) fn read_claim(&self, claim: &Claim<'_>, answer: Value) -> Result<Option<Claimed>, StoreError> {
        let mut answer = parts(answer)?.into_iter();
        let strange_lanes = parts(next(&mut answer)?)?;
        if strange_lanes.is_empty() {
            return self.read_claimed(claim, answer).map(Some);
        }
        let mut lanes = strange_lanes.into_iter();
        while let (Some(lane), Some(profile)) = (lanes.next(), lanes.next()) {
            self.lanes.learn(&bytes(lane)?, &bytes(profile)?)?;
        }
        Ok(None)
    }

    fn read_claimed(
        &self,
        claim: &Claim<'_>,
        mut answer: impl Iterator<Item = Value>,
    ) -> Result<Claimed, StoreError> {
        let due = number(&next(&mut answer)?)?;
        let mut claimed =
            Claimed { next_due: u64::try_from(due).ok().map(Duration::from_micros), ..Claimed::default() };
        let mut foreign = parts(next(&mut answer)?)?.into_iter();
        claimed.awaits_token = number(&next(&mut answer)?)? == 1;
        while let (Some(queue), Some(lane)) = (foreign.next(), foreign.next()) {
            let queue = queue_at(claim, &queue)?;
            if let Some(profile) = self.lanes.profile(&bytes(lane)?) {
                let unknown = (queue.clone(), profile.task.clone());
                if !claimed.unknown.contains(&unknown) {
                    claimed.unknown.push(unknown);
                }
            }
        }
        for of_queue in answer {
            self.read_jobs(claim, of_queue, &mut claimed)?;
        }
        Ok(claimed)
    }

    fn read_jobs(&self, claim: &Claim<'_>, of_queue: Value, claimed: &mut Claimed) -> Result<(), StoreError> {
        let mut of_queue = parts(of_queue)?.into_iter();
        let queue = queue_at(claim, &next(&mut of_queue)?)?.clone();
        let own = bytes(next(&mut of_queue)?)?;
        let ids = parts(next(&mut of_queue)?)?;
        let records = parts(next(&mut of_queue)?)?;
        let mut sides = parts(next(&mut of_queue)?)?.into_iter();
        let first = claimed.jobs.len();
        claimed.jobs.reserve(ids.len());
        for (id, record) in ids.into_iter().zip(records) {
            let (id, record) = (bytes(id)?, bytes(record)?);
            let side = sides.next().map(bytes).transpose()?.filter(|side| !side.is_empty());
            let side = side.map(|side| read_side(&side)).transpose()?;
            let (attempt, crashes) =
                side.map_or((1, 0), |side| (side.attempt.saturating_add(1), side.crashes));
            let token = token_of(&own, &id)?;
            let profile = self.lanes.profile(&lane_in(&record)?).ok_or_else(strange)?;
            let envelope = Arc::new(read_record(read_id(&id)?, queue.clone(), record, &profile)?);
            claimed.jobs.push(ClaimedJob {
                envelope,
                token,
                attempt,
                crashes,
                inputs: Vec::new(),
                withheld: 0,
            });
        }
        match of_queue.next() {
            Some(inputs) => read_inputs(inputs, &mut claimed.jobs[first..]),
            None => Ok(()),
        }
    }
}

/// Reads what parents passed on: the place of a job among those of its queue, and the fields of its hash, or how many bytes those have if
/// they are too many.
fn read_inputs(inputs: Value, jobs: &mut [ClaimedJob]) -> Result<(), StoreError> {
    let mut inputs = parts(inputs)?.into_iter();
    while let (Some(place), Some(fields)) = (inputs.next(), inputs.next()) {
        let place = usize::try_from(count(&place)?).unwrap_or_default().checked_sub(1);
        let job = place.and_then(|place| jobs.get_mut(place)).ok_or_else(strange)?;
        if !job.envelope.takes_outputs() {
            continue;
        }
        if matches!(fields, Value::Int(_)) {
            job.withheld = count(&fields)?;
            continue;
        }
        job.inputs = vec![None; job.envelope.extras().parents.len()];
        let mut fields = parts(fields)?.into_iter();
        while let (Some(field), Some(value)) = (fields.next(), fields.next()) {
            let field = bytes(field)?;
            let edge = std::str::from_utf8(&field).ok().and_then(|field| field.parse::<usize>().ok());
            if let Some(input) = edge.and_then(|edge| job.inputs.get_mut(edge.checked_sub(1)?)) {
                *input = Some(bytes(value)?.into());
            }
        }
    }
    Ok(())
}

fn queue_at<'a>(claim: &Claim<'a>, place: &Value) -> Result<&'a Name, StoreError> {
    let place = usize::try_from(count(place)?).ok().and_then(|place| place.checked_sub(2));
    place.and_then(|place| claim.queues.get(place)).ok_or_else(strange)
}
