//! Remembers the last replies to each sender, so that a repeated call is answered as the first one.

use std::collections::VecDeque;

use foldhash::{HashMap, HashMapExt};

use crate::backend::{CallId, Fenced, Fired, Pushed, RECALLED_CALLS};
use crate::job::WorkerId;

/// How many senders are remembered; beyond it those that were silent longest are forgotten.
const MOST_SENDERS: usize = 1_024;

/// A reply, kept small: nearly all are of one kind throughout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Recalled<T> {
    All(T, usize),
    Mixed(Vec<T>),
}

impl<T: Clone + PartialEq> Recalled<T> {
    fn of(reply: &[T]) -> Self {
        match reply.first() {
            Some(first) if reply.iter().all(|item| item == first) => Self::All(first.clone(), reply.len()),
            _ => Self::Mixed(reply.to_vec()),
        }
    }

    fn reply(&self) -> Vec<T> {
        match self {
            Self::All(item, count) => vec![item.clone(); *count],
            Self::Mixed(reply) => reply.clone(),
        }
    }
}

/// The replies of one verb.
#[derive(Debug)]
pub(super) struct Recall<T> {
    senders: HashMap<WorkerId, Sender<T>>,
    uses: u64,
}

#[derive(Debug)]
struct Sender<T> {
    replies: VecDeque<(u64, Recalled<T>)>,
    used: u64,
}

pub(super) type RecallPushes = Recall<Pushed>;
pub(super) type RecallSettles = Recall<Fenced>;
pub(super) type RecallFirings = Recall<Fired>;

impl<T> Default for Recall<T> {
    fn default() -> Self {
        Self { senders: HashMap::new(), uses: 0 }
    }
}

impl<T: Clone + PartialEq> Recall<T> {
    /// Returns the reply to a call that was carried out before.
    pub(super) fn find(&self, call: CallId) -> Option<Vec<T>> {
        let replies = &self.senders.get(&call.sender)?.replies;
        replies.iter().rev().find(|(sequence, _)| *sequence == call.sequence).map(|(_, reply)| reply.reply())
    }

    /// Remembers a reply.
    pub(super) fn keep(&mut self, call: CallId, reply: &[T]) {
        self.uses += 1;
        let new = || Sender { replies: VecDeque::new(), used: 0 };
        let sender = self.senders.entry(call.sender).or_insert_with(new);
        sender.used = self.uses;
        if sender.replies.len() == RECALLED_CALLS {
            sender.replies.pop_front();
        }
        sender.replies.push_back((call.sequence, Recalled::of(reply)));
        if MOST_SENDERS < self.senders.len() {
            self.forget_the_silent();
        }
    }

    fn forget_the_silent(&mut self) {
        let mut used: Vec<u64> = self.senders.values().map(|sender| sender.used).collect();
        used.sort_unstable();
        let border = used[used.len() / 2];
        self.senders.retain(|_, sender| border <= sender.used);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(sender: WorkerId, sequence: u64) -> CallId {
        CallId { sender, sequence }
    }

    #[test]
    fn the_last_replies_of_a_sender_are_repeated() {
        let (one, other) = (WorkerId::generate(), WorkerId::generate());
        let mut recall = RecallSettles::default();
        let mixed = [Fenced::Applied, Fenced::Stale];
        recall.keep(call(one, 1), &mixed);
        recall.keep(call(one, 2), &[Fenced::Applied; 3]);
        assert_eq!(recall.find(call(one, 1)).unwrap(), mixed);
        assert_eq!(recall.find(call(one, 2)).unwrap(), [Fenced::Applied; 3]);
        assert_eq!(recall.find(call(one, 3)), None);
        assert_eq!(recall.find(call(other, 1)), None);
    }

    #[test]
    fn as_many_replies_are_kept_as_promised_and_no_more() {
        let sender = WorkerId::generate();
        let mut recall = RecallSettles::default();
        for sequence in 0..=RECALLED_CALLS as u64 {
            recall.keep(call(sender, sequence), &[Fenced::Applied]);
        }
        assert_eq!(recall.find(call(sender, 0)), None);
        assert!(recall.find(call(sender, 1)).is_some());
    }

    #[test]
    fn the_more_silent_half_of_too_many_senders_is_forgotten() {
        let mut recall = RecallSettles::default();
        let senders: Vec<_> = (0..=MOST_SENDERS).map(|_| WorkerId::generate()).collect();
        let keep = |recall: &mut RecallSettles, sender: &WorkerId, sequence| {
            recall.keep(call(*sender, sequence), &[Fenced::Applied]);
        };
        for sender in &senders[..MOST_SENDERS] {
            keep(&mut recall, sender, 0);
        }
        // The first speaks once more, so that it is no longer the most silent one.
        keep(&mut recall, &senders[0], 1);
        assert_eq!(recall.senders.len(), MOST_SENDERS, "so many are remembered");
        keep(&mut recall, &senders[MOST_SENDERS], 0);
        assert_eq!(recall.senders.len(), MOST_SENDERS / 2 + 1);
        assert!(recall.find(call(senders[MOST_SENDERS], 0)).is_some());
        assert!(recall.find(call(senders[0], 0)).is_some());
        assert_eq!(recall.find(call(senders[1], 0)), None);
    }
}
