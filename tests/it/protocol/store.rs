//! The store of the model: the part of its state that the protocol is about, and its verbs as single steps.

use asyncmq::job::{Failure, FailureKind, Retention, Status};
use asyncmq::lifecycle::{Transition, Verdict, after_crash, apply};
use asyncmq::{JobState, Timestamp};
use bytes::Bytes;

use super::guards::Guard;
use super::model::{Place, WORKERS};

/// With how many deaths of a worker a job ends.
const MAX_CRASHES: u32 = 2;

/// Proof of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Token {
    pub(super) job: usize,
    pub(super) claim: u8,
}

/// What a settle wants to become of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum End {
    Complete,
    Retry,
    Fail,
    Release,
}

impl End {
    pub(super) fn of(transition: &Transition) -> Self {
        match transition {
            Transition::Complete { .. } => Self::Complete,
            Transition::Retry { .. } | Transition::Snooze { .. } => Self::Retry,
            Transition::Fail { .. } | Transition::Cancel { .. } => Self::Fail,
            Transition::Await { .. } | Transition::Release => Self::Release,
        }
    }

    fn transition(self) -> Transition {
        let failure = Failure::new(1, FailureKind::Error, "no");
        match self {
            Self::Complete => Transition::Complete { result: Bytes::new(), retention: Retention::Standard },
            Self::Retry => Transition::Retry { failure, after: std::time::Duration::ZERO },
            Self::Fail => Transition::Fail { failure },
            Self::Release => Transition::Release,
        }
    }
}

/// One job.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Kept {
    pub(super) state: JobState,
    pub(super) attempt: u32,
    crashes: u32,
    charged: bool,
    suspect: bool,
    /// The number of the claim that may settle the job, 0 if there is none.
    claim: u8,
    worker: Place,
}

/// What the store knows of a worker.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Session {
    pub(super) has_run_out: bool,
    draining: bool,
    pub(super) held: Vec<usize>,
    last_claim: Option<(u8, Vec<Token>)>,
}

/// The store.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Store {
    pub(super) jobs: Vec<Kept>,
    pub(super) sessions: [Option<Session>; WORKERS],
    /// What was answered to settles, to be answered again.
    replies: Vec<(Place, u8, bool)>,
    numbers: u8,
    removed: Option<Guard>,
}

impl Kept {
    fn status(&self) -> Status {
        let mut status = Status::new(self.state, Timestamp::default(), Timestamp::default());
        (status.attempt, status.crashes) = (self.attempt, self.crashes);
        status
    }

    fn is_suspect(&self) -> bool {
        self.suspect
    }
}

impl Store {
    pub(super) fn new(jobs: usize, removed: Option<Guard>) -> Self {
        let job = Kept {
            state: JobState::Waiting,
            attempt: 0,
            crashes: 0,
            charged: false,
            suspect: false,
            claim: 0,
            worker: 0,
        };
        Self { jobs: vec![job; jobs], sessions: Default::default(), replies: Vec::new(), numbers: 0, removed }
    }

    fn has(&self, guard: Guard) -> bool {
        self.removed != Some(guard)
    }

    fn renewed(&mut self, worker: Place) -> &mut Session {
        let session = self.sessions[worker].get_or_insert_default();
        session.has_run_out = false;
        session
    }

    /// Returns the jobs that a claim of this worker could give: of suspects one at a time.
    pub(super) fn claimable(&self, worker: Place) -> Option<usize> {
        let held = self.sessions[worker].iter().flat_map(|session| &session.held);
        let has_suspect = held.into_iter().any(|job| self.jobs[*job].is_suspect());
        let free = |kept: &Kept| kept.state == JobState::Waiting && !(has_suspect && kept.is_suspect());
        self.jobs.iter().position(free)
    }

    /// Gives one job out. Says for each whether that is new.
    pub(super) fn claim(&mut self, worker: Place, sequence: u8) -> Vec<(Token, u32, bool)> {
        let last = self.renewed(worker).last_claim.clone();
        if let Some((number, tokens)) = last {
            if number == sequence && self.has(Guard::RecalledClaim) {
                let filters = self.has(Guard::RecallOnlyWhatIsHeld);
                let held = tokens.into_iter().filter(|token| !filters || self.holds(*token));
                return held.map(|token| (token, self.jobs[token.job].attempt, false)).collect();
            }
            if sequence < number && self.has(Guard::LatestClaimOnly) {
                return Vec::new();
            }
        }
        let given: Vec<_> =
            self.claimable(worker).map(|job| self.hand_out(worker, job)).into_iter().collect();
        self.renewed(worker).last_claim = Some((sequence, given.clone()));
        given.into_iter().map(|token| (token, self.jobs[token.job].attempt, true)).collect()
    }

    fn hand_out(&mut self, worker: Place, job: usize) -> Token {
        self.numbers += 1;
        let (fresh, revokes) = (self.has(Guard::FreshTokens), self.has(Guard::NewClaimRevokes));
        let kept = &mut self.jobs[job];
        kept.attempt += 1;
        let claim = if fresh { self.numbers } else { kept.attempt as u8 };
        if revokes || kept.claim == 0 {
            kept.claim = claim;
        }
        (kept.state, kept.worker, kept.charged) = (JobState::Active, worker, false);
        self.renewed(worker).held.push(job);
        Token { job, claim }
    }

