//! What is known of lanes: their profiles, by their names. A name is made from the profile, so it never means another.

use std::sync::{Arc, PoisonError, RwLock};

use foldhash::HashMap;

use super::codec::{Garbled, LANE, Lane, Profile, lane_of, profile_of, read_profile};
use crate::backend::TaskSet;
use crate::job::{Envelope, Name};

/// How many lanes are remembered; beyond it all are forgotten and learnt again.
const MOST_LANES: usize = 4_096;
/// How many whole profiles this process makes; beyond it jobs carry their options themselves.
const MOST_PROFILES: usize = 256;

/// The lanes that this process has met.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    known: RwLock<HashMap<Lane, Arc<Profile>>>,
    made: RwLock<HashMap<Lane, ()>>,
    /// The queues that know lanes which this process made.
    entered: RwLock<HashMap<Name, Vec<Lane>>>,
}

/// The lane of a job that is pushed.
pub(super) struct Placed {
    pub(super) lane: Lane,
    pub(super) profile: Vec<u8>,
    /// Whether the profile says all but id and arguments.
    pub(super) whole: bool,
}

impl Lanes {
    /// Returns the lane for a job that is pushed.
    pub(super) fn place(&self, job: &Envelope) -> Placed {
        if job.is_plain() {
            let profile = profile_of(job, true);
            let lane = lane_of(&profile);
            if self.may_make(lane) {
                return Placed { lane, profile, whole: true };
            }
        }
        let profile = profile_of(job, false);
        Placed { lane: lane_of(&profile), profile, whole: false }
    }

    /// A program that gives every job other options must not fill the server with profiles.
    fn may_make(&self, lane: Lane) -> bool {
        if self.made.read().unwrap_or_else(PoisonError::into_inner).contains_key(&lane) {
            return true;
        }
        let mut made = self.made.write().unwrap_or_else(PoisonError::into_inner);
        let may = made.len() < MOST_PROFILES;
        if may {
            made.insert(lane, ());
        }
        may
    }

    /// Takes note that a queue knows which profile one of this process's lanes stands for.
    pub(super) fn enter(&self, queue: &Name, lane: Lane) {
        let mut entered = self.entered.write().unwrap_or_else(PoisonError::into_inner);
        if MOST_LANES <= entered.len() {
            entered.clear();
        }
        let lanes = entered.entry(queue.clone()).or_default();
        if !lanes.contains(&lane) {
            lanes.push(lane);
        }
    }

    /// Tells whether a queue is known to know it.
    pub(super) fn has_entered(&self, queue: &Name, lane: Lane) -> bool {
        let entered = self.entered.read().unwrap_or_else(PoisonError::into_inner);
        entered.get(queue).is_some_and(|lanes| lanes.contains(&lane))
    }

    /// Takes note of a lane.
    pub(super) fn learn(&self, lane: &[u8], profile: &[u8]) -> Result<(), Garbled> {
        let lane: Lane = lane.try_into().map_err(|_| Garbled("a lane"))?;
        let profile = Arc::new(read_profile(profile)?);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if MOST_LANES <= known.len() {
            known.clear();
        }
        known.insert(lane, profile);
        Ok(())
    }

    /// Returns the profile of a lane that was met before.
    pub(super) fn profile(&self, lane: &[u8]) -> Option<Arc<Profile>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).get(lane).cloned()
    }

    /// Lists the lanes whose jobs a worker can run, and the others, each as `,lane,lane,`.
    pub(super) fn sorted_out(&self, tasks: &TaskSet) -> (Vec<u8>, Vec<u8>) {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let mut mine = Vec::with_capacity((LANE + 1) * known.len() + 1);
        mine.push(b',');
        let mut foreign = vec![b','];
        for (lane, profile) in known.iter() {
            let list = if tasks.runs(&profile.task, profile.version) { &mut mine } else { &mut foreign };
            list.extend_from_slice(lane);
            list.push(b',');
        }
        (mine, foreign)
    }
}
