//! Which slot holds the job of an id, without a copy of the id: the slot has it.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::state::Slot;
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

    /// Returns the slot of the job that has this id.
    pub(super) fn find(&self, hash: u32, id: &JobId, slots: &[Option<Slot>]) -> Option<u32> {
        let holds = |slot: u32| slots[slot as usize].as_ref().is_some_and(|slot| slot.envelope.id == *id);
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
