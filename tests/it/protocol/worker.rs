//! A worker of the model: claims, runs, settles, repeats what is not answered, drains.

use asyncmq::JobId;
use asyncmq::job::{Envelope, Failure, FailureKind, Name};
use asyncmq::lifecycle::{Outcome, settle};

use super::store::{End, Token};

/// How many attempts a job has.
const MAX_ATTEMPTS: u32 = 2;

/// How far a worker is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Phase {
    Serving,
    Draining,
    /// It has said farewell, and waits for the answer.
    Leaving,
    /// It has gone, or has died.
    Gone,
}

/// How an attempt stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Stage {
    Running,
    /// It was told that its claim is lost.
    Lost,
    Ended(End),
}

/// One attempt in hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Attempt {
    pub(super) token: Token,
    pub(super) number: u32,
    pub(super) stage: Stage,
}

/// A worker.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Worker {
    pub(super) phase: Phase,
    /// The number of the next call.
    sequence: u8,
    pub(super) hand: Vec<Attempt>,
    /// The claim under way.
    pub(super) claiming: Option<u8>,
    /// The settle under way.
    pub(super) settling: Option<(u8, Token, End)>,
}

impl Worker {
    pub(super) const fn new() -> Self {
        Self { phase: Phase::Serving, sequence: 1, hand: Vec::new(), claiming: None, settling: None }
    }

    pub(super) const fn next_call(&mut self) -> u8 {
        self.sequence += 1;
        self.sequence - 1
    }

    /// Takes in what a claim gave; a worker that drains gives it back.
    pub(super) fn claimed(&mut self, sequence: u8, jobs: &[(Token, u32)]) {
        if self.claiming != Some(sequence) {
            return;
        }
        self.claiming = None;
        let stage = if self.phase == Phase::Serving { Stage::Running } else { Stage::Ended(End::Release) };
        let attempts = jobs.iter().map(|(token, number)| Attempt { token: *token, number: *number, stage });
        self.hand.extend(attempts);
    }

    /// A handler ended.
    pub(super) fn end(&mut self, place: usize, well: bool) {
        let attempt = &mut self.hand[place];
        let failure = Failure::new(attempt.number, FailureKind::Error, "no");
        let outcome = if well { Outcome::Completed(Default::default()) } else { Outcome::Failed(failure) };
        attempt.stage = Stage::Ended(verdict(attempt.number, outcome));
    }

    /// A handler was stopped before its end.
    pub(super) fn abandon(&mut self, place: usize) {
        let attempt = &mut self.hand[place];
        attempt.stage = Stage::Ended(verdict(attempt.number, Outcome::Abandoned));
    }

    /// Begins to settle what has ended.
    pub(super) fn begin_settle(&mut self) -> Option<(u8, Token, End)> {
        let (token, end) = self.hand.iter().find_map(|attempt| match attempt.stage {
            Stage::Ended(end) => Some((attempt.token, end)),
            Stage::Running | Stage::Lost => None,
        })?;
        self.settling = Some((self.next_call(), token, end));
        self.settling
    }

    /// A settle was answered: whatever became of it, the job is out of hand.
    pub(super) fn settled(&mut self, sequence: u8) {
        if let Some((_, token, _)) = self.settling.filter(|(number, ..)| *number == sequence) {
            self.settling = None;
            self.hand.retain(|attempt| attempt.token != token);
        }
    }

    /// Learns that claims are lost.
    pub(super) fn lost(&mut self, tokens: &[Token]) {
        let running = self.hand.iter_mut().filter(|attempt| attempt.stage == Stage::Running);
        running
            .filter(|attempt| tokens.contains(&attempt.token))
            .for_each(|attempt| attempt.stage = Stage::Lost);
    }

    /// Goes, or dies: what it had in hand it has no more.
    pub(super) fn leave(&mut self, phase: Phase) {
        (self.hand, self.claiming, self.settling) = (Vec::new(), None, None);
        self.phase = phase;
    }
}

/// What the rules make of an outcome.
fn verdict(attempt: u32, outcome: Outcome) -> End {
    let name = Name::from_static("model");
    let mut job = Envelope::new(JobId::from_stored("1"), name.clone(), name, Default::default());
    job.max_attempts = MAX_ATTEMPTS;
    End::of(&settle(&job, attempt, outcome, || Some(std::time::Duration::ZERO)))
}
