//! Decides what becomes of the jobs of a worker that died, so that one poison job cannot harm the others.
//!
//! Only a job's last life has to be lived alone: before it, whoever dies with a process runs again beside others at once. So a
//! process with a hundred jobs in hand delays none of them when it dies, and yet none fails for what another did.

/// What becomes of a job whose worker died.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It runs again, and nobody holds the crash against it.
    Innocent,
    /// It runs again, with one crash more to its name.
    Again,
    /// It runs again, with one crash more to its name, for the last time: a suspect from now on, of which a worker holds
    /// one at a time.
    Suspect,
    /// It has died with too many processes: it becomes a dead letter.
    Quarantined,
}

/// Decides about a job that has died with so many processes before, given whether it was a suspect, and whether any job that
/// died with it was one.
///
/// If there was one, it is the one to blame and the others are innocent; else each of them may be.
///
/// # Examples
///
/// ```
/// use asyncmq::lifecycle::{Verdict, after_crash};
/// let (is_suspect, had_suspect, max_crashes) = (false, false, 3);
/// assert_eq!(after_crash(0, is_suspect, had_suspect, max_crashes), Verdict::Again);
/// assert_eq!(after_crash(1, is_suspect, had_suspect, max_crashes), Verdict::Suspect);
/// ```
#[must_use]
#[expect(
    clippy::fn_params_excessive_bools,
    reason = "what is known of the job, and of those that died with it"
)]
pub const fn after_crash(crashes: u32, is_suspect: bool, had_suspect: bool, max_crashes: u32) -> Verdict {
    let crashes_now = crashes.saturating_add(1);
    if had_suspect && !is_suspect {
        Verdict::Innocent
    } else if max_crashes <= crashes_now {
        Verdict::Quarantined
    } else if max_crashes <= crashes_now.saturating_add(1) {
        Verdict::Suspect
    } else {
        Verdict::Again
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of a job that dies each time, while no other suspect is about.
    fn lives(max_crashes: u32) -> Vec<Verdict> {
        let (mut verdicts, mut is_suspect) = (Vec::new(), false);
        for crashes in 0.. {
            let verdict = after_crash(crashes, is_suspect, is_suspect, max_crashes);
            is_suspect = verdict == Verdict::Suspect;
            verdicts.push(verdict);
            if verdict == Verdict::Quarantined {
                break;
            }
        }
        verdicts
    }

    #[test]
    fn only_the_last_life_is_lived_alone() {
        use Verdict::{Again, Quarantined, Suspect};
        assert_eq!(lives(0), [Quarantined]);
        assert_eq!(lives(1), [Quarantined]);
        assert_eq!(lives(2), [Suspect, Quarantined]);
        assert_eq!(lives(3), [Again, Suspect, Quarantined]);
        assert_eq!(lives(5), [Again, Again, Again, Suspect, Quarantined]);
    }

    #[test]
    fn beside_a_suspect_the_others_are_innocent() {
        for crashes in 0..3 {
            assert_eq!(after_crash(crashes, false, true, 3), Verdict::Innocent);
        }
        assert_eq!(after_crash(2, true, true, 3), Verdict::Quarantined);
    }

    #[test]
    fn who_has_more_crashes_than_are_borne_ends_with_the_next() {
        assert_eq!(after_crash(7, false, false, 3), Verdict::Quarantined);
        assert_eq!(after_crash(u32::MAX, true, true, 3), Verdict::Quarantined);
    }
}
