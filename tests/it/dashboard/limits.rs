//! Limits on the pages and in the API: what is in force, how much of it is in use, and what is ordered.

use asyncmq::dashboard::Role;
use asyncmq::job::Name;
use asyncmq::{Client, Limit, OnLimit, Registry, State, Worker, WorkerHandle, task};
use serde_json::json;

use super::{As, Site, config, path};
use crate::support::gate::Gate;
use crate::support::until;

#[task(name = "held.few", queue = "held", concurrency = 2)]
async fn few(gate: State<Gate>) {
    gate.pass().await;
}

#[task(name = "held.tenants", queue = "held", key = tenant, concurrency = 1)]
async fn of_tenant(tenant: String, gate: State<Gate>) {
    let _ = tenant;
    gate.pass().await;
}

async fn few_is_held_to(client: &Client) -> Limit {
    let limits = client.queue("held").limits().await.unwrap();
    limits.iter().find(|info| info.scope.to_string() == "task held.few").unwrap().limit()
}

/// A worker with two jobs that run of three of one task, and one that runs of two of a key; with the gate that holds them.
async fn two_that_are_full(client: &Client) -> (WorkerHandle, Gate) {
    let gate = Gate::new();
    let worker = Worker::new(client).queues(["held"]).state(gate.clone()).concurrency(10);
    let registry = Registry::new().with::<few>().with::<of_tenant>();
    let worker = worker.registry(registry).start().await.unwrap();
    client.queue("held").limit(Some(Limit::NONE.rate("100/3600s".parse().unwrap()))).await.unwrap();
    client.enqueue_all((0..3).map(|_| few::job())).await.unwrap();
    client.enqueue_all((0..2).map(|_| of_tenant::job("a <b>"))).await.unwrap();
    gate.arrived(3).await;
    let queue = Name::from_static("held");
    until("the key to be set aside", async || client.backend().parked_keys(&queue).await.unwrap() == 1).await;
    (worker, gate)
}

