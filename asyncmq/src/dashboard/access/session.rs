//! Who has logged in: random names in cookies, kept in this process as digests. They end by idleness, by age and by logout.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::User;
use super::token::{Fingerprint, fingerprint, random};
use crate::error::Result;

/// A session ends so long after its login, however busy it is.
const LONGEST: Duration = Duration::from_secs(12 * 3_600);

/// More are not kept; the one that was idle for longest makes way.
const MOST: usize = 10_000;

#[derive(Debug)]
struct Session {
    user: User,
    since: Instant,
    seen: Instant,
}

/// The sessions of this process.
#[derive(Debug)]
pub(in crate::dashboard) struct Sessions {
    idle: Duration,
    kept: Mutex<HashMap<Fingerprint, Session>>,
}

/// Whether a request keeps its session from ending by idleness.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::dashboard) enum Touch {
    /// A person did something.
    Person,
    /// A page looked again by itself.
    Page,
}

impl Sessions {
    pub(in crate::dashboard) fn new(idle: Duration) -> Self {
        Self { idle, kept: Mutex::default() }
    }

    /// Begins a session and returns the secret that names it.
    pub(in crate::dashboard) fn begin(&self, user: User) -> Result<String> {
        let (secret, now) = (random()?, Instant::now());
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, session| self.is_alive(session, now));
        if MOST <= kept.len()
            && let Some(idlest) = kept.iter().min_by_key(|(_, session)| session.seen).map(|(key, _)| *key)
        {
            kept.remove(&idlest);
        }
        kept.insert(fingerprint(&secret), Session { user, since: now, seen: now });
        Ok(secret)
    }

    /// Returns whose session this is.
    ///
    /// The digest of the secret is looked up, so the time tells nothing of the secrets there are.
    pub(in crate::dashboard) fn whose(&self, key: &Fingerprint, touch: Touch) -> Option<User> {
        let now = Instant::now();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let session = kept.get_mut(key)?;
        if !self.is_alive(session, now) {
            kept.remove(key);
            return None;
        }
        if touch == Touch::Person {
            session.seen = now;
        }
        Some(session.user.clone())
    }

    /// Ends a session.
    pub(in crate::dashboard) fn end(&self, key: &Fingerprint) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }

    fn is_alive(&self, session: &Session, now: Instant) -> bool {
        now.duration_since(session.seen) < self.idle && now.duration_since(session.since) < LONGEST
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dashboard::Role;

    #[test]
    fn a_session_lasts_until_it_is_ended_or_idle() {
        let sessions = Sessions::new(Duration::from_secs(60));
        let secret = sessions.begin(User::new("ann", Role::Viewer)).unwrap();
        let key = fingerprint(&secret);
        assert_eq!(sessions.whose(&key, Touch::Person).unwrap().name, "ann");
        assert!(sessions.whose(&fingerprint("another"), Touch::Person).is_none());
        sessions.end(&key);
        assert!(sessions.whose(&key, Touch::Page).is_none());

        let idle = Sessions::new(Duration::ZERO);
        let key = fingerprint(&idle.begin(User::new("ann", Role::Viewer)).unwrap());
        assert!(idle.whose(&key, Touch::Person).is_none());
    }
}
