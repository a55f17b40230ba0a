//! Decides what becomes of the jobs of a worker that died, so that one poison job cannot harm the others for long.
//!
//! Nobody can know which of the jobs in its hand killed a process, so each is charged with its death. Only a job's last life
//! has to be lived alone, as a suspect: before it, whoever dies with a process runs again beside others at once, so that a
//! process with a hundred jobs in hand delays none of them. And only a suspect is given up: no job is for what it died beside
//! while others of its like were there.
//!
//! That a suspect beside which a process dies is to blame, and the others innocent, would be wrong where many suspects are
//! about: each would be blamed in turn for a poison job that is new, and that one never charged.

/// What becomes of a job whose worker died.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It runs again.
    Again,
    /// It runs again, for the last time: a suspect from now on, of which a worker holds one at a time.
    Suspect,
    /// It has died with too many processes: it becomes a dead letter.
    Quarantined,
}

/// Decides about a job that has died with so many processes before, and now with one more.
///
/// With `max_crashes` of 1 there is no last life to live alone: whatever a process had in hand when it died is given up.
///
/// # Examples
///
/// ```
/// use asyncmq::lifecycle::{Verdict, after_crash};
/// let (is_suspect, max_crashes) = (false, 3);
/// assert_eq!(after_crash(0, is_suspect, max_crashes), Verdict::Again);
/// assert_eq!(after_crash(1, is_suspect, max_crashes), Verdict::Suspect);
/// ```
#[must_use]
pub const fn after_crash(crashes: u32, is_suspect: bool, max_crashes: u32) -> Verdict {
    let crashes_now = crashes.saturating_add(1);
    if crashes_now.saturating_add(1) < max_crashes {
        Verdict::Again
    } else if max_crashes <= crashes_now && (is_suspect || max_crashes <= 1) {
        Verdict::Quarantined
    } else {
        Verdict::Suspect
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of a job that dies each time.
    fn lives(max_crashes: u32) -> Vec<Verdict> {
        let (mut verdicts, mut is_suspect) = (Vec::new(), false);
        for crashes in 0.. {
            let verdict = after_crash(crashes, is_suspect, max_crashes);
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
    fn nobody_is_given_up_before_a_life_alone() {
        for crashes in [1, 2, 7, u32::MAX] {
            assert_eq!(
                after_crash(crashes, false, 2),
                Verdict::Suspect,
                "fewer are borne than when it died before"
            );
            assert_eq!(after_crash(crashes, true, 2), Verdict::Quarantined);
        }
    }

    #[test]
    fn a_suspect_has_more_lives_where_more_are_borne_than_before() {
        assert_eq!(after_crash(1, true, 5), Verdict::Again);
        assert_eq!(after_crash(3, true, 5), Verdict::Suspect);
    }
}
