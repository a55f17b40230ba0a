//! Bugs that are sown on purpose, for the fault laboratory: whoever looks for such bugs is shown to find them.
//!
//! With the feature `seeded-bugs`, which is not for users, `ASYNCMQ_SEEDED_BUG` names the one that a process has. Without
//! the feature there is none, and nothing of them is left in the program.

/// A mistake that queues make, planted where it would be made here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    not(feature = "seeded-bugs"),
    expect(dead_code, reason = "those that lie in scripts are planted with the feature alone")
)]
pub(crate) enum Bug {
    /// A claim notes its jobs under nobody, so that no rescue finds those of a process that died. Jobs are lost: I1.
    UnheldClaim,
    /// A settle does not ask whose claim is current, so that one who lost his lease ends a job that another runs: I5.
    BlindSettle,
    /// Every claim of a job bears the same token, so that one who lost his lease is taken for the one who has it: I4.
    TokenRestarts,
    /// The end of a lease is reckoned by the worker's own clock. Where that is slow, jobs are rescued from workers that are
    /// alive: I4; where it is fast, those of dead ones wait for as long as it is wrong: I1.
    ClientClock,
    /// Jobs are taken out of the active ones in one step and written down as completed in another. Whoever dies in between
    /// leaves jobs that are nowhere: I1, I7.
    SplitCompletion,
    /// The lease is kept on the runtime of the handlers, where one that blocks its thread starves it. Jobs of a worker that
    /// is alive run again: I3.
    LeaseOnRuntime,
    /// The connection for wake-ups is not opened again once it was cut, so that jobs start late for ever: I9.
    DeafAfterCut,
    /// A push whose reply was lost is repeated as another call and with other ids. There are jobs that nobody enqueued: I2,
    /// twice what was enqueued once: I8, and ids that were confirmed and are nowhere: I1.
    PushedAnew,
    /// Arguments travel through the server's JSON, which cuts numbers short: I2, and changes large ones and empty lists so
    /// that they cannot be read any more: I1.
    ArgumentsThroughJson,
    /// A rescue does not ask how many processes a job has taken with it: I18.
    EndlessCrashes,
    /// The place of an attempt whose settle came too late is not given on, so that a worker ends without any: I10, I19.
    LeakedPermit,
    /// Whatever is due is promoted at once, with more values than a call in a script takes, so that a queue with more than
    /// 8,000 due jobs gives nothing out any more: I9, I10.
    UnpackAllDue,
    /// Who is rescued from a dead worker gives no permit back: a permit is not tied to the lease. Jobs of its key wait for ever: I13, I1.
    UntiedPermit,
    /// A start is not counted: neither as a permit that is taken, nor as a token or in a window. More run than may: I13.
    UncountedStart,
    /// A firing does not ask whether somebody has fired meanwhile, and a slot's job has an id of its own each time, as where a
    /// scheduler enqueues what is due and then moves on: I12.
    DoubleFire,
    /// Of several jobs that end in one step only those are told that wait for the first one. Who waits for two stays blocked: I15.
    LoneEnd,
    /// Who comes to wait for a job that has ended waits for its end: I15.
    LateChild,
    /// Who waits for several goes on with the first of them: I15.
    EarlyChild,
    /// Only those are told of an end that wait for a job that completed. Who waits for one that fails stays blocked: I15.
    UnheardFailure,
}

/// Tells whether this process has that bug.
#[cfg(not(feature = "seeded-bugs"))]
#[inline(always)]
pub(crate) const fn is_seeded(_: Bug) -> bool {
    false
}

#[cfg(feature = "seeded-bugs")]
pub(crate) use sown::is_seeded;

#[cfg(feature = "seeded-bugs")]
mod sown {
    use std::sync::LazyLock;

    use super::Bug;

    const NAMES: [(&str, Bug); 19] = [
        ("unheld-claim", Bug::UnheldClaim),
        ("blind-settle", Bug::BlindSettle),
        ("token-restarts", Bug::TokenRestarts),
        ("client-clock", Bug::ClientClock),
        ("split-completion", Bug::SplitCompletion),
        ("lease-on-runtime", Bug::LeaseOnRuntime),
        ("deaf-after-cut", Bug::DeafAfterCut),
        ("pushed-anew", Bug::PushedAnew),
        ("arguments-through-json", Bug::ArgumentsThroughJson),
        ("endless-crashes", Bug::EndlessCrashes),
        ("leaked-permit", Bug::LeakedPermit),
        ("unpack-all-due", Bug::UnpackAllDue),
        ("untied-permit", Bug::UntiedPermit),
        ("uncounted-start", Bug::UncountedStart),
        ("double-fire", Bug::DoubleFire),
        ("lone-end", Bug::LoneEnd),
        ("late-child", Bug::LateChild),
        ("early-child", Bug::EarlyChild),
        ("unheard-failure", Bug::UnheardFailure),
    ];

    static SEEDED: LazyLock<Option<Bug>> = LazyLock::new(|| {
        let name = std::env::var("ASYNCMQ_SEEDED_BUG").ok()?;
        let named = NAMES.iter().find(|(known, _)| *known == name);
        let Some((_, bug)) = named else {
            let names = NAMES.map(|(name, _)| name).join(", ");
            panic!("ASYNCMQ_SEEDED_BUG names no bug ({name:?}); there are {names}");
        };
        Some(*bug)
    });

    /// Tells whether this process has that bug.
    pub(crate) fn is_seeded(bug: Bug) -> bool {
        *SEEDED == Some(bug)
    }
}
