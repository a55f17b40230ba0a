//! What a store did, call by call, and the invariants that hold of it whatever was lost on the way.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use asyncmq::OnFailure;
use asyncmq::backend::{CallId, Claimed, Fenced, Fired, Ordered, Pushed, Settlement, Token};
use asyncmq::job::{Envelope, JobId, WorkerId};
use asyncmq::lifecycle::Transition;
use bytes::Bytes;

/// One thing that happened to a job, as the store carried it out.
#[derive(Debug, Clone)]
pub(crate) enum Deed {
    Pushed {
        id: JobId,
        args: Bytes,
        /// The jobs that it waits for, and whether it goes on however these end.
        parents: Vec<(JobId, bool)>,
    },
    Claimed {
        id: JobId,
        token: Token,
        by: WorkerId,
        args: Bytes,
    },
    Settled {
        id: JobId,
        token: Token,
        ended: Option<End>,
    },
    /// Some jobs of silent workers were let wait again.
    Rescued,
    /// A worker went and gave back what it held.
    Deregistered(WorkerId),
    Replayed(JobId),
    /// Another job of its deduplication key took its place.
    Replaced(JobId),
}

/// How a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Completed,
    Otherwise,
}

impl Deed {
    fn pushed(job: &Envelope) -> Self {
        let parents = job.extras().parents.iter();
        let parents = parents.map(|parent| (parent.id.clone(), parent.on_failure == OnFailure::Run));
        Self::Pushed { id: job.id.clone(), args: job.args.clone(), parents: parents.collect() }
    }
}

/// What a store did.
#[derive(Debug, Default)]
pub(crate) struct History {
    deeds: Vec<Deed>,
    /// A repeated call that is recognised does nothing, so its deeds are written down once.
    calls: HashSet<(&'static str, CallId)>,
}

impl History {
    pub(crate) fn pushed(&mut self, call: CallId, jobs: &[Arc<Envelope>], reply: &[Pushed]) {
        if !self.calls.insert(("push", call)) {
            return;
        }
        for (job, pushed) in jobs.iter().zip(reply) {
            match pushed {
                Pushed::Added => {}
                Pushed::Debounced { id } => self.deeds.push(Deed::Replaced(id.clone())),
                Pushed::Exists { .. } | Pushed::Deduplicated { .. } | Pushed::ParentGone { .. } => continue,
            }
            self.deeds.push(Deed::pushed(job));
        }
    }

    /// A firing pushes, under calls of its own.
    pub(crate) fn fired(&mut self, call: CallId, jobs: &[Arc<Envelope>], fired: &Fired) {
        let is_new = self.calls.insert(("fire", call));
        if let (true, Fired::Fired(reply)) = (is_new, fired) {
            let added = jobs.iter().zip(reply).filter(|(_, pushed)| **pushed == Pushed::Added);
            self.deeds.extend(added.map(|(job, _)| Deed::pushed(job)));
        }
    }

    pub(crate) fn claimed(&mut self, call: CallId, reply: &Claimed) {
        let known = !self.calls.insert(("claim", call));
        for job in &reply.jobs {
            let seen = |deed: &Deed| matches!(deed, Deed::Claimed { token, .. } if *token == job.token);
            if known && self.deeds.iter().any(seen) {
                continue;
            }
            let (id, args) = (job.envelope.id.clone(), job.envelope.args.clone());
            self.deeds.push(Deed::Claimed { id, token: job.token, by: call.sender, args });
        }
    }

    pub(crate) fn settled(&mut self, call: CallId, jobs: &[Settlement], reply: &[Fenced]) {
        if !self.calls.insert(("settle", call)) {
            return;
        }
        for (job, _) in jobs.iter().zip(reply).filter(|(_, fenced)| **fenced == Fenced::Applied) {
            let ended = match job.transition {
                Transition::Complete { .. } => Some(End::Completed),
                Transition::Fail { .. } | Transition::Cancel { .. } => Some(End::Otherwise),
                _ => None,
            };
            self.deeds.push(Deed::Settled { id: job.envelope.id.clone(), token: job.token, ended });
        }
    }

    pub(crate) fn rescued(&mut self, count: usize) {
        if count != 0 {
            self.deeds.push(Deed::Rescued);
        }
    }

    pub(crate) fn deregistered(&mut self, worker: WorkerId) {
        self.deeds.push(Deed::Deregistered(worker));
    }

    pub(crate) fn replayed(&mut self, id: &JobId, order: Ordered) {
        if order == Ordered::Done {
            self.deeds.push(Deed::Replayed(id.clone()));
        }
    }

    /// Returns the tokens of the claims that were settled.
    pub(crate) fn settled_tokens(&self) -> Vec<Token> {
        let tokens = self.deeds.iter().filter_map(|deed| match deed {
            Deed::Settled { token, .. } => Some(*token),
            _ => None,
        });
        tokens.collect()
    }

