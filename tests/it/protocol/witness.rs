//! Sees every step of the store and judges it, by means that the store itself does not have.

use asyncmq::JobState;

use super::model::Place;
use super::store::{Store, Token};

/// What must never happen.
#[expect(clippy::struct_excessive_bools, reason = "each is a finding of its own")]
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Breaches {
    /// I4: a job was given to somebody while another one's lease on it lasted, or under a token that is not new.
    pub(super) two_holders: bool,
    /// I5: a claim that was over settled, or was told that it is not, or a refused settle changed something.
    pub(super) not_fenced: bool,
    /// I6: a job that had ended went on.
    pub(super) not_final: bool,
    /// A worker was told that its settle had no effect, and it had.
    pub(super) misled: bool,
    /// A job was given to a worker that had gone, so that nobody runs it before a lease is over.
    pub(super) given_to_the_gone: bool,
}

/// What the last step did that is to be reachable, so that the model is known to do something.
#[expect(clippy::struct_excessive_bools, reason = "each is a finding of its own")]
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Reached {
    pub(super) refused_late_settle: bool,
    pub(super) accepted_after_rescue: bool,
    pub(super) repeated_claim: bool,
    pub(super) given_back: bool,
}

/// What is known of one job.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct Known {
    /// The latest claim.
    latest: u8,
    /// Who has it, as long as the lease lasts.
    holder: Option<(Place, Token)>,
    /// The claims that were settled, or given back.
    over: Vec<u8>,
    ended: Option<JobState>,
}

/// The witness.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Witness {
    jobs: Vec<Known>,
    applied: Vec<(Place, u8)>,
    gone: Vec<Place>,
    pub(super) breaches: Breaches,
    pub(super) reached: Reached,
}

impl Witness {
    pub(super) fn new(jobs: usize) -> Self {
        Self { jobs: vec![Known::default(); jobs], ..Self::default() }
    }

    /// A step begins.
    pub(super) fn begin(&mut self) {
        self.reached = Reached::default();
    }

    /// A claim gave this, for the first time if `anew`.
    pub(super) fn claimed(&mut self, worker: Place, token: Token, anew: bool) {
        let known = &mut self.jobs[token.job];
        if !anew {
            self.reached.repeated_claim = true;
            return self.confirmed([token]);
        }
        self.breaches.given_to_the_gone |= self.gone.contains(&worker);
        self.breaches.two_holders |= known.holder.is_some() || token.claim <= known.latest;
        self.breaches.not_final |= known.ended.is_some();
        (known.latest, known.holder) = (token.claim, Some((worker, token)));
    }

    /// A lease has run out.
    pub(super) fn ran_out(&mut self, worker: Place) {
        for known in &mut self.jobs {
            known.holder = known.holder.filter(|(holder, _)| *holder != worker);
        }
    }

    /// A settle was answered under its call.
    pub(super) fn settled(
        &mut self,
        (call, token): ((Place, u8), Token),
        applied: bool,
        (before, after): (&Store, &Store),
    ) {
        let known = &mut self.jobs[token.job];
        let again = self.applied.contains(&call);
        if !applied {
            self.breaches.not_fenced |= before.jobs != after.jobs;
            self.breaches.misled |= again;
            self.reached.refused_late_settle |= token.claim < known.latest;
            return;
        }
        if again && before.jobs == after.jobs {
            return;
        }
        self.breaches.not_fenced |= token.claim != known.latest || known.over.contains(&token.claim);
        self.reached.accepted_after_rescue |= before.jobs[token.job].state == JobState::Waiting;
        known.over.push(token.claim);
        known.holder = known.holder.filter(|(_, held)| *held != token);
        self.applied.push(call);
    }

    /// An extension left these claims to their worker.
    pub(super) fn confirmed(&mut self, tokens: impl IntoIterator<Item = Token>) {
        for token in tokens {
            self.breaches.not_fenced |= token.claim < self.jobs[token.job].latest;
        }
    }

    /// A worker went, and the store took back what it held.
    pub(super) fn went(&mut self, worker: Place, before: &Store, after: &Store) {
        self.gone.push(worker);
        for (job, known) in self.jobs.iter_mut().enumerate() {
            if let Some((_, token)) = known.holder.filter(|(holder, _)| *holder == worker) {
                known.over.push(token.claim);
                known.holder = None;
                self.reached.given_back |= before.jobs[job].state != after.jobs[job].state;
            }
        }
    }

    /// Looks at the store after a step: what has ended stays as it is.
    pub(super) fn look(&mut self, store: &Store) {
        for (known, kept) in self.jobs.iter_mut().zip(&store.jobs) {
            match known.ended {
                Some(state) => self.breaches.not_final |= state != kept.state,
                None => known.ended = Some(kept.state).filter(|state| state.is_terminal()),
            }
        }
    }
}
