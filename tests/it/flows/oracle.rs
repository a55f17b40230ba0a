//! How each job of a graph must end, by plain lists.

use asyncmq::{JobState, OnFailure};

/// For which earlier jobs a job waits.
pub(super) type Edges = [(usize, OnFailure)];

/// Returns in which states each job may be at the end, given its edges and how it ends if it runs. Of two parents that end a job with
/// them, the first to end counts.
pub(super) fn states<'a>(
    graph: impl IntoIterator<Item = &'a Edges>,
    own: impl Fn(usize) -> JobState,
) -> Vec<Vec<JobState>> {
    let mut ends: Vec<Vec<JobState>> = Vec::new();
    for (place, parents) in graph.into_iter().enumerate() {
        let broken = |(parent, _): &&(usize, OnFailure)| ends[*parent] != [JobState::Completed];
        let policies: Vec<OnFailure> = parents.iter().filter(broken).map(|(_, policy)| *policy).collect();
        let mut states = Vec::new();
        if policies.contains(&OnFailure::Fail) {
            states.push(JobState::Failed);
        }
        if policies.contains(&OnFailure::Cancel) {
            states.push(JobState::Cancelled);
        }
        if states.is_empty() {
            states.push(own(place));
        }
        ends.push(states);
    }
    ends
}