    /// Returns how many claims of a job were settled.
    pub(crate) fn settled_times(&self, job: &JobId) -> usize {
        self.deeds.iter().filter(|deed| matches!(deed, Deed::Settled { id, .. } if id == job)).count()
    }

    /// Returns the ids that the store took in, but for those that were replaced.
    pub(crate) fn taken_in(&self) -> Vec<JobId> {
        let is_gone =
            |id: &JobId| self.deeds.iter().any(|deed| matches!(deed, Deed::Replaced(gone) if gone == id));
        let ids = self.deeds.iter().filter_map(|deed| match deed {
            Deed::Pushed { id, .. } if !is_gone(id) => Some(id.clone()),
            _ => None,
        });
        ids.collect()
    }

    /// Checks that every job was taken in once, claimed with what was sent, under a token of its own each time, settled at
    /// most once a claim and only by its latest one, claimed again only for a reason, never after its end, and not before those
    /// have ended that it waits for.
    pub(crate) fn check(&self) {
        let mut jobs: HashMap<JobId, Life> = HashMap::new();
        let mut tokens = HashSet::new();
        for deed in &self.deeds {
            match deed {
                Deed::Pushed { id, args, parents } => {
                    let before = jobs.insert(id.clone(), Life::new(args.clone(), parents.clone()));
                    assert!(before.is_none(), "{id} was taken in twice");
                }
                Deed::Claimed { id, token, by, args } => {
                    assert!(tokens.insert(*token), "a token of {id} came twice");
                    wait_is_over(&jobs, id);
                    let life =
                        jobs.get_mut(id).unwrap_or_else(|| panic!("{id} was claimed and never pushed"));
                    assert_eq!(life.args, args, "{id} was given out with other arguments");
                    assert!(life.ended.is_none(), "{id} was claimed after its end");
                    assert!(life.free, "{id} was claimed again without a reason");
                    (life.free, life.claim) = (false, Some((*token, *by)));
                }
                Deed::Settled { id, token, ended } => {
                    let life =
                        jobs.get_mut(id).unwrap_or_else(|| panic!("{id} was settled and never pushed"));
                    let claim = life.claim.take().map(|(token, _)| token);
                    assert_eq!(claim, Some(*token), "{id} was settled by a claim that was not its latest");
                    (life.free, life.ended) = (true, *ended);
                    life.past = ended.or(life.past);
                }
                Deed::Rescued => jobs.values_mut().for_each(|life| life.free = true),
                Deed::Deregistered(worker) => {
                    let of_worker = |life: &&mut Life| life.claim.is_some_and(|(_, by)| by == *worker);
                    jobs.values_mut()
                        .filter(of_worker)
                        .for_each(|life| (life.free, life.claim) = (true, None));
                }
                Deed::Replaced(id) => {
                    let life =
                        jobs.get_mut(id).unwrap_or_else(|| panic!("{id} was replaced and never pushed"));
                    assert!(
                        life.free && life.ended.is_none(),
                        "{id} was replaced though it had started or ended"
                    );
                    life.ended = Some(End::Otherwise);
                }
                Deed::Replayed(id) => {
                    let life =
                        jobs.get_mut(id).unwrap_or_else(|| panic!("{id} was replayed and never pushed"));
                    (life.free, life.ended) = (true, None);
                }
            }
        }
    }
}

/// How a job stands while its history is read.
struct Life {
    args: Bytes,
    /// Whether it may be claimed.
    free: bool,
    claim: Option<(Token, WorkerId)>,
    ended: Option<End>,
    /// How it ended last, also if it has begun anew: who waited for it may have gone on since.
    past: Option<End>,
    parents: Vec<(JobId, bool)>,
}

impl Life {
    const fn new(args: Bytes, parents: Vec<(JobId, bool)>) -> Self {
        Self { args, free: true, claim: None, ended: None, past: None, parents }
    }
}

/// Checks that those have ended that a job waits for, as it wants it.
fn wait_is_over(jobs: &HashMap<JobId, Life>, id: &JobId) {
    for (parent, goes_on) in jobs.get(id).map_or(&[][..], |life| &life.parents) {
        let end = end_of(jobs, parent);
        let is_so = end == Some(End::Completed) || *goes_on && end.is_some();
        assert!(is_so, "{id} was claimed though {parent} had ended so: {end:?}");
    }
}

/// Returns how a job ended, by itself or with one that it waits for.
fn end_of(jobs: &HashMap<JobId, Life>, id: &JobId) -> Option<End> {
    let life = jobs.get(id)?;
    let mut waits = life.parents.iter().filter(|(_, goes_on)| !goes_on);
    let with_another = waits.any(|(parent, _)| end_of(jobs, parent) == Some(End::Otherwise));
    life.past.or(with_another.then_some(End::Otherwise))
}
