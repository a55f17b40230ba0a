//! The file's time: the machine's, which all its processes share, held so that it never goes back.

use std::sync::{Mutex, PoisonError};
use std::time::{Instant, SystemTime};

use crate::clock::{Clock, Timestamp};

/// Tells the time of one file.
#[derive(Debug)]
pub(super) struct FileTime {
    /// A clock that a test moves by hand.
    manual: Option<Clock>,
    /// The latest time told, and when: should the machine's time step back, this one goes on from here.
    latest: Mutex<(Timestamp, Instant)>,
}

impl FileTime {
    pub(super) fn new(manual: Option<Clock>) -> Self {
        Self { manual, latest: Mutex::new((Timestamp::default(), Instant::now())) }
    }

    /// Returns the time, which is not before `committed`: that of the latest step of any process.
    pub(super) fn now(&self, committed: Timestamp) -> Timestamp {
        if let Some(clock) = &self.manual {
            return clock.now().max(committed);
        }
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let gone_on = latest.0.after(latest.1.elapsed());
        let now = Timestamp::from(SystemTime::now()).max(gone_on).max(committed);
        *latest = (now, Instant::now());
        now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_on_from_what_was_committed() {
        let time = FileTime::new(None);
        let ahead = Timestamp::from(SystemTime::now()).after(std::time::Duration::from_secs(3_600));
        assert!(time.now(Timestamp::default()) < ahead);
        assert!(ahead <= time.now(ahead));
        assert!(ahead <= time.now(Timestamp::default()));
    }
}
