//! Graphs drawn by lot, with ends drawn by lot, run by several hands at once: every job ends, as the policies say.

use asyncmq::{Client, Dependency, Flow, JobState, OnFailure};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};

use super::oracle::states;
use super::{Ran, node, on_every_store, worker};
use crate::support::soon;

/// How many graphs are run on each store.
const GRAPHS: usize = 25;
const ENDS: [&str; 3] = ["ok", "fail", "cancel"];

/// What is drawn for a job: its end, and its edges before it is known which jobs there are.
type Lot = (&'static str, Vec<(prop::sample::Index, OnFailure)>);

/// A job: how it ends if it runs, and for which earlier ones it waits.
#[derive(Debug, Clone)]
pub(crate) struct Drawn {
    pub(crate) end: &'static str,
    pub(crate) parents: Vec<(usize, OnFailure)>,
}

pub(crate) fn graph() -> impl Strategy<Value = Vec<Drawn>> {
    let end = prop_oneof![6 => Just("ok"), 1 => Just("fail"), 1 => Just("cancel")];
    let edge = (any::<prop::sample::Index>(), prop::sample::select(OnFailure::ALL.to_vec()));
    let job = (end, prop::collection::vec(edge, 0..4));
    prop::collection::vec(job, 1..40).prop_map(|jobs| {
        let job = |(place, (end, edges)): (usize, Lot)| {
            let mut parents: Vec<(usize, OnFailure)> = Vec::new();
            for (index, policy) in edges.into_iter().filter(|_| place != 0) {
                let parent = index.index(place);
                if !parents.iter().any(|(known, _)| *known == parent) {
                    parents.push((parent, policy));
                }
            }
            Drawn { end, parents }
        };
        jobs.into_iter().enumerate().map(job).collect()
    })
}

/// Returns in which states each job may be at the end. Of two parents that end a job with them, the first to end counts.
pub(crate) fn expected(graph: &[Drawn]) -> Vec<Vec<JobState>> {
    let own = |place: usize| {
        let end = ENDS.iter().position(|end| *end == graph[place].end).unwrap();
        [JobState::Completed, JobState::Failed, JobState::Cancelled][end]
    };
    states(graph.iter().map(|job| job.parents.as_slice()), own)
}

async fn run(client: &Client, ran: &Ran, id: &str, graph: &[Drawn]) {
    let mut flow = Flow::with_id(id);
    let mut nodes = Vec::new();
    for (place, job) in graph.iter().enumerate() {
        let parents =
            job.parents.iter().map(|(parent, policy)| Dependency::from(&nodes[*parent]).on_failure(*policy));
        let new = node::job(format!("{id} {place}"), job.end).depends_on(parents.collect::<Vec<_>>());
        nodes.push(flow.add(new));
    }
    let handle = flow.enqueue_on(client).await.unwrap();
    let ended = soon("the end of the flow", handle.wait()).await.unwrap();
    for (place, (states, job)) in expected(graph).iter().zip(graph).enumerate() {
        let state = ended.nodes[place].state().unwrap();
        assert!(states.contains(&state), "job {place} is {state}, not {states:?}, in {graph:#?}");
        let own = ran.began(&format!("{id} {place}"));
        let all_ended = |(parent, _): &(usize, OnFailure)| {
            ran.ended(&format!("{id} {parent}")).is_none_or(|end| own.is_none_or(|own| end < own))
        };
        assert!(job.parents.iter().all(all_ended), "job {place} ran before its parents");
    }
}

#[tokio::test]
async fn every_job_of_a_graph_ends_as_the_policies_say() {
    on_every_store(async |client| {
        let mut lot = TestRunner::new(Config::default());
        let ran = Ran::default();
        let worker = worker(&client, &ran).await;
        for number in 0..GRAPHS {
            let graph = graph().new_tree(&mut lot).unwrap().current();
            run(&client, &ran, &format!("graph {number}"), &graph).await;
        }
        worker.stop().await.unwrap();
    })
    .await;
}
