//! How much one call carries.

use std::sync::Arc;

use crate::job::Envelope;

/// The largest batch that a caller may send.
pub const MAX_BATCH: usize = 1_000;

/// Divides jobs into batches, in their order, and says what each weighs: as long as one call may carry by the store's
/// weights.
pub(super) fn batches(
    mut jobs: &[Arc<Envelope>],
    weight: impl Fn(&Envelope) -> usize,
) -> impl Iterator<Item = (&[Arc<Envelope>], usize)> {
    std::iter::from_fn(move || {
        let (mut length, mut load) = (0, 0);
        for job in jobs {
            let more = weight(job);
            // However heavy it is, a job can travel alone.
            if MAX_BATCH < load + more && length != 0 {
                break;
            }
            load += more;
            length += 1;
        }
        let (batch, rest) = jobs.split_at(length);
        jobs = rest;
        (!batch.is_empty()).then_some((batch, load))
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
        let weight = |job: &Envelope| if job.is_plain() { 1 } else { 8 };
        batches(jobs, weight).map(|(batch, _)| batch.len()).collect()
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
        let jobs = jobs(3, 0);
        let alone = batches(&jobs, |_| 2 * MAX_BATCH).map(|(batch, load)| (batch.len(), load));
        assert!(alone.eq([(1, 2 * MAX_BATCH); 3]));
    }
}
