//! The pages and the API show by which key a job counts as the same as others, and who holds that.

use asyncmq::dashboard::Role;
use asyncmq::{Client, Dedup, JobState, State, Worker, task};
use serde_json::{Value, json};

use super::{As, Site, config, path};
use crate::support::gate::Gate;

#[task(name = "shown.gated", queue = "shown")]
async fn gated(gate: State<Gate>) {
    gate.pass().await;
}

#[tokio::test]
async fn a_job_shows_its_key_and_who_holds_it() {
    let client = Client::memory();
    let (site, gate) = (Site::of(&client, config()), Gate::new());
    let worker = Worker::new(&client).queues(["shown"]).state(gate.clone()).start().await.unwrap();
    let job = || gated::job().dedup(Dedup::KeepLast).dedup_key("user <7>");
    let first = job().enqueue_on(&client).await.unwrap();
    gate.arrived(1).await;
    let second = job().enqueue_on(&client).await.unwrap();
    assert_eq!(second.state().await.unwrap(), JobState::Blocked);
    let viewer = As::Program(Role::Viewer);
    let page = async |id: &str| site.get(&path("/job", &[("id", id)]), &viewer).await.is(200).text;
    let shown = page(second.id()).await;
    for part in ["keep_last by user &#60;7&#62;", first.id(), "which holds the key"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert!(page(first.id()).await.contains("this job"));
    let detail: Value = site.get(&path("/api/job", &[("id", second.id())]), &viewer).await.json();
    let seen = [&detail["dedup"], &detail["dedup_key"], &detail["dedup_owner"]];
    assert_eq!(seen, [&json!("keep_last"), &json!("user <7>"), &json!(first.id().as_str())]);
    gate.open(2);
    worker.stop().await.unwrap();
}