    fn is_latest(&self, token: Token) -> bool {
        self.jobs[token.job].claim == token.claim
    }

    fn holds(&self, token: Token) -> bool {
        self.is_latest(token) && self.jobs[token.job].state == JobState::Active
    }

    /// Settles a job. Tells whether that was applied.
    pub(super) fn settle(&mut self, (worker, sequence): (Place, u8), token: Token, end: End) -> bool {
        let same = |(who, number, _): &&(Place, u8, bool)| (*who, *number) == (worker, sequence);
        if let Some((.., reply)) = self.replies.iter().find(same).filter(|_| self.has(Guard::RecalledSettle))
        {
            return *reply;
        }
        let applied = self.carry_settle_out(token, end);
        self.replies.push((worker, sequence, applied));
        applied
    }

    fn carry_settle_out(&mut self, token: Token, end: End) -> bool {
        let fences = self.has(Guard::Fence) && (self.has(Guard::ReleaseIsFenced) || end != End::Release);
        // A revoked claim has no number, and neither has one that never was.
        if fences && !(self.is_latest(token) || (!self.has(Guard::NewClaimRevokes) && self.is_open(token))) {
            return false;
        }
        let kept = &mut self.jobs[token.job];
        match kept.state {
            JobState::Active => {}
            JobState::Waiting => {
                kept.suspect &= !kept.charged;
                kept.crashes -= u32::from(std::mem::take(&mut kept.charged));
                kept.attempt += 1;
            }
            _ => return false,
        }
        if self.has(Guard::SettleLetsGo) {
            self.let_go(token.job);
        }
        self.jobs[token.job].claim = 0;
        self.carry_out(token.job, end);
        true
    }

    /// Without its end by the next one, a claim is open for as long as its job has not ended.
    fn is_open(&self, token: Token) -> bool {
        self.jobs[token.job].claim != 0
    }

    fn let_go(&mut self, job: usize) {
        for session in self.sessions.iter_mut().flatten() {
            session.held.retain(|held| *held != job);
        }
    }

    fn carry_out(&mut self, job: usize, end: End) {
        let mut status = self.jobs[job].status();
        apply(&mut status, end.transition(), Timestamp::default());
        (self.jobs[job].state, self.jobs[job].attempt) = (status.state, status.attempt);
    }

    /// Extends a lease. Returns the claims that are lost.
    pub(super) fn extend(&mut self, worker: Place, held: &[Token]) -> Vec<Token> {
        self.renewed(worker);
        let tells = self.has(Guard::LossIsTold);
        held.iter().copied().filter(|token| tells && !self.holds(*token)).collect()
    }

    /// A worker says that it drains.
    pub(super) fn drain(&mut self, worker: Place) {
        self.renewed(worker).draining = true;
    }

    /// A worker goes; what it holds is given back.
    pub(super) fn deregister(&mut self, worker: Place) {
        let session = self.sessions[worker].take().unwrap_or_default();
        for job in session.held {
            if self.has(Guard::DeregisterRevokes) {
                self.jobs[job].claim = 0;
            }
            if self.has(Guard::DeregisterGivesBack) {
                self.carry_out(job, End::Release);
            }
        }
        if self.has(Guard::StruckOffClaimsNothing) {
            let session = Session { last_claim: Some((u8::MAX, Vec::new())), ..Session::default() };
            self.sessions[worker] = Some(session);
        }
    }

    pub(super) fn run_out(&mut self, worker: Place) {
        if let Some(session) = &mut self.sessions[worker] {
            session.has_run_out = true;
        }
    }

    /// Tells whether a rescue would find something.
    pub(super) fn can_rescue(&self, worker: Place) -> bool {
        let over = |session: &Session| session.has_run_out || !self.has(Guard::LeaseBeforeRescue);
        self.sessions[worker].as_ref().is_some_and(|session| over(session) && !session.held.is_empty())
    }

    /// Lets the jobs of a silent worker wait again. Each keeps its token until somebody claims it.
    pub(super) fn rescue(&mut self, worker: Place) {
        let Some(session) = &mut self.sessions[worker] else { return };
        let (held, draining) = (std::mem::take(&mut session.held), session.draining);
        for job in held {
            if draining {
                self.carry_out(job, End::Release);
                continue;
            }
            let kept = &mut self.jobs[job];
            let verdict = after_crash(kept.crashes, kept.suspect, MAX_CRASHES);
            (kept.charged, kept.suspect) = (true, verdict == Verdict::Suspect);
            kept.crashes += 1;
            if verdict == Verdict::Quarantined {
                kept.claim = 0;
                self.carry_out(job, End::Fail);
            } else {
                kept.attempt = kept.attempt.saturating_sub(1);
                kept.state = JobState::Waiting;
            }
        }
    }
}
