//! Secrets that jobs hold are in no answer of any route, for anybody, until somebody asks for them on record.

use asyncmq::dashboard::Role;
use asyncmq::{Client, NewJob, TaskError, Worker, task};
use futures::StreamExt;
use serde_json::json;
use tower::ServiceExt;

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

/// Listens, and returns what the stream of events says until each of the jobs has ended.
async fn listening(site: &Site) -> impl Future<Output = String> + use<> {
    let admin = As::Program(Role::Admin);
    let request = site.request("GET", "/live/events", &admin).body(axum::body::Body::empty()).unwrap();
    let answer = site.router.clone().oneshot(request).await.unwrap();
    streamed_until_the_ends(answer.into_body().into_data_stream())
}

async fn streamed_until_the_ends(mut stream: axum::body::BodyDataStream) -> String {
    let mut text = String::new();
    let ends = |text: &str| text.matches("job:completed").count() + text.matches("job:failed").count();
    while ends(&text) < 4 {
        text += std::str::from_utf8(&stream.next().await.unwrap().unwrap()).unwrap();
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_holds_a_secret() {
    let client = Client::memory();
    let site = Site::of(&client, config().conceal_key("IBAN").conceal_task("billing.*"));
    site.ready().await;
    let admin = As::Program(Role::Admin);
    // What streams say meanwhile belongs to it.
    let stream = tokio::spawn(listening(&site).await);
    stocked(&client).await;
    let streamed = crate::support::soon("the stream", stream).await.unwrap();
    assert!(!streamed.contains(SECRET) && streamed.contains("[redacted]"), "{streamed}");

    let mut transcript = 0;
    let check = |at: &str, text: &str| assert!(!text.contains(SECRET), "{at}: {text}");
    for role in Role::ALL {
        let who = As::Program(role);
        for probe in
            PROBES.iter().filter(|probe| !probe.path.starts_with("/live") && !probe.path.contains("reveal"))
        {
            let got = probe.send(&site, &who, &[]).await;
            check(probe.path, &got.text);
            transcript += got.text.len();
        }
        for id in JOBS {
            for place in ["/job", "/api/job"] {
                let got = site.get(&path(place, &[("id", id)]), &who).await.is(200);
                check(id, &got.text);
                assert!(got.text.contains("[redacted]"), "{id}: {}", got.text);
            }
        }
        for place in [
            "/jobs?q=state:failed",
            "/dead",
            "/events",
            "/stats",
            "/",
            "/api/events",
            "/api/jobs?limit=200",
            "/metrics",
        ] {
            check(place, &site.get(place, &who).await.text);
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

#[tokio::test(flavor = "multi_thread")]
async fn nobody_finds_a_job_by_what_is_hidden_of_it() {
    let client = Client::memory();
    let site = Site::of(&client, config().conceal_key("IBAN").conceal_task("billing.*"));
    stocked(&client).await;
    let viewer = As::Program(Role::Viewer);
    for (query, found) in [
        ("id:fails error:refused", 1),
        ("id:fails error:s3cr3t*", 0),
        ("id:fails error:iban=s*", 0),
        ("id:fails error:*bearer*s3*", 0),
        ("id:bounces error:error", 1),
        ("id:bounces error:xs3*", 0),
    ] {
        let got = site.get(&path("/api/jobs", &[("q", query)]), &viewer).await.is(200).json();
        assert_eq!(got["jobs"].as_array().unwrap().len(), found, "{query}");
    }
}
