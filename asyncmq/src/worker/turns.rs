//! Fair turns: in which order a worker asks its queues, so that each gets its share of what the worker can run.

use crate::job::Name;

/// The queues of a worker and how much each has had: the one that has had least for its weight is asked first.
#[derive(Debug)]
pub(crate) struct Turns {
    queues: Vec<Turn>,
    order: Vec<Name>,
}

#[derive(Debug)]
struct Turn {
    name: Name,
    weight: f64,
    /// Jobs had, divided by the weight.
    had: f64,
}

impl Turns {
    pub(crate) fn new(queues: impl IntoIterator<Item = (Name, u32)>) -> Self {
        let turn = |(name, weight): (Name, u32)| Turn { name, weight: f64::from(weight.max(1)), had: 0.0 };
        let queues: Vec<Turn> = queues.into_iter().map(turn).collect();
        let order = queues.iter().map(|turn| turn.name.clone()).collect();
        Self { queues, order }
    }

    /// Returns the queues in the order in which they are to be asked.
    pub(crate) fn order(&self) -> &[Name] {
        &self.order
    }

    /// Takes note of what a claim gave that asked for so many jobs.
    ///
    /// A queue that had nothing to give saves nothing up.
    pub(crate) fn gave<'a>(&mut self, jobs: impl ExactSizeIterator<Item = &'a Name>, asked: usize) {
        if self.queues.len() < 2 {
            return;
        }
        if jobs.len() < asked {
            // Everyone has had all there was.
            self.queues.iter_mut().for_each(|turn| turn.had = 0.0);
            return;
        }
        let mut counts = vec![0_u32; self.queues.len()];
        for name in jobs {
            if let Some(place) = self.queues.iter().position(|turn| turn.name == *name) {
                counts[place] += 1;
            }
        }
        let mut last_served = 0.0;
        for (turn, count) in self.queues.iter_mut().zip(&counts).rev() {
            turn.had += f64::from(*count) / turn.weight;
            if *count == 0 {
                // Asked before one that gave, so it had nothing.
                turn.had = turn.had.max(last_served);
            } else {
                last_served = turn.had;
            }
        }
        self.queues.sort_by(|one, other| one.had.total_cmp(&other.had));
        self.order.clear();
        self.order.extend(self.queues.iter().map(|turn| turn.name.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lets claims of these sizes take from queues that always have something, and counts what each gave.
    fn shares(weights: &[(&'static str, u32)], sizes: impl Iterator<Item = usize>) -> Vec<u32> {
        let mut turns = Turns::new(weights.iter().map(|(name, weight)| (Name::from_static(name), *weight)));
        let mut shares = vec![0; weights.len()];
        for size in sizes {
            let first = turns.order()[0].clone();
            let place = weights.iter().position(|(name, _)| first == *name).unwrap();
            shares[place] += u32::try_from(size).unwrap();
            turns.gave(std::iter::repeat_n(&first, size), size);
        }
        shares
    }

    #[test]
    fn queues_share_alike_whatever_the_sizes_of_the_claims() {
        let sizes = (0..2_000).map(|claim| if claim % 2 == 0 { 1 } else { 99 });
        let shares = shares(&[("a", 1), ("b", 1)], sizes);
        assert!(shares[0].abs_diff(shares[1]) <= 100, "{shares:?}");
    }

    #[test]
    fn a_heavier_queue_gets_more() {
        let shares = shares(&[("critical", 5), ("bulk", 1)], (0..6_000).map(|_| 1));
        assert!(shares[0].abs_diff(5_000) <= 10, "{shares:?}");
    }

    #[test]
    fn an_idle_queue_saves_nothing_up() {
        let (a, b) = (Name::from_static("a"), Name::from_static("b"));
        let mut turns = Turns::new([(a.clone(), 1), (b.clone(), 1)]);
        for _ in 0..100 {
            turns.gave(std::iter::repeat_n(&a, 10), 10);
        }
        assert_eq!(turns.order()[0], b);
        turns.gave(std::iter::repeat_n(&b, 10), 10);
        turns.gave(std::iter::repeat_n(&b, 10), 10);
        assert_eq!(turns.order()[0], a, "it was idle before, which gives it no more than its turn now");
    }

    #[test]
    fn a_claim_that_was_not_filled_evens_all_out() {
        let (a, b) = (Name::from_static("a"), Name::from_static("b"));
        let mut turns = Turns::new([(a.clone(), 1), (b.clone(), 1)]);
        turns.gave(std::iter::repeat_n(&a, 10), 10);
        turns.gave([&b].into_iter(), 2);
        assert!(turns.queues.iter().all(|turn| turn.had == 0.0));
    }
}
