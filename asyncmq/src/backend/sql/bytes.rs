//! Ids, tokens and times as columns hold them.

use uuid::Uuid;

use crate::backend::Token;
use crate::clock::Timestamp;
use crate::job::{JobId, WorkerId};

/// How many bits of a token lead to its job, and how many are drawn by lot; the others count.
const JOB_BITS: u32 = 40;
const LOT_BITS: u32 = 40;
/// The bytes of a token that are compared: its number and its lot.
const FENCE: usize = 11;
/// The bytes of its number.
const NUMBER: usize = 6;
/// What stands behind a text of 16 bytes, which would read as a UUID. No id contains it.
const NOT_A_UUID: u8 = 0;

/// A job's id in its column: 16 bytes if it is a UUID in our spelling, else its text.
pub(super) fn id_bytes(id: &JobId) -> Vec<u8> {
    let text = id.as_str();
    if let Some(uuid) = in_our_spelling(text) {
        return uuid.into_bytes().into();
    }
    let mut bytes = text.as_bytes().to_vec();
    if bytes.len() == 16 {
        bytes.push(NOT_A_UUID);
    }
    bytes
}

/// Reads a job's id; `None` if nobody of ours wrote it.
pub(super) fn id_of(bytes: &[u8]) -> Option<JobId> {
    if let Ok(uuid) = <[u8; 16]>::try_from(bytes) {
        let mut text = Uuid::encode_buffer();
        return Some(JobId::from_stored(Uuid::from_bytes(uuid).hyphenated().encode_lower(&mut text)));
    }
    let text = match bytes {
        [text @ .., NOT_A_UUID] if text.len() == 16 => text,
        text => text,
    };
    std::str::from_utf8(text).ok().map(JobId::from_stored)
}

fn in_our_spelling(text: &str) -> Option<Uuid> {
    let uuid = (text.len() == 36).then(|| Uuid::try_parse(text).ok()).flatten()?;
    let mut ours = Uuid::encode_buffer();
    (uuid.hyphenated().encode_lower(&mut ours) == text).then_some(uuid)
}

/// A claim's fence: what a token says besides which job it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fence(pub(super) [u8; FENCE]);

/// Makes the token of claim `number` of a job. The lot tells it from that of a claim which the store has lost.
pub(super) fn mint(number: i64, lot: u64, job: i64) -> (Token, Fence) {
    let lot = u128::from(lot & ((1 << LOT_BITS) - 1));
    let token = (number as u128) << (JOB_BITS + LOT_BITS) | lot << JOB_BITS | job as u128;
    (Token(token), fence(Token(token)))
}

/// Returns the job that a token is about.
pub(super) const fn job_of(token: Token) -> i64 {
    (token.0 & ((1 << JOB_BITS) - 1)) as i64
}

/// Returns what the column `token` holds if the claim still stands.
pub(super) fn fence(token: Token) -> Fence {
    let bytes = token.0.to_be_bytes();
    let mut fence = [0; FENCE];
    fence.copy_from_slice(&bytes[..FENCE]);
    Fence(fence)
}

/// Puts a token together again.
pub(super) fn token_of(fence: &[u8], job: i64) -> Option<Token> {
    let mut bytes = [0; 16];
    bytes.get_mut(..FENCE)?.copy_from_slice(fence.get(..FENCE)?);
    Some(Token(u128::from_be_bytes(bytes) | job as u128))
}

/// Returns where the fences of claims from `number` on begin.
pub(super) fn fences_from(number: i64) -> [u8; NUMBER] {
    let bytes = number.to_be_bytes();
    let mut border = [0; NUMBER];
    border.copy_from_slice(&bytes[8 - NUMBER..]);
    border
}

pub(super) fn worker_of(bytes: &[u8]) -> Option<WorkerId> {
    Uuid::from_slice(bytes).ok().map(WorkerId::from)
}

/// A time in its column; what lies behind the end of that is the end.
pub(super) fn micros(time: Timestamp) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

/// Reads a time.
pub(super) fn time_of(micros: i64) -> Timestamp {
    Timestamp::from_micros(u64::try_from(micros).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_comes_back_as_it_was() {
        let upper = JobId::generate().to_uppercase();
        let ids = [&JobId::generate(), "sixteen bytes 16", &upper, "ü", "x", &"y".repeat(255)];
        for id in ids {
            let id = JobId::from_stored(id);
            assert_eq!(id_of(&id_bytes(&id)), Some(id));
        }
        assert_eq!(id_bytes(&JobId::generate()).len(), 16);
    }

    #[test]
    fn a_token_leads_to_its_job_and_is_put_together_again() {
        let (token, fence_) = mint(7, u64::MAX, 12_345);
        assert_eq!(job_of(token), 12_345);
        assert_eq!(token_of(&fence_.0, 12_345), Some(token));
        assert_eq!(token_of(&fence_.0[1..], 1), None);
    }

    #[test]
    fn tokens_rise_with_their_number() {
        let (one, first) = mint(255, u64::MAX, 9);
        let (other, second) = mint(256, 0, 1);
        assert!(one < other && first.0 < second.0);
        assert!(fences_from(255)[..] <= first.0[..] && first.0[..] < fences_from(256)[..]);
        assert_ne!(mint(1, 1, 1).0, mint(1, 2, 1).0);
    }

    #[test]
    fn the_end_of_time_fits_its_column() {
        assert_eq!(micros(Timestamp::from_micros(u64::MAX)), i64::MAX);
        assert_eq!(time_of(-1), Timestamp::default());
    }
}
