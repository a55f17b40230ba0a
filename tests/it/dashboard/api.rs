//! The API for programs: its shapes are those of the command line, and what describes it is true.

use std::collections::{BTreeMap, BTreeSet};

use asyncmq::dashboard::{__routes, Role};
use asyncmq::{Client, JobState, NewJob};
use serde_json::{Value, json};

use super::roles::stocked;
use super::{As, Site, config, path};

fn description() -> Value {
    serde_json::from_str(include_str!("../../../asyncmq/src/dashboard/api/openapi.json")).unwrap()
}

#[test]
fn every_address_of_the_api_is_described_with_its_role() {
    let routes: BTreeSet<(String, String, String)> = __routes()
        .into_iter()
        .filter(|(_, path, _)| path.starts_with("/api/"))
        .map(|(method, path, role)| (method.to_lowercase(), path.to_owned(), role.unwrap().name().to_owned()))
        .collect();
    let described = description();
    let mut known = BTreeSet::new();
    for (path, methods) in described["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            known.insert((method.clone(), path.clone(), operation["x-role"].as_str().unwrap().to_owned()));
        }
    }
    assert_eq!(routes, known);
}

/// Reads the table of shapes of `docs/cli.md`.
fn promised() -> BTreeMap<String, BTreeSet<String>> {
    let docs = include_str!("../../../docs/cli.md");
    let rows = docs.lines().filter_map(|line| line.strip_prefix("| **")?.split_once("** | "));
    let names = |fields: &str| fields.split('`').skip(1).step_by(2).map(ToOwned::to_owned).collect();
    rows.map(|(shape, fields)| (shape.to_owned(), names(fields))).collect()
}

#[test]
fn its_shapes_are_those_of_the_command_line() {
    let (described, promised) = (description(), promised());
    for (schema, shape) in [
        ("Job", "Job"),
        ("JobDetail", "job inspect"),
        ("Failure", "Failure"),
        ("Queue", "Queue"),
        ("Queues", "queue list"),
        ("Worker", "Worker"),
        ("Workers", "worker list"),
        ("WorkerDetail", "worker inspect"),
        ("Task", "Task"),
        ("Tasks", "tasks"),
        ("Event", "events"),
        ("Order", "Order"),
        ("Audit", "audit"),
        ("Finding", "Finding"),
        ("Diagnosis", "doctor"),
        ("Info", "info"),
        ("Enqueued", "job add"),
        ("Done", "an order, by ids"),
        ("BulkDone", "an order, by query"),
        ("WouldChange", "an order, --dry-run"),
        ("Paused", "queue pause, resume"),
        ("Removed", "queue drain, clean, obliterate"),
        ("WouldRemove", "queue drain, clean, obliterate, --dry-run"),
        ("Jobs", "job list, dead list"),
        ("Limit", "Limit"),
        ("Limits", "queue limit"),
        ("LimitSet", "queue limit, to set"),
        ("Flow", "Flow"),
        ("Flows", "flow list"),
        ("FlowDetail", "flow show"),
        ("FlowNode", "FlowNode"),
        ("FlowEdge", "FlowEdge"),
        ("FlowOrdered", "flow cancel, retry, remove"),
        ("Schedule", "Schedule"),
        ("Schedules", "schedule list"),
        ("ScheduleDetail", "schedule inspect"),
        ("SchedulePaused", "schedule pause, resume"),
        ("ScheduleRun", "schedule run"),
        ("ScheduleRemoved", "schedule remove"),
    ] {
        let properties = described["components"]["schemas"][schema]["properties"].as_object().unwrap();
        let properties: BTreeSet<String> = properties.keys().cloned().collect();
        assert_eq!(properties, promised[shape], "{schema}");
    }
}

/// Holds a value against a schema: types, what must be there, and that nothing else is.
fn hold(schema: &Value, value: &Value, root: &Value, at: &str) {
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.rsplit('/').next().unwrap();
        return hold(&root["components"]["schemas"][name], value, root, at);
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let keys = value.as_object().unwrap();
        let fits = |choice: &&Value| {
            let name = choice["$ref"].as_str().unwrap().rsplit('/').next().unwrap();
            let properties = root["components"]["schemas"][name]["properties"].as_object().unwrap();
            keys.keys().all(|key| properties.contains_key(key)) && keys.len() == properties.len()
        };
        let choice = choices.iter().find(fits).unwrap_or_else(|| panic!("{at}: {value}"));
        return hold(choice, value, root, at);
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().map(|one| one.as_str().unwrap()).collect(),
        _ => return,
    };
    let is = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) if types.contains(&"number") => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    assert!(types.contains(&is), "{at} is {value}, not {types:?}");
    if let Value::Array(items) = value {
        items.iter().for_each(|item| hold(&schema["items"], item, root, at));
    }
    if let (Value::Object(fields), Some(properties)) = (value, schema["properties"].as_object()) {
        assert_eq!(
            fields.keys().collect::<BTreeSet<_>>(),
            properties.keys().collect::<BTreeSet<_>>(),
            "{at}"
        );
        for (name, field) in fields {
            hold(&properties[name], field, root, &format!("{at}.{name}"));
        }
    }
}

