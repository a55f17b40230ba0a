//! Decides what becomes of the jobs of a worker that died, so that one poison job cannot harm the others.

use crate::job::Status;

/// What becomes of a job whose worker died.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It runs again, and nobody holds the crash against it.
    Innocent,
    /// It runs again, alone among suspects, with one crash more to its name.
    Suspect,
    /// It has died with too many processes: it becomes a dead letter.
    Quarantined,
}

/// Tells whether a job has died with a process before; a worker holds at most one such job at a time.
#[must_use]
pub const fn is_suspect(status: &Status) -> bool {
    status.crashes != 0
}

/// Decides about a job whose worker died, given whether any job there was a suspect before.
///
/// If there was one, it is the one to blame and the others are innocent; else each of them may be.
///
/// # Examples
///
/// ```
/// use asyncmq::lifecycle::{Verdict, after_crash};
/// let (crashes, had_suspect, max_crashes) = (0, true, 3);
/// assert_eq!(after_crash(crashes, had_suspect, max_crashes), Verdict::Innocent);
/// ```
#[must_use]
pub const fn after_crash(crashes: u32, had_suspect: bool, max_crashes: u32) -> Verdict {
    if had_suspect && crashes == 0 {
        Verdict::Innocent
    } else if max_crashes <= crashes + 1 {
        Verdict::Quarantined
    } else {
        Verdict::Suspect
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_suspect_everyone_becomes_one() {
        assert_eq!(after_crash(0, false, 3), Verdict::Suspect);
    }

    #[test]
    fn beside_a_suspect_the_others_are_innocent() {
        assert_eq!(after_crash(0, true, 3), Verdict::Innocent);
        assert_eq!(after_crash(0, true, 1), Verdict::Innocent);
    }

    #[test]
    fn the_last_crash_allowed_is_the_end() {
        assert_eq!(after_crash(1, true, 3), Verdict::Suspect);
        assert_eq!(after_crash(2, true, 3), Verdict::Quarantined);
        assert_eq!(after_crash(7, true, 3), Verdict::Quarantined);
        assert_eq!(after_crash(0, false, 1), Verdict::Quarantined);
    }
}
