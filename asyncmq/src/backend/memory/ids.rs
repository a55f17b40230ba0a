//! Which slot holds the job of an id, without a copy of the id: the slot has it.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use crate::job::JobId;

/// The ids of a queue's jobs.
#[derive(Debug, Default)]
pub(super) struct Ids {
    table: HashTable<Key>,
    hasher: RandomState,
}

/// A slot, and the hash of the id that it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Key {
    hash: u32,
    slot: u32,
}

impl Key {
    /// The table tells keys apart by the upper bits and finds their places by the lower ones.
    fn spread(hash: u32) -> u64 {
        u64::from(hash).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }
}

impl Ids {
    /// Returns the hash of an id, to be kept in the slot of its job.
    pub(super) fn hash(&self, id: &JobId) -> u32 {
        let hash = self.hasher.hash_one(id);
        u32::try_from(hash >> 32).expect("half of it is left")
    }

    /// Returns the slot that `holds` the id of this hash; others may share the hash.
    pub(super) fn find(&self, hash: u32, holds: impl Fn(u32) -> bool) -> Option<u32> {
        let is_it = |key: &Key| key.hash == hash && holds(key.slot);
        self.table.find(Key::spread(hash), is_it).map(|key| key.slot)
    }

    /// Takes in a job whose id is not there.
    pub(super) fn insert(&mut self, hash: u32, slot: u32) {
        self.table.insert_unique(Key::spread(hash), Key { hash, slot }, |key| Key::spread(key.hash));
    }

    /// Forgets the id of a slot.
    pub(super) fn remove(&mut self, hash: u32, slot: u32) {
        let gone = Key { hash, slot };
        if let Ok(entry) = self.table.find_entry(Key::spread(hash), |key| *key == gone) {
            entry.remove();
        }
    }

    /// Lists the slots, in no particular order.
    pub(super) fn slots(&self) -> impl Iterator<Item = u32> {
        self.table.iter().map(|key| key.slot)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.table.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_share_a_hash_are_told_apart() {
        let mut ids = Ids::default();
        for slot in 0..3 {
            ids.insert(7, slot);
        }
        ids.insert(8, 3);
        let find = |ids: &Ids, hash, wanted| ids.find(hash, |slot| slot == wanted);
        for slot in 0..3 {
            assert_eq!(find(&ids, 7, slot), Some(slot));
        }
        assert_eq!((find(&ids, 7, 3), find(&ids, 8, 0)), (None, None));
        ids.remove(7, 1);
        assert_eq!([0, 1, 2].map(|slot| find(&ids, 7, slot)), [Some(0), None, Some(2)]);
        let mut left: Vec<u32> = ids.slots().collect();
        left.sort_unstable();
        assert_eq!(left, [0, 2, 3]);
    }
}
