//! The shape of `--json` is what `docs/cli.md` promises, field by field.

use std::collections::BTreeMap;

use asyncmq::{Client, NewJob};
use serde_json::Value;

use super::{Desk, desks};
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

/// What the docs promise of each shape, and which of them were seen.
struct Shapes {
    promised: BTreeMap<String, Vec<String>>,
    seen: Vec<String>,
}

impl Shapes {
    fn check(&mut self, shape: &str, value: &Value) {
        let promised = self.promised.get(shape);
        let mut wanted = promised.unwrap_or_else(|| panic!("docs/cli.md has no {shape}")).clone();
        wanted.sort();
        assert_eq!(fields(value), wanted, "{shape}");
        self.seen.push(shape.to_owned());
    }

    /// A list and the first of what it lists.
    fn check_list(&mut self, shape: &str, element: &str, list: &Value) {
        self.check(shape, list);
        let elements = list.as_object().unwrap().values().find_map(Value::as_array).unwrap();
        self.check(element, &elements[0]);
    }

    /// Adds a job that fails, and looks at it. Returns its id.
    async fn jobs(&mut self, desk: &Desk, client: &Client) -> String {
        let added = desk.json(&["job", "add", "app.fetch", "path=/nowhere"]);
        self.check("job add", &added);
        until("the failure", async || client.queue("mail").counts().await.unwrap().failed == 1).await;
        let id = added["id"].as_str().unwrap();
        let job = desk.json(&["job", "inspect", id]);
        self.check("job inspect", &job);
        self.check("Failure", &job["errors"][0]);
        self.check_list("job list, dead list", "Job", &desk.json(&["job", "list"]));
        id.to_owned()
    }

    fn queues_and_workers(&mut self, desk: &Desk) {
        self.check_list("queue list", "Queue", &desk.json(&["queue", "list"]));
        self.check("Queue", &desk.json(&["queue", "info", "mail"]));
        let workers = desk.json(&["worker", "list"]);
        self.check_list("worker list", "Worker", &workers);
        let id = workers["workers"][0]["id"].as_str().unwrap();
        self.check("worker inspect", &desk.json(&["worker", "inspect", id]));
        self.check_list("tasks", "Task", &desk.json(&["tasks"]));
    }

    fn orders(&mut self, desk: &Desk, id: &str) {
        self.check("an order, --dry-run", &desk.json(&["dead", "retry", "--all", "--dry-run"]));
        let by_query = ["dead", "retry", "--query", "task:nothing", "--yes"];
        self.check("an order, by query", &desk.json(&by_query));
        self.check("an order, by ids", &desk.json(&["job", "remove", id, "--yes"]));
        self.check("queue pause, resume", &desk.json(&["queue", "pause", "mail"]));
        let limit = ["queue", "limit", "mail", "--task", "app.fetch", "--rate", "100/1s"];
        self.check("queue limit, to set", &desk.json(&limit));
        self.check_list("queue limit", "Limit", &desk.json(&["queue", "limit", "mail"]));
    }

    async fn flows(&mut self, desk: &Desk, client: &Client) {
        super::flow::order(client, "order", &desk.folder.path().join("file")).await;
        self.check_list("flow list", "Flow", &desk.json(&["flow", "list"]));
        let shown = desk.json(&["flow", "show", "order"]);
        self.check("flow show", &shown);
        self.check("FlowNode", &shown["nodes"][1]);
        self.check("FlowEdge", &shown["nodes"][1]["waits_for"][0]);
        let trial = desk.json(&["flow", "cancel", "order", "--dry-run"]);
        self.check("flow cancel, retry, remove, --dry-run", &trial);
        self.check("flow cancel, retry, remove", &desk.json(&["flow", "cancel", "order", "--yes"]));
        let waited: Value =
            serde_json::from_str(&desk.run(&["flow", "wait", "order", "--json"]).out).unwrap();
        self.check("flow wait", &waited);
    }

    fn schedules(&mut self, desk: &Desk) {
        let added = desk.json(&["schedule", "add", "nightly", "1h", "app.fetch", "path=/nowhere"]);
        self.check("schedule add", &added);
        self.check_list("schedule list", "Schedule", &desk.json(&["schedule", "list"]));
        self.check("schedule inspect", &desk.json(&["schedule", "inspect", "nightly"]));
        self.check("schedule pause, resume", &desk.json(&["schedule", "pause", "nightly"]));
        self.check("schedule run", &desk.json(&["schedule", "run", "nightly"]));
        let trial = desk.json(&["schedule", "remove", "nightly", "--dry-run"]);
        self.check("schedule remove, --dry-run", &trial);
        self.check("schedule remove", &desk.json(&["schedule", "remove", "nightly", "--yes"]));
    }

    async fn clearing(&mut self, desk: &Desk, client: &Client) {
        client.queue("mail").add(NewJob::new("x")).await.unwrap();
        let shown = desk.json(&["queue", "drain", "mail", "--dry-run"]);
        self.check("queue drain, clean, obliterate, --dry-run", &shown);
        let done = desk.json(&["queue", "drain", "mail", "--yes"]);
        self.check("queue drain, clean, obliterate", &done);
    }

    fn whole(&mut self, desk: &Desk) {
        self.check_list("audit", "Order", &desk.json(&["audit"]));
        self.check("info", &desk.json(&["info"]));
        let doctor: Value = serde_json::from_str(&desk.run(&["doctor", "--json"]).out).unwrap();
        self.check_list("doctor", "Finding", &doctor);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn json_has_the_fields_that_the_docs_promise() {
    let mut shapes = Shapes { promised: promised(), seen: Vec::new() };
    for desk in desks() {
        let client = desk.client().await;
        let _worker = desk.worker(&client, &[]).await;
        let id = shapes.jobs(&desk, &client).await;
        shapes.queues_and_workers(&desk);
        shapes.schedules(&desk);
        shapes.flows(&desk, &client).await;
        shapes.orders(&desk, &id);
        shapes.clearing(&desk, &client).await;
        shapes.whole(&desk);
    }
    let Shapes { promised, seen } = shapes;
    let unseen: Vec<_> =
        promised.keys().filter(|shape| !seen.contains(shape) && *shape != "events").collect();
    assert!(unseen.is_empty(), "promised and not checked: {unseen:?}");
}
