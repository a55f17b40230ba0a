//! Passwords: kept as argon2 hashes, checked off the async threads, a few at a time.

use std::sync::Arc;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::User;
use crate::error::{Error, Result};

/// Longer ones are not passwords but attacks on the memory.
pub(in crate::dashboard) const LONGEST: usize = 1_024;

/// How many are checked at once: each takes 19 MiB for a moment.
const AT_ONCE: usize = 2;

/// How many logins may be under way, with those that wait for their turn.
const UNDER_WAY: usize = 32;

/// Hashes a password, as [`Config::password_hash`](crate::dashboard::Config::password_hash) takes it.
///
/// It takes some 20 ms, and is meant to.
///
/// # Errors
///
/// [`Error::Invalid`] for one of less than 8 or more than 1,024 bytes.
pub fn hash_password(password: &str) -> Result<String> {
    if !(8..=LONGEST).contains(&password.len()) {
        return Err(Error::Invalid(format!(
            "a password has 8 to {LONGEST} bytes, this one {}",
            password.len()
        )));
    }
    let hash = Argon2::default().hash_password(password.as_bytes());
    hash.map(|hash| hash.to_string()).map_err(|error| Error::Invalid(format!("it cannot be hashed: {error}")))
}

/// The users who have passwords.
#[derive(Clone)]
pub(in crate::dashboard) struct Passwords {
    known: Arc<Vec<(String, User)>>,
    turns: Arc<Semaphore>,
    places: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self {
            known: Arc::default(),
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            places: Arc::new(Semaphore::new(UNDER_WAY)),
        }
    }
}

impl Passwords {
    /// Takes a user in, with an argon2 hash.
    pub(in crate::dashboard) fn add(&mut self, hash: &str, user: User) -> Result<()> {
        let read = PasswordHash::new(hash).ok().filter(|hash| hash.algorithm.as_str().starts_with("argon2"));
        if read.is_none() {
            return Err(Error::Invalid(format!(
                "the password of {:?} is no argon2 hash such as `$argon2id$v=19$…`: make one by \
                 `asyncmq dashboard --hash-password`",
                user.name
            )));
        }
        Arc::make_mut(&mut self.known).push((hash.to_owned(), user));
        Ok(())
    }

    pub(in crate::dashboard) fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Returns a place among the logins that are under way, if there is any: each waits with its connection and its form.
    pub(in crate::dashboard) fn place(&self) -> Option<OwnedSemaphorePermit> {
        self.places.clone().try_acquire_owned().ok()
    }

    /// Returns who has this name and password. For a name that nobody has it takes as long as for one that somebody has.
    pub(in crate::dashboard) async fn check(&self, name: &str, password: &str) -> Option<User> {
        if LONGEST < password.len() {
            return None;
        }
        let known = self.known.iter().find(|(_, user)| user.name == name);
        let (hash, user) = known.or_else(|| self.known.first()).cloned()?;
        let is_known = known.is_some();
        let password = password.to_owned();
        let turn = self.turns.clone().acquire_owned().await.ok()?;
        let is_right = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let hash = PasswordHash::new(&hash);
            hash.is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
        });
        (is_right.await.unwrap_or(false) && is_known).then_some(user)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dashboard::Role;

    #[test]
    fn only_so_many_logins_wait_for_their_turn() {
        let passwords = Passwords::default();
        let places: Vec<_> = (0..UNDER_WAY).map(|_| passwords.place().unwrap()).collect();
        assert!(passwords.place().is_none());
        drop(places);
        assert!(passwords.place().is_some());
    }

    #[tokio::test]
    async fn a_password_lets_in_whose_it_is() {
        let mut passwords = Passwords::default();
        passwords.add(&hash_password("correct horse").unwrap(), User::new("ann", Role::Admin)).unwrap();
        assert_eq!(passwords.check("ann", "correct horse").await.unwrap().role, Role::Admin);
        for (name, password) in [("ann", "correct hors"), ("ann", ""), ("bob", "correct horse"), ("", "")] {
            assert!(passwords.check(name, password).await.is_none(), "{name} {password}");
        }
        assert!(passwords.add("correct horse", User::new("bob", Role::Viewer)).is_err());
        assert!(hash_password("short").is_err());
    }
}
