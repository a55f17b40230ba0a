//! Records that are kept as long as that of a job that waited for them.

use std::collections::VecDeque;
use std::sync::Arc;

use super::state::{Slot, State};
use crate::clock::Timestamp;
use crate::event::{EventData, EventKind};
use crate::job::Envelope;
use crate::lifecycle::unpinned;

/// By what a job that pins others is known: a number that never comes again, as ids do.
pub(super) type Mark = u64;

/// What a job that is forgotten has pinned: the first of it that is still to be let go.
pub(super) struct Unpinned {
    by: Mark,
    job: Arc<Envelope>,
    next: usize,
}

/// Those of whose pins some are still to be let go.
pub(super) type AllUnpinned = VecDeque<Unpinned>;

impl State {
    /// Keeps a job as long as another one, which waits for it. It may have ended before.
    pub(super) fn pin(&mut self, place: u32, by: Mark) {
        let Some(slot) = self.slot_mut(place) else { return };
        let was_pinned = slot.kin.get_or_insert_default().pinned_by.replace(by).is_some();
        if !was_pinned && slot.status.state.is_terminal() {
            self.pin_ended(place);
        }
    }

    /// Takes note that a job is forgotten which may have pinned others.
    pub(super) fn unpin(&mut self, slot: &Slot) {
        if let Some(by) = slot.kin.as_ref().and_then(|kin| kin.mark)
            && let Some(pins) = slot.envelope.extras().pins
        {
            self.unpinned.push_back(Unpinned { by, job: slot.envelope.clone(), next: pins.from as usize });
        }
    }

    /// Lets go of what was pinned by jobs that are forgotten, looks at no more than `limit`. Returns how many were pinned still.
    pub(super) fn prune_unpinned(&mut self, now: Timestamp, limit: usize) -> usize {
        let (mut count, mut looks) = (0, 0);
        while looks < limit
            && let Some(Unpinned { by, job, next }) = self.unpinned.front_mut()
        {
            let Some(parent) = job.extras().parents.get(*next) else {
                self.unpinned.pop_front();
                continue;
            };
            *next += 1;
            looks += 1;
            let strictly = job.extras().pins.is_some_and(|pins| pins.strictly);
            let (by, parent) = (*by, parent.clone());
            let place = self.find(&parent.queue, &parent.id);
            count += usize::from(place.is_some_and(|place| self.drop_unpinned(place, (by, strictly), now)));
        }
        count
    }

    /// Lets go of one, if this one pins it still, which is returned: it goes too, unless it has not ended, or asked for more time.
    fn drop_unpinned(&mut self, place: u32, (by, strictly): (Mark, bool), now: Timestamp) -> bool {
        let Some(slot) = self.slot_mut(place) else { return false };
        if slot.kin.as_mut().and_then(|kin| kin.pinned_by.take_if(|pin| *pin == by)).is_none() {
            return false;
        }
        let (state, end, retention) = (slot.status.state, slot.seq, slot.envelope.retention);
        let Some(ended) = slot.status.finished_at.filter(|_| state.is_terminal()) else { return true };
        let queue = slot.queue;
        let kept = &mut self.queues[queue as usize].ended.exactly;
        kept.remove(Timestamp::MAX, end);
        if let Some(until) = unpinned(state, retention, strictly, ended, now) {
            kept.insert(until, end, place);
            return true;
        }
        if state.is_dead() {
            self.emit(EventKind::Dropped, place, now, |_| EventData::None);
        }
        self.forget(place);
        true
    }

    /// Tells whether somebody pins a job.
    pub(super) fn is_pinned(&self, place: u32) -> bool {
        self.slot(place).and_then(|slot| slot.kin.as_ref()).is_some_and(|kin| kin.pinned_by.is_some())
    }
}
