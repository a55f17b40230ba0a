//! The waiting jobs of one task in one queue, by priority and then by age.
//!
//! A job that leaves from the middle is left behind as a tombstone: only its slot knows that it has gone.

use std::collections::{BTreeMap, VecDeque};

/// A waiting job's place: its number in the order of arrival, and its slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    pub(super) seq: u64,
    pub(super) slot: u32,
}

/// The waiting jobs of one task.
#[derive(Debug, Default)]
pub(super) struct Lane {
    levels: BTreeMap<u8, VecDeque<Entry>>,
    tombstones: usize,
    entries: usize,
}

impl Lane {
    /// Adds a job where its number belongs: at the end as a rule, at its old place if it was given back.
    pub(super) fn insert(&mut self, priority: u8, entry: Entry) {
        let level = self.levels.entry(priority).or_default();
        match level.back() {
            Some(last) if entry < *last => {
                let place = level.partition_point(|other| *other < entry);
                level.insert(place, entry);
            }
            _ => level.push_back(entry),
        }
        self.entries += 1;
    }

    /// Returns the job that runs next, without those that have left.
    pub(super) fn head(&mut self, waits: impl Fn(Entry) -> bool) -> Option<(u8, Entry)> {
        loop {
            let mut level = self.levels.first_entry()?;
            let priority = *level.key();
            while let Some(entry) = level.get().front() {
                if waits(*entry) {
                    return Some((priority, *entry));
                }
                level.get_mut().pop_front();
                self.entries -= 1;
                self.tombstones = self.tombstones.saturating_sub(1);
            }
            level.remove();
        }
    }

    /// Takes the job that [`Lane::head`] returned.
    pub(super) fn pop(&mut self) {
        if let Some(mut level) = self.levels.first_entry()
            && level.get_mut().pop_front().is_some()
        {
            self.entries -= 1;
        }
    }

    /// Takes a job out of the middle, so that it may come back to its place.
    pub(super) fn remove(&mut self, priority: u8, entry: Entry) {
        if let Some(level) = self.levels.get_mut(&priority)
            && let Ok(place) = level.binary_search(&entry)
        {
            level.remove(place);
            self.entries -= 1;
        }
    }

    /// Takes note that a job has left from the middle; sweeps when more than half of the lane is tombstones.
    pub(super) fn bury(&mut self, waits: impl Fn(Entry) -> bool) {
        self.tombstones += 1;
        if 64 < self.entries && self.entries < 2 * self.tombstones {
            self.levels.retain(|_, level| {
                level.retain(|entry| waits(*entry));
                !level.is_empty()
            });
            self.entries = self.levels.values().map(VecDeque::len).sum();
            self.tombstones = 0;
        }
    }

    /// Lists the first job of each priority.
    pub(super) fn first_of_each(&self, waits: impl Fn(Entry) -> bool) -> impl Iterator<Item = Entry> {
        self.levels.values().filter_map(move |level| level.iter().copied().find(|entry| waits(*entry)))
    }

    /// Lists the places behind one, or all, in the order in which they run, tombstones included.
    pub(super) fn iter_behind(&self, place: Option<(u8, u64)>) -> impl Iterator<Item = (u8, Entry)> {
        let levels = self.levels.range(place.map_or(0, |(priority, _)| priority)..);
        levels.flat_map(move |(priority, level)| {
            let passed = match place {
                Some((rank, number)) if rank == *priority => {
                    level.partition_point(|entry| entry.seq <= number)
                }
                _ => 0,
            };
            level.range(passed..).map(|entry| (*priority, *entry))
        })
    }

    /// Lists the places in the order in which they run, tombstones included.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u8, Entry)> {
        self.levels.iter().flat_map(|(priority, level)| level.iter().map(|entry| (*priority, *entry)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(seq: u64) -> Entry {
        Entry { seq, slot: u32::try_from(seq).unwrap() }
    }

    fn drained(lane: &mut Lane, gone: &[u64]) -> Vec<u64> {
        std::iter::from_fn(|| {
            let (_, entry) = lane.head(|entry| !gone.contains(&entry.seq))?;
            lane.pop();
            Some(entry.seq)
        })
        .collect()
    }

    #[test]
    fn lower_priorities_first_then_by_age() {
        let mut lane = Lane::default();
        for (priority, seq) in [(5, 1), (0, 2), (5, 3), (255, 4), (0, 5)] {
            lane.insert(priority, entry(seq));
        }
        assert_eq!(drained(&mut lane, &[]), [2, 5, 1, 3, 4]);
        assert_eq!(lane.entries, 0);
    }

    #[test]
    fn a_job_that_is_given_back_takes_its_old_place() {
        let mut lane = Lane::default();
        for seq in [2, 4, 1, 3] {
            lane.insert(5, entry(seq));
        }
        assert_eq!(drained(&mut lane, &[]), [1, 2, 3, 4]);
    }

    #[test]
    fn tombstones_are_passed_over() {
        let mut lane = Lane::default();
        for seq in 1..=4 {
            lane.insert(5, entry(seq));
        }
        assert_eq!(drained(&mut lane, &[1, 3]), [2, 4]);
    }

    #[test]
    fn tombstones_do_not_pile_up() {
        let mut lane = Lane::default();
        for seq in 1..=1_000 {
            lane.insert(5, entry(seq));
            if seq % 10 != 0 {
                lane.bury(|entry| entry.seq % 10 == 0);
            }
        }
        assert!(lane.entries < 300, "{}", lane.entries);
        assert_eq!(lane.iter().filter(|(_, entry)| entry.seq % 10 == 0).count(), 100);
    }

    fn counted(lane: &Lane) -> (usize, usize) {
        (lane.entries, lane.iter().count())
    }

    #[test]
    fn places_are_counted_whoever_leaves() {
        let mut lane = Lane::default();
        for seq in 0..10 {
            lane.insert(0, entry(seq));
        }
        assert_eq!(counted(&lane), (10, 10));
        lane.remove(0, entry(4));
        assert_eq!(counted(&lane), (9, 9));
        assert_eq!(lane.head(|entry| 1 < entry.seq), Some((0, entry(2))), "the first two have left");
        assert_eq!(counted(&lane), (7, 7));
        lane.pop();
        assert_eq!(counted(&lane), (6, 6));
    }

    #[test]
    fn it_is_swept_when_more_than_half_of_many_places_are_void() {
        for (places, void, left) in [(64, 64, 64), (65, 32, 65), (65, 33, 32), (66, 33, 66), (66, 34, 32)] {
            let mut lane = Lane::default();
            for seq in 0..places {
                lane.insert(0, entry(seq));
            }
            for gone in 1..=void {
                lane.bury(|entry| gone <= entry.seq);
            }
            let kept = usize::try_from(left).unwrap();
            assert_eq!(counted(&lane), (kept, kept), "{void} of {places} void");
        }
    }
}
