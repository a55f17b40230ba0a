//! Ids and claims: a UUID takes 16 bytes, a custom id its text behind a mark that keeps the two apart.

use uuid::Uuid;

use super::bytes::{Garbled, Result, text};
use crate::backend::Token;
use crate::job::{JobId, WorkerId};

/// The bytes of a UUID.
const UUID: usize = 16;
/// The bytes of a claim: no two claims of one job share them.
const CLAIM: usize = 8;

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

/// Puts a token together: a claim's bytes, by which scripts fence, and a digest of them and of the job's id, by which the
/// jobs of one claim are told apart and a token that was never given is known.
pub(in super::super) fn token_of(claim: &[u8], id: &[u8]) -> Result<Token> {
    let claim: [u8; CLAIM] = claim.try_into().map_err(|_| Garbled("a claim"))?;
    Ok(Token(u128::from(u64::from_be_bytes(claim)) << 56 | u128::from(digest(&claim, id))))
}

/// Reads a token as scripts write it: the claim and the id together.
pub(in super::super) fn read_token(bytes: &[u8]) -> Result<Token> {
    let (claim, id) = bytes.split_at_checked(CLAIM).ok_or(Garbled("a claim"))?;
    token_of(claim, id)
}

/// Returns the claim of a job's token. A token that this store never gave with the job belongs to no claim.
pub(in super::super) fn claim_of(token: Token, id: &[u8]) -> [u8; CLAIM] {
    let claim = ((token.0 >> 56) as u64).to_be_bytes();
    if token_of(&claim, id).is_ok_and(|own| own == token) { claim } else { [0; CLAIM] }
}

/// A digest of 56 bits.
fn digest(claim: &[u8; CLAIM], id: &[u8]) -> u64 {
    let fnv = claim.iter().chain(id).fold(0xcbf2_9ce4_8422_2325_u64, |digest, byte| {
        (digest ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (fnv ^ fnv >> 29) & 0x00ff_ffff_ffff_ffff
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
    fn a_claim_is_restored_and_that_of_a_foreign_token_is_nobodys() {
        let token = token_of(b"claim123", b"id").unwrap();
        assert_eq!(&claim_of(token, b"id"), b"claim123");
        assert_eq!(read_token(b"claim123id").unwrap(), token);
        assert_eq!(claim_of(token, b"it"), [0; CLAIM]);
        for bit in 0..128 {
            assert_eq!(claim_of(Token(token.0 ^ 1 << bit), b"id"), [0; CLAIM]);
        }
    }
}
