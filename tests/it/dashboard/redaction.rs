//! Secrets that jobs hold are in no answer of any route, for anybody, until somebody asks for them on record.

use asyncmq::dashboard::Role;
use asyncmq::{Client, NewJob, TaskError, Worker, task};
use futures::StreamExt;
use serde_json::json;

use super::roles::PROBES;
use super::{As, Site, config, path};
use crate::support::until;

const SECRET: &str = "s3cr3t-4711";

#[task(queue = "safe", name = "safe.fail")]
async fn fail(ctx: asyncmq::Context, password: String) -> Result<(), TaskError> {
    ctx.log(format!("trying password={password}"));
    Err(TaskError::permanent(format!("refused: Authorization: Bearer {password}, iban={password}")))
}

#[task(queue = "safe", name = "safe.give")]
async fn give(api_key: String) -> serde_json::Value {
    json!({ "accessToken": api_key, "nested": [{ "Iban": api_key }], "shown": 1 })
}

/// All of whose jobs is concealed.
#[task(queue = "safe", name = "billing.charge")]
async fn charge(ctx: asyncmq::Context, amount: String) -> Result<String, TaskError> {
    ctx.log(format!("charging {amount}"));
    if amount.starts_with('x') { Err(TaskError::permanent(amount)) } else { Ok(amount) }
}

async fn stocked(client: &Client) {
    let worker = Worker::new(client).queues(["safe"]).start().await.unwrap();
    let queue = client.queue("safe");
    queue
        .add(
            NewJob::new("safe.fail")
                .args(json!({ "password": SECRET }))
                .header("x-auth-token", SECRET)
                .id("fails"),
        )
        .await
        .unwrap();
    queue.add(NewJob::new("safe.give").args(json!({ "api_key": SECRET })).id("gives")).await.unwrap();
    queue
        .add(
            NewJob::new("billing.charge")
                .args(json!({ "amount": SECRET }))
                .header("plain", SECRET)
                .id("charges"),
        )
        .await
        .unwrap();
    queue
        .add(NewJob::new("billing.charge").args(json!({ "amount": format!("x{SECRET}") })).id("bounces"))
        .await
        .unwrap();
    until("the ends", async || {
        let counts = queue.counts().await.unwrap();
        counts.completed == 2 && counts.failed == 2
    })
    .await;
    worker.stop().await.unwrap();
}

const JOBS: [&str; 4] = ["fails", "gives", "charges", "bounces"];

const LISTS: [&str; 8] = [
    "/jobs?q=state:failed",
    "/dead",
    "/events",
    "/stats",
    "/",
    "/api/events",
    "/api/jobs?limit=200",
    "/metrics",
];

/// Reads what a stream says until all four jobs have ended.
async fn listen(site: &Site, who: &As) -> tokio::task::JoinHandle<String> {
    use tower::ServiceExt;
    let request = site.request("GET", "/live/events", who).body(axum::body::Body::empty()).unwrap();
    let mut stream = site.router.clone().oneshot(request).await.unwrap().into_body().into_data_stream();
    tokio::spawn(async move {
        let mut text = String::new();
        let ended = |text: &str, kind: &str| text.matches(kind).count() == 2;
        while !(ended(&text, "job:completed") && ended(&text, "job:failed")) {
            text += std::str::from_utf8(&stream.next().await.unwrap().unwrap()).unwrap();
        }
        text
    })
}

fn has_no_secret(at: &str, text: &str) {
    assert!(!text.contains(SECRET), "{at}: {text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_holds_a_secret() {
    let client = Client::memory();
    let site = Site::of(&client, config().conceal_key("IBAN").conceal_task("billing.*"));
    site.ready().await;
    let admin = As::Program(Role::Admin);
    // What streams say meanwhile belongs to it.
    let stream = listen(&site, &admin).await;
    stocked(&client).await;
    let streamed = crate::support::soon("the stream", stream).await.unwrap();
    assert!(!streamed.contains(SECRET) && streamed.contains("[redacted]"), "{streamed}");

    let mut transcript = 0;
    let is_read = |path: &str| !path.starts_with("/live") && !path.contains("reveal");
    for role in Role::ALL {
        let who = As::Program(role);
        for probe in PROBES.iter().filter(|probe| is_read(probe.path)) {
            let got = probe.send(&site, &who, &[]).await;
            has_no_secret(probe.path, &got.text);
            transcript += got.text.len();
        }
        for id in JOBS {
            for place in ["/job", "/api/job"] {
                let got = site.get(&path(place, &[("id", id)]), &who).await.is(200);
                has_no_secret(id, &got.text);
                assert!(got.text.contains("[redacted]"), "{id}: {}", got.text);
            }
        }
        for place in LISTS {
            has_no_secret(place, &site.get(place, &who).await.text);
        }
    }
    assert!(30_000 < transcript);
    // Lists show no arguments at all.
    assert!(!site.get("/api/jobs", &admin).await.text.contains("\"args\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_looks_at_secrets_is_on_record() {
    let client = Client::memory();
    let site = Site::of(&client, config().conceal_task("billing.*"));
    stocked(&client).await;
    let admin = site.browser(Role::Admin).await;
    let page = site.form("/job/reveal", &[("id", "fails"), ("queue", "safe")], &admin).await.is(200);
    assert!(page.text.contains(SECRET) && page.text.contains("secrets shown"));
    assert_eq!(page.header("cache-control"), "no-store");
    let json =
        site.post("/api/job/reveal", &json!({ "id": "charges" }), &As::Program(Role::Admin)).await.json();
    assert_eq!((&json["args"]["amount"], &json["result"]), (&json!(SECRET), &json!(SECRET)));
    site.form("/job/reveal", &[("id", "none")], &admin).await.is(404);
    let record = client.admin().audit(0..5).await.unwrap();
    let seen: Vec<_> = record
        .iter()
        .map(|entry| (entry.actor.as_str(), entry.action.as_str(), entry.error.is_some()))
        .collect();
    assert_eq!(
        seen,
        [
            ("admin", "job.reveal", true),
            ("admin-program", "job.reveal", false),
            ("admin", "job.reveal", false)
        ]
    );
    assert!(record[2].subject.contains("id:fails") && !record[2].subject.contains(SECRET));
}
