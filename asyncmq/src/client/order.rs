//! Puts jobs that wait for each other into an order in which parents stand before their children.

use std::collections::HashMap;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::job::{Envelope, JobId, Name};

/// Returns the places of jobs in an order in which each stands behind those that it waits for; nothing if they stand so already.
///
/// # Errors
///
/// [`Error::Invalid`] names jobs that wait for each other in a circle.
pub(crate) fn parents_first(jobs: &[Arc<Envelope>]) -> Result<Option<Vec<usize>>> {
    if jobs.iter().all(|job| job.extras().parents.is_empty()) {
        return Ok(None);
    }
    let places: HashMap<(&Name, &JobId), usize> =
        jobs.iter().enumerate().map(|(place, job)| ((&job.queue, &job.id), place)).collect();
    let parents_of = |place: usize| {
        let parents = jobs.get(place).map(|job| job.extras().parents.as_slice()).unwrap_or_default();
        parents.iter().filter_map(|parent| places.get(&(&parent.queue, &parent.id)).copied())
    };
    let mut open: Vec<usize> = (0..jobs.len()).map(|place| parents_of(place).count()).collect();
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); jobs.len()];
    for place in 0..jobs.len() {
        for parent in parents_of(place) {
            if let Some(children) = children.get_mut(parent) {
                children.push(place);
            }
        }
    }
    let mut order: Vec<usize> = (0..jobs.len()).filter(|place| open.get(*place) == Some(&0)).collect();
    let mut next = 0;
    while let Some(place) = order.get(next).copied() {
        next += 1;
        for child in children.get(place).into_iter().flatten() {
            if let Some(open) = open.get_mut(*child) {
                *open -= 1;
                if *open == 0 {
                    order.push(*child);
                }
            }
        }
    }
    if order.len() == jobs.len() {
        return Ok(Some(order).filter(|order| !order.is_sorted()));
    }
    let stuck = (0..jobs.len()).find(|place| open.get(*place).is_some_and(|open| *open != 0));
    Err(in_a_circle(jobs, stuck.unwrap_or_default(), |place| {
        parents_of(place).find(|parent| open.get(*parent).is_some_and(|open| *open != 0))
    }))
}

/// Returns jobs in this order of theirs.
pub(crate) fn in_order(order: &[usize], jobs: &[Arc<Envelope>]) -> Vec<Arc<Envelope>> {
    order.iter().filter_map(|place| jobs.get(*place)).cloned().collect()
}

/// Says which jobs wait for each other, given one from which a circle is reached.
fn in_a_circle(jobs: &[Arc<Envelope>], from: usize, parent: impl Fn(usize) -> Option<usize>) -> Error {
    let mut way = vec![from];
    while let Some(next) = way.last().and_then(|last| parent(*last)) {
        if let Some(begin) = way.iter().position(|place| *place == next) {
            way.drain(..begin);
            way.push(next);
            break;
        }
        way.push(next);
    }
    let name = |place: &usize| {
        jobs.get(*place).map_or_else(String::new, |job| format!("{} ({})", job.id, &*job.task))
    };
    let circle: Vec<String> = way.iter().map(name).collect();
    Error::Invalid(format!(
        "jobs wait for each other in a circle, so none of them could ever run: {}; nothing was enqueued",
        circle.join(" waits for ")
    ))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::job::{OnFailure, Parent, Passes};

    const QUEUE: Name = Name::from_static("q");

    fn jobs(edges: &[&[usize]]) -> Vec<Arc<Envelope>> {
        let id = |place: usize| JobId::from_stored(&place.to_string());
        let job = |(place, parents): (usize, &&[usize])| {
            let mut job = Envelope::new(id(place), QUEUE, Name::from_static("t"), Bytes::new());
            let parents = parents.iter().map(|parent| Parent {
                queue: QUEUE,
                id: id(*parent),
                on_failure: OnFailure::Fail,
                passes: Passes::Nothing,
            });
            job.extras_mut().parents = parents.collect();
            Arc::new(job)
        };
        edges.iter().enumerate().map(job).collect()
    }

    #[test]
    fn parents_come_first_and_what_is_in_order_stays() {
        assert_eq!(parents_first(&jobs(&[&[], &[], &[]])).unwrap(), None);
        assert_eq!(parents_first(&jobs(&[&[], &[0], &[0, 1]])).unwrap(), None);
        assert_eq!(parents_first(&jobs(&[&[1], &[2], &[]])).unwrap(), Some(vec![2, 1, 0]));
        assert_eq!(parents_first(&jobs(&[&[7], &[0]])).unwrap(), None, "others are in the store");
    }

    #[test]
    fn a_circle_is_refused_and_named() {
        let error = parents_first(&jobs(&[&[], &[0, 3], &[1], &[2]])).unwrap_err().to_string();
        assert!(error.contains("1 (t) waits for 3 (t) waits for 2 (t) waits for 1 (t)"), "{error}");
        let error = parents_first(&jobs(&[&[0]])).unwrap_err().to_string();
        assert!(error.contains("0 (t) waits for 0 (t)"), "{error}");
    }
}
