//! The shape of `--json` is what `docs/cli.md` promises, field by field.

use std::collections::BTreeMap;

use asyncmq::NewJob;
use serde_json::Value;

use super::desks;
use crate::support::until;

/// Reads the table of shapes: their names, and their fields in order.
fn promised() -> BTreeMap<String, Vec<String>> {
    let docs = include_str!("../../../docs/cli.md");
    let rows = docs.lines().filter_map(|line| line.strip_prefix("| **")?.split_once("** | "));
    let names = |fields: &str| fields.split('`').skip(1).step_by(2).map(ToOwned::to_owned).collect();
    rows.map(|(shape, fields)| (shape.to_owned(), names(fields))).collect()
}

fn fields(value: &Value) -> Vec<String> {
    let mut fields: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
    fields.sort();
    fields
}

#[tokio::test(flavor = "multi_thread")]
async fn json_has_the_fields_that_the_docs_promise() {
    let promised = promised();
    let mut seen = Vec::new();
    let mut check = |shape: &str, value: &Value| {
        let mut wanted = promised.get(shape).unwrap_or_else(|| panic!("docs/cli.md has no {shape}")).clone();
        wanted.sort();
        assert_eq!(fields(value), wanted, "{shape}");
        seen.push(shape.to_owned());
    };
    for desk in desks() {
        let client = desk.client().await;
        let _worker = desk.worker(&client, &[]).await;
        let added = desk.json(&["job", "add", "app.fetch", "path=/nowhere"]);
        check("job add", &added);
        until("the failure", async || client.queue("mail").counts().await.unwrap().failed == 1).await;
        let id = added["id"].as_str().unwrap();
        let job = desk.json(&["job", "inspect", id]);
        check("job inspect", &job);
        check("Failure", &job["errors"][0]);
        let list = desk.json(&["job", "list"]);
        check("job list, dead list", &list);
        check("Job", &list["jobs"][0]);
        let queues = desk.json(&["queue", "list"]);
        check("queue list", &queues);
        check("Queue", &queues["queues"][0]);
        check("Queue", &desk.json(&["queue", "info", "mail"]));
        let workers = desk.json(&["worker", "list"]);
        check("worker list", &workers);
        check("Worker", &workers["workers"][0]);
        check(
            "worker inspect",
            &desk.json(&["worker", "inspect", workers["workers"][0]["id"].as_str().unwrap()]),
        );
        let tasks = desk.json(&["tasks"]);
        check("tasks", &tasks);
        check("Task", &tasks["tasks"][0]);
        check("an order, --dry-run", &desk.json(&["dead", "retry", "--all", "--dry-run"]));
        check("an order, by query", &desk.json(&["dead", "retry", "--query", "task:nothing", "--yes"]));
        check("an order, by ids", &desk.json(&["job", "remove", id, "--yes"]));
        check("queue pause, resume", &desk.json(&["queue", "pause", "mail"]));
        client.queue("mail").add(NewJob::new("x")).await.unwrap();
        check(
            "queue drain, clean, obliterate, --dry-run",
            &desk.json(&["queue", "drain", "mail", "--dry-run"]),
        );
        check("queue drain, clean, obliterate", &desk.json(&["queue", "drain", "mail", "--yes"]));
        let audit = desk.json(&["audit"]);
        check("audit", &audit);
        check("Order", &audit["audit"][0]);
        check("info", &desk.json(&["info"]));
        let doctor: Value = serde_json::from_str(&desk.run(&["doctor", "--json"]).out).unwrap();
        check("doctor", &doctor);
        check("Finding", &doctor["findings"][0]);
    }
    let unseen: Vec<_> =
        promised.keys().filter(|shape| !seen.contains(shape) && *shape != "events").collect();
    assert!(unseen.is_empty(), "promised and not checked: {unseen:?}");
}