#[tokio::test]
async fn how_much_is_in_use_is_shown_of_queue_task_and_key() {
    let client = Client::memory();
    let site = Site::of(&client, config());
    let (worker, gate) = two_that_are_full(&client).await;
    let viewer = As::Program(Role::Viewer);
    for place in ["/limits", "/limits?queue=held", "/queue?name=held"] {
        let shown = site.get(place, &viewer).await.is(200).text;
        for part in [
            "task held.few",
            "concurrency 2",
            "2/2 run",
            "rate 100/3600s",
            "97 may start now",
            "ordered",
            "each key for itself",
            "1 key waits",
        ] {
            assert!(shown.contains(part), "{place}: {part}: {shown}");
        }
        assert!(!shown.contains("/limits/edit"), "{place}: a viewer is offered no orders");
    }
    assert!(!site.get("/limits?queue=other", &viewer).await.is(200).text.contains("held.few"));
    let of_key = path("/limits", &[("queue", "held"), ("task", "held.tenants"), ("key", "a <b>")]);
    let shown = site.get(&of_key, &viewer).await.is(200).text;
    assert!(
        shown.contains("key a &#60;b&#62;: 1/1 run") && shown.contains("queue: 97 may start now"),
        "{shown}"
    );
    gate.open(10);
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn how_much_is_in_use_is_told_to_programs() {
    let client = Client::memory();
    let site = Site::of(&client, config());
    let (worker, gate) = two_that_are_full(&client).await;
    let held = site.get("/api/queue/limits?queue=held", &As::Program(Role::Viewer)).await.json();
    assert_eq!(held["parked_keys"], 1);
    let limit = |number: usize, field: &str| held["limits"][number][field].clone();
    let of_queue = ["task", "rate", "running", "may_start", "ordered"].map(|field| limit(0, field));
    assert_eq!(of_queue, [json!(null), json!("100/3600s"), json!(null), json!(97), json!(true)]);
    let of_few = ["task", "concurrency", "running", "may_start", "declared"].map(|field| limit(1, field));
    assert_eq!(of_few, [json!("held.few"), json!(2), json!(2), json!(0), json!("concurrency 2")]);
    let of_keys = ["task", "keyed", "concurrency", "running", "may_start"].map(|field| limit(2, field));
    assert_eq!(of_keys, [json!("held.tenants"), json!(true), json!(1), json!(null), json!(null)]);
    gate.open(10);
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn operators_set_take_off_and_take_back_a_limit() {
    let client = Client::memory();
    let site = Site::of(&client, config());
    let worker = Worker::new(&client).queues(["held"]).state(Gate::new()).start().await.unwrap();
    let operator = site.browser(Role::Operator).await;
    let set = async |fields: &[(&str, &str)]| {
        let fields = [&[("queue", "held"), ("task", "held.few")], fields].concat();
        site.form("/limits/set", &fields, &operator).await
    };
    let form = site.get("/limits/edit?queue=held&task=held.few", &operator).await.is(200).text;
    for part in [
        "The code says concurrency 2",
        "name=\"concurrency\" inputmode=\"numeric\" maxlength=\"10\" value=\"2\"",
    ] {
        assert!(form.contains(part), "{part}: {form}");
    }
    let to = set(&[("what", "set"), ("rate", "20/1s"), ("concurrency", "0")]).await.is(303);
    assert_eq!(to.header("location"), "/limits?queue=held&done=limited");
    assert_eq!(few_is_held_to(&client).await, Limit::NONE.rate("20/1s".parse().unwrap()).concurrency(0));
    assert!(
        set(&[("what", "set"), ("rate", "20/1s"), ("concurrency", "0")])
            .await
            .header("location")
            .ends_with("unchanged")
    );
    // The fields count for nothing where no limit is set.
    set(&[("what", "off"), ("rate", "20/1s")]).await.is(303);
    assert_eq!(few_is_held_to(&client).await, Limit::NONE);
    let to = set(&[("what", "reset"), ("concurrency", "7")]).await.is(303);
    assert!(to.header("location").ends_with("done=limit-reset"));
    assert_eq!(few_is_held_to(&client).await, Limit::NONE.concurrency(2));
    for (fields, says) in [
        (&[("what", "set")][..], "say a rate"),
        (&[("what", "set"), ("rate", "fast")], "fast"),
        (&[("what", "set"), ("concurrency", "-1")], "concurrency &#34;-1&#34; is no number of jobs"),
        (&[("what", "halve")], "set, off and reset"),
        (&[], "the parameter &#34;what&#34; is missing"),
    ] {
        let refused = set(fields).await.is(400);
        assert!(refused.text.contains(says), "{fields:?}: {}", refused.text);
    }
    let record = client.admin().audit(0..9).await.unwrap();
    let orders: Vec<_> = record
        .iter()
        .rev()
        .map(|entry| (entry.action.as_str(), entry.subject.as_str(), entry.changed))
        .collect();
    let subject = "held task:held.few";
    let limit = |changed| ("queue.limit", subject, changed);
    assert_eq!(orders, [limit(1), limit(0), limit(1), ("queue.unlimit", subject, 1)]);
    assert!(record.iter().all(|entry| entry.actor == "operator" && entry.source == "dashboard"));
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn operators_say_what_becomes_of_too_many() {
    let client = Client::memory();
    let site = Site::of(&client, config());
    let operator = site.browser(Role::Operator).await;
    let place = "/limits/edit?queue=held&task=held.few";
    let form = site.get(place, &operator).await.is(200).text;
    assert!(!form.contains("<option selected>discard</option>"), "{form}");
    let fields = [("queue", "held"), ("task", "held.few"), ("what", "set"), ("concurrency", "3")];
    let fields = [&fields[..], &[("on-limit", "discard")]].concat();
    site.form("/limits/set", &fields, &operator).await.is(303);
    let discard = Limit::NONE.concurrency(3).on_limit(OnLimit::Discard);
    assert_eq!(few_is_held_to(&client).await, discard);
    let form = site.get(place, &operator).await.is(200).text;
    assert!(form.contains("<option selected>discard</option>"), "{form}");
}

#[tokio::test]
async fn programs_set_limits_and_say_exactly_what() {
    let client = Client::memory();
    let site = Site::of(&client, config());
    let operator = As::Program(Role::Operator);
    let set = async |body: serde_json::Value| site.post("/api/queue/limit", &body, &operator).await;
    let done = set(json!({ "queue": "mail", "rate": "window(5/1s)", "concurrency": 3 })).await.json();
    assert_eq!(done, json!({ "queue": "mail", "task": null, "changed": true }));
    let limits = client.queue("mail").limits().await.unwrap();
    assert_eq!(limits[0].limit().to_string(), "rate window(5/1s), concurrency 3");
    assert_eq!(set(json!({ "queue": "mail", "off": true })).await.json()["changed"], true);
    assert!(client.queue("mail").limits().await.unwrap()[0].limit().is_none());
    assert_eq!(set(json!({ "queue": "mail", "reset": true })).await.json()["changed"], true);
    assert!(client.queue("mail").limits().await.unwrap().is_empty());
    let body = json!({ "queue": "mail", "task": "t", "concurrency": 1, "on_limit": "cancel_running" });
    assert_eq!(set(body).await.json()["changed"], true);
    let limits = client.queue("mail").limits().await.unwrap();
    assert_eq!(limits[0].limit().when_full(), OnLimit::CancelRunning);
    for (wrong, says) in [
        (json!({ "queue": "mail", "task": "t", "concurrency": 1, "on_limit": "drop" }), "drop"),
        (json!({ "queue": "mail" }), "say a rate"),
        (json!({ "queue": "mail", "off": true, "reset": true }), "say one of"),
        (json!({ "queue": "mail", "off": true, "concurrency": 1 }), "say one of"),
        (json!({ "queue": "mail", "concurency": 1 }), "unknown field"),
        (json!({ "queue": "mail", "concurrency": -1 }), "invalid value"),
        (json!({ "queue": "mail", "rate": "often" }), "often"),
        (json!({ "queue": "a\nb", "concurrency": 1 }), "control character"),
    ] {
        let refused = set(wrong.clone()).await.is(400);
        assert!(refused.text.contains(says), "{wrong}: {}", refused.text);
    }
}
