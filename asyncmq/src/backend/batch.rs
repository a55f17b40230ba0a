//! How much one call carries.

use std::sync::Arc;

use crate::job::Envelope;

/// The largest batch that a caller may send.
pub const MAX_BATCH: usize = 1_000;
/// How many plain jobs take a store as long as one that has a place in time, a time to live or data of its own.
const HEAVY: usize = 8;

/// Returns how many plain jobs take a store as long as these.
pub(super) fn weight(jobs: &[Arc<Envelope>]) -> usize {
    jobs.iter().map(|job| if job.is_plain() { 1 } else { HEAVY }).sum()
}

/// Returns how many jobs from the front one call should carry, at most [`MAX_BATCH`]: as many as keep other callers of a
/// store that serves one at a time from waiting long. Zero only of none.
fn batch_length(jobs: &[Arc<Envelope>]) -> usize {
    let mut room = MAX_BATCH;
    let fits = |job: &&[Arc<Envelope>]| {
        let weight = weight(job);
        let fits = weight <= room;
        room = room.saturating_sub(weight);
        fits
    };
    jobs.chunks(1).take_while(fits).count()
}

/// Divides jobs into batches, in their order.
pub fn batches(mut jobs: &[Arc<Envelope>]) -> impl Iterator<Item = &[Arc<Envelope>]> {
    std::iter::from_fn(move || {
        let (batch, rest) = jobs.split_at(batch_length(jobs));
        jobs = rest;
        (!batch.is_empty()).then_some(batch)
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::job::{Due, JobId, Name};

    fn jobs(plain: usize, delayed: usize) -> Vec<Arc<Envelope>> {
        let job = |due| {
            let (queue, task) = (Name::from_static("q"), Name::from_static("t"));
            Arc::new(Envelope { due, ..Envelope::new(JobId::generate(), queue, task, Default::default()) })
        };
        let later = Due::After(Duration::from_secs(1));
        let plain = (0..plain).map(|_| job(Due::Now));
        plain.chain((0..delayed).map(|_| job(later))).collect()
    }

    fn lengths(jobs: &[Arc<Envelope>]) -> Vec<usize> {
        batches(jobs).map(<[_]>::len).collect()
    }

    #[test]
    fn plain_jobs_fill_a_batch_by_their_number() {
        assert_eq!(lengths(&jobs(2_500, 0)), [1_000, 1_000, 500]);
        assert_eq!(lengths(&jobs(1_000, 0)), [1_000]);
        assert!(lengths(&[]).is_empty());
    }

    #[test]
    fn heavier_ones_fill_it_sooner() {
        assert_eq!(lengths(&jobs(0, 300)), [125, 125, 50]);
        assert_eq!(lengths(&jobs(992, 2)), [993, 1]);
        assert_eq!(lengths(&jobs(993, 1)), [993, 1]);
    }
}
