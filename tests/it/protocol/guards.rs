//! What keeps the protocol safe; each can be taken away to see what it is good for.

/// One guard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Guard {
    /// A settle shows the token of its claim, and that has to be the latest.
    Fence,
    /// Giving back is settling, and shows the token as well.
    ReleaseIsFenced,
    /// The token of a claim never comes again.
    FreshTokens,
    /// A rescue takes only the jobs of workers whose lease has run out.
    LeaseBeforeRescue,
    /// A repeated claim is answered with the same jobs.
    RecalledClaim,
    /// A repeated claim is not answered with jobs that are somebody else's by now.
    RecallOnlyWhatIsHeld,
    /// A claim that was held up behind a later one of its worker gives nothing.
    LatestClaimOnly,
    /// A repeated settle is answered as the first time.
    RecalledSettle,
    /// A worker repeats a settle under the same id.
    SameCallId,
    /// A claim puts an end to the claim before, even if that was rescued and could have settled until then.
    NewClaimRevokes,
    /// Whoever goes settles no more what was given back for it.
    DeregisterRevokes,
    /// A job that was settled has left its worker's hand, so that no rescue finds it there.
    SettleLetsGo,
    /// An extension tells which claims are lost.
    LossIsTold,
    /// A claim that arrives behind the end of its worker gives nothing.
    StruckOffClaimsNothing,
    /// A worker that was struck off gives back what it held.
    DeregisterGivesBack,
}
