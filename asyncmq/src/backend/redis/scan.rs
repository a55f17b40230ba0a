//! Walks through the jobs of a state in bounded steps.

use super::RedisStore;
use super::codec::letter_of;
use super::error::worded;
use super::inspect::read_job;
use super::reply::{bytes, next, number, parts, strange};
use super::script::SCAN;
use crate::backend::{AuditEntry, Cursor, Scanned, StoreError};
use crate::clock::Timestamp;
use crate::job::{JobState, Name};

/// How many jobs one script looks at.
const AT_ONCE: usize = 250;

impl RedisStore {
    /// Makes one step through a state that the server keeps in order.
    pub(super) async fn scan_in_order(
        &self,
        queue: &Name,
        of: JobState,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Scanned, StoreError> {
        let letter = letter_of(of);
        let place = after.map(|after| Ok::<_, StoreError>((after.part::<u64>(0)?, after.part::<u64>(1)?)));
        let mut call = self.call(&SCAN, std::slice::from_ref(queue)).await.map_err(worded)?;
        call.arg(letter);
        match place.transpose()? {
            Some((rank, of_its_like)) => call.number(rank).number(of_its_like),
            None => call.number(-1).number(-1),
        };
        call.number(limit.min(AT_ONCE));
        // Walks that began before there were keys have no place among them.
        let keyed = after.and_then(|after| Some((after.part::<String>(2).ok()?, after.part::<u64>(3).ok()?)));
        match keyed {
            Some((line, number)) => call.arg(from_hex(&line).ok_or_else(strange)?).number(number),
            None => call.arg("").number(-1),
        };
        let mut answer = parts(self.ask(&call).await?)?.into_iter();
        let (rank, of_its_like) = (number(&next(&mut answer)?)?, number(&next(&mut answer)?)?);
        let more = number(&next(&mut answer)?)? == 1;
        let (line, in_line) = (bytes(next(&mut answer)?)?, number(&next(&mut answer)?)?);
        let mut jobs = Vec::with_capacity(answer.len());
        for kept in answer {
            let job = read_job(queue, kept)?;
            // What a script does not find where it belongs is on its way elsewhere.
            if job.state() == of {
                jobs.push(job);
            }
        }
        let next = more.then(|| {
            let (rank, of_its_like) = (rank.max(0), of_its_like.max(0));
            if line.is_empty() {
                Cursor::of(&[&rank, &of_its_like])
            } else {
                Cursor::of(&[&rank, &of_its_like, &to_hex(&line), &in_line.max(0)])
            }
        });
        Ok(Scanned { jobs, next })
    }

    /// Makes one step through what workers hold. There is no more of that than they can run at once, so all of it is
    /// looked through.
    pub(super) async fn scan_active(
        &self,
        queue: &Name,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Scanned, StoreError> {
        let after = after.map(|after| after.part::<String>(0)).transpose()?;
        let mut held = self.held(queue).await?;
        held.retain(|held| after.as_ref().is_none_or(|after| *after < place_of(held)));
        held.truncate(limit);
        let last = held.last().filter(|_| held.len() == limit);
        let next = last.map(|last| Cursor::of(&[&place_of(last)]));
        let ids: Vec<_> = held.into_iter().map(|(.., id)| id).collect();
        let mut jobs = self.look(queue, &ids).await?;
        jobs.retain(|job| job.state() == JobState::Active);
        Ok(Scanned { jobs, next })
    }
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let pairs = (0..text.len()).step_by(2);
    pairs.map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
}

/// What is known of a running job without its record: when it started, its claim, its id.
pub(super) type Held = (Option<Vec<u8>>, Option<Vec<u8>>, Vec<u8>);

/// Writes where a running job stands, so that texts are in the order of the places.
fn place_of((started, claim, id): &Held) -> String {
    let fixed = started.iter().chain(claim).flatten();
    fixed.chain(id).map(|byte| format!("{byte:02x}")).collect()
}

/// Reads a record of what somebody ordered.
pub(super) fn read_audit(entry: redis::Value) -> Result<AuditEntry, StoreError> {
    let entry = bytes(entry)?;
    let (at, rest) = entry.split_first_chunk::<8>().ok_or_else(strange)?;
    let (told_at, rest) = rest.split_first_chunk::<8>().ok_or_else(strange)?;
    let (order, record) = rest.split_first_chunk::<16>().ok_or_else(strange)?;
    let record = serde_json::from_slice(record).map_err(|_| strange())?;
    let time = |bytes: &[u8; 8]| Timestamp::from_micros(u64::from_be_bytes(*bytes));
    Ok(AuditEntry { id: u128::from_be_bytes(*order), at: time(at), told_at: time(told_at), ..record })
}
