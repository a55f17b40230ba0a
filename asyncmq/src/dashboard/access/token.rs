//! Random names for sessions, and bearer tokens, both kept only as digests and compared in constant time.

use blake2::{Blake2s256, Digest};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use super::User;
use crate::error::{Error, Result};

/// What is kept of a secret.
pub(in crate::dashboard) type Fingerprint = [u8; 32];

/// The shortest token that is taken: what is shorter can be guessed.
const SHORTEST: usize = 16;

/// Returns the digest of a secret.
pub(in crate::dashboard) fn fingerprint(secret: &str) -> Fingerprint {
    Blake2s256::digest(secret.as_bytes()).into()
}

/// Makes a secret that nobody can guess: 256 random bits.
///
/// # Errors
///
/// [`Error::Startup`] where the system has no randomness to give.
pub(in crate::dashboard) fn random() -> Result<String> {
    let mut bits = [0_u8; 32];
    getrandom::fill(&mut bits)
        .map_err(|error| Error::Startup(format!("the system gives no random bits: {error}")))?;
    Ok(bits.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The bearer tokens that are known.
#[derive(Default, Clone)]
pub(in crate::dashboard) struct Tokens(Vec<(Fingerprint, User)>);

impl Tokens {
    /// Takes one in.
    pub(in crate::dashboard) fn add(&mut self, token: &str, user: User) -> Result<()> {
        if token.len() < SHORTEST || token.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(Error::Invalid(format!(
                "the token of {:?} has less than {SHORTEST} characters, or blanks: make one by `openssl rand -hex 32`",
                user.name
            )));
        }
        self.0.push((fingerprint(token), user));
        Ok(())
    }

    pub(in crate::dashboard) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns whose token this is. Every one is compared, whichever it is, so that the time tells nothing.
    pub(in crate::dashboard) fn whose(&self, token: &str) -> Option<&User> {
        let given = fingerprint(token);
        let (mut found, mut place) = (Choice::from(0), 0_u32);
        for (number, (known, _)) in (0_u32..).zip(&self.0) {
            let equal = known.ct_eq(&given);
            place = u32::conditional_select(&place, &number, equal);
            found |= equal;
        }
        if bool::from(found) { self.0.get(place as usize).map(|(_, user)| user) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dashboard::Role;

    #[test]
    fn a_token_is_whose_it_is_and_nobody_elses() {
        let mut tokens = Tokens::default();
        tokens.add("0123456789abcdef", User::new("ann", Role::Admin)).unwrap();
        tokens.add("fedcba9876543210", User::new("bob", Role::Viewer)).unwrap();
        assert_eq!(tokens.whose("0123456789abcdef").unwrap().name, "ann");
        assert_eq!(tokens.whose("fedcba9876543210").unwrap().name, "bob");
        for wrong in ["", "0123456789abcdeF", "0123456789abcde", "0123456789abcdef0"] {
            assert!(tokens.whose(wrong).is_none(), "{wrong:?}");
        }
        assert!(tokens.add("short", User::new("x", Role::Viewer)).is_err());
    }

    #[test]
    fn secrets_are_long_and_never_the_same() {
        let (one, other) = (random().unwrap(), random().unwrap());
        assert!(one.len() == 64 && one != other);
    }
}
