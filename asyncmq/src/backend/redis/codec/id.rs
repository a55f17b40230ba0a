//! Ids and claims: a UUID takes 16 bytes, a custom id its text behind a mark that keeps the two apart.

use uuid::Uuid;

use super::bytes::{Garbled, Result, text};
use crate::backend::Token;
use crate::job::{JobId, WorkerId};

/// The bytes of a UUID.
const UUID: usize = 16;
/// The bytes of a claim (8) and of a job's number in its queue (7).
pub(in super::super) const FENCE: usize = 15;

/// Writes an id.
pub(in super::super) fn put_id(id: &JobId, to: &mut Vec<u8>) {
    if let Some(uuid) = as_uuid(id) {
        to.extend_from_slice(uuid.as_bytes());
        return;
    }
    // One that would have the length of a UUID is made longer, under another mark.
    let would_be_mistaken = id.len() + 1 == UUID;
    to.push(u8::from(would_be_mistaken));
    to.extend_from_slice(id.as_bytes());
    if would_be_mistaken {
        to.push(0);
    }
}

/// Returns an id as it is written.
pub(in super::super) fn id_bytes(id: &JobId) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(UUID);
    put_id(id, &mut bytes);
    bytes
}

/// A UUID in the one spelling that can be restored from its bytes.
fn as_uuid(id: &str) -> Option<Uuid> {
    if id.len() != 36 {
        return None;
    }
    let uuid = Uuid::try_parse(id).ok()?;
    let mut spelt = [0; 36];
    (uuid.hyphenated().encode_lower(&mut spelt) == id).then_some(uuid)
}

/// Reads an id.
pub(in super::super) fn read_id(bytes: &[u8]) -> Result<JobId> {
    if let Ok(uuid) = <[u8; UUID]>::try_from(bytes) {
        let mut spelt = [0; 36];
        return Ok(JobId::from_stored(Uuid::from_bytes(uuid).hyphenated().encode_lower(&mut spelt)));
    }
    let custom = match bytes {
        [0, rest @ ..] | [1, rest @ .., 0] => rest,
        _ => return Err(Garbled("an id")),
    };
    Ok(JobId::from_stored(text(custom)?))
}

/// Reads a worker's id; zeros are nobody.
pub(in super::super) fn read_worker(bytes: [u8; 16]) -> Option<WorkerId> {
    let uuid = Uuid::from_bytes(bytes);
    (!uuid.is_nil()).then(|| WorkerId::from(uuid))
}

/// Puts a token together from a claim's bytes and a job's number.
pub(in super::super) fn token_of(claim: &[u8], number: &[u8]) -> Result<Token> {
    let mut bytes = [0; 16];
    let fence = &mut bytes[1..];
    if claim.len() != 8 || number.len() != FENCE - 8 {
        return Err(Garbled("a claim"));
    }
    fence[..8].copy_from_slice(claim);
    fence[8..].copy_from_slice(number);
    Ok(Token(u128::from_be_bytes(bytes)))
}

/// Reads a token as scripts write it: the claim and the number together.
pub(in super::super) fn read_token(fence: &[u8]) -> Result<Token> {
    let (claim, number) = fence.split_at_checked(8).ok_or(Garbled("a claim"))?;
    token_of(claim, number)
}

/// Returns the claim and the number of a token. One that this store never made belongs to no claim.
pub(in super::super) fn fence_of(token: Token) -> [u8; FENCE] {
    let bytes = token.0.to_be_bytes();
    let mut fence = [0; FENCE];
    if bytes[0] == 0 {
        fence.copy_from_slice(&bytes[1..]);
    }
    fence
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_is_restored_as_it_was() {
        let made = JobId::generate();
        let customs =
            ["a", "fifteen letters", "exactly sixteen!", "0192F0C1-0000-7000-8000-000000000000", "ü{}:"];
        let ids = customs.map(JobId::from_stored).into_iter().chain([made]);
        for id in ids {
            assert_eq!(read_id(&id_bytes(&id)).unwrap(), id);
        }
    }

    #[test]
    fn no_two_ids_share_their_bytes() {
        let uuid = Uuid::from_bytes(*b"\0fifteen letters");
        let spelt = JobId::from_stored(&uuid.to_string());
        assert_ne!(id_bytes(&spelt), id_bytes(&JobId::from_stored("fifteen letters")));
    }

    #[test]
    fn a_token_is_restored_and_a_foreign_one_is_nobodys() {
        let token = token_of(b"claim123", b"number7").unwrap();
        assert_eq!(&fence_of(token), b"claim123number7");
        assert_eq!(read_token(&fence_of(token)).unwrap(), token);
        assert_eq!(fence_of(Token(u128::MAX)), [0; FENCE]);
    }
}