#[tokio::test]
async fn every_answer_has_the_shape_that_is_described() {
    let client = stocked().await;
    let site = Site::of(&client, config());
    site.ready().await;
    client.queue("mail").pause().await.unwrap();
    let described = description();
    let admin = As::Program(Role::Admin);
    for probe in super::roles::PROBES.iter().filter(|probe| probe.path.starts_with("/api/")) {
        if probe.path == "/api/openapi.json" || probe.path == "/api/job/retry" {
            continue;
        }
        let method = probe.method.to_lowercase();
        let responses = &described["paths"][probe.path][&method]["responses"];
        let got = probe.send(&site, &admin, &[]).await;
        let schema = &responses[got.status.as_str()]["content"]["application/json"]["schema"];
        assert!(schema.is_object(), "{method} {}: {} {}", probe.path, got.status, got.text);
        hold(schema, &got.json(), &described, probe.path);
    }
    let refused = site.get("/api/job?id=none", &admin).await.is(404);
    hold(
        &json!({ "$ref": "#/x/Error" }),
        &serde_json::from_str(&refused.text).unwrap(),
        &described,
        "an error",
    );
}

#[tokio::test]
async fn a_job_comes_in_with_every_option() {
    let client = Client::memory();
    let site = Site::of(&client, config());
    let operator = As::Program(Role::Operator);
    let job = json!({
        "task": "later", "queue": "mail", "args": { "to": "ann", "count": 184467440737095516_u64 }, "delay": "1h",
        "priority": 3, "retries": 2, "ttl": 300, "timeout": 1.5, "id": "order-17", "tags": ["vip"], "headers": { "k": "v" },
    });
    let got = site.post("/api/jobs", &job, &operator).await.is(201);
    assert_eq!(got.json(), json!({ "id": "order-17", "queue": "mail" }));
    let kept = client.queue("mail").get_job("order-17").await.unwrap().unwrap();
    assert_eq!(kept.args().unwrap().get(), r#"{"count":184467440737095516,"to":"ann"}"#);
    assert_eq!((kept.state(), kept.priority(), kept.max_attempts()), (JobState::Delayed, 3, 3));
    assert_eq!((kept.tags(), kept.headers()[0].1.as_str()), (&["vip".to_owned()][..], "v"));
    let record = client.admin().audit(0..1).await.unwrap().remove(0);
    assert_eq!(
        (record.actor.as_str(), record.source.as_str(), record.action.as_str()),
        ("operator-program", "dashboard", "job.add")
    );

    for (wrong, says) in [
        (json!({ "task": "later" }), "say into which"),
        (json!({ "queue": "mail" }), "missing field `task`"),
        (json!({ "task": "x", "queue": "mail", "priorty": 3 }), "unknown field `priorty`"),
        (json!({ "task": "x", "queue": "mail", "delay": -1 }), "delay"),
        (json!({ "task": "x", "queue": "mail", "ttl": "soon" }), "ttl"),
        (json!({ "task": "x", "queue": "a\nb" }), "control character"),
        (json!({ "task": "", "queue": "mail" }), "it is empty"),
    ] {
        let got = site.post("/api/jobs", &wrong, &operator).await.is(400);
        assert!(got.text.contains(says), "{wrong}: {}", got.text);
    }
    let large = json!({ "task": "x", "queue": "mail", "args": { "x": "x".repeat(1_100_000) } });
    assert!(site.post("/api/jobs", &large, &operator).await.is(400).text.contains("1048576 are allowed"));
    let huge = json!({ "task": "x", "queue": "mail", "args": { "x": "x".repeat(3_000_000) } });
    site.post("/api/jobs", &huge, &operator).await.is(413);
    let fits = json!({ "task": "x", "queue": "mail", "args": { "x": "x".repeat(1_000_000) } });
    site.post("/api/jobs", &fits, &operator).await.is(201);
}

#[tokio::test]
async fn pages_of_jobs_follow_each_other() {
    let client = Client::memory();
    let site = Site::of(&client, config());
    for number in 0..7 {
        client
            .queue("mail")
            .add(NewJob::new("x").id(format!("{number}")).tag("odd").tag(["a", "b"][number % 2]))
            .await
            .unwrap();
    }
    let viewer = As::Program(Role::Viewer);
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page = site
            .get(&path("/api/jobs", &[("q", "tag:a"), ("limit", "2"), ("after", &after)]), &viewer)
            .await
            .json();
        seen.extend(
            page["jobs"].as_array().unwrap().iter().map(|job| job["id"].as_str().unwrap().to_owned()),
        );
        let Some(next) = page["next"].as_str() else { break };
        next.clone_into(&mut after);
    }
    assert_eq!(seen, ["0", "2", "4", "6"]);
    let wrong = site.get("/api/jobs?q=state:faild", &viewer).await.is(400);
    assert!(wrong.text.contains("did you mean failed?"), "{}", wrong.text);
}
