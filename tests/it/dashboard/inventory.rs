//! Every command and page that operators of the Python library have, with what stands for it here: each is run on each store
//! against a real worker.

use std::process::Command;
use std::time::Duration;

use asyncmq::dashboard::Role;
use asyncmq::{JobState, NewJob, Schedule};
use serde_json::{Value, json};

use super::sites::{Place, places};
use super::{As, path};
use crate::support::until;

const DAY: Duration = Duration::from_secs(86_400);

/// What stands for it.
enum Ours {
    /// A command, and the same in the browser.
    Both(&'static str, Sent),
    /// A command alone.
    Command(&'static str),
    /// A page or an address of the API alone.
    Page(Sent),
    /// Nothing has to be done for it here.
    ByItself(&'static str),
}

/// A GET with its parameters, a form, or JSON; `FAILED`, `DONE`, `LATER`, `RUNS` and `WORKER` stand for ids.
enum Sent {
    Get(&'static str),
    Form(&'static str, &'static str),
    Json(&'static str, &'static str),
}

use Ours::{Both, ByItself, Page};
use Sent::{Form, Get, Json};

/// The command line, row by row.
const COMMANDS: &[(&str, Ours)] = &[
    ("info version, info backend", Both("info", Get("/api/info"))),
    ("queue list", Both("queue list", Get("/queues"))),
    ("queue info Q", Both("queue info mail", Get("/queue?name=mail"))),
    ("queue pause Q", Both("queue pause mail", Form("/queue/pause", "name=mail"))),
    ("queue resume Q", Both("queue resume mail", Form("/queue/resume", "name=mail"))),
    (
        "queue list-delayed Q",
        Both("job list queue:mail state:delayed", Get("/jobs?queue=mail&state=delayed")),
    ),
    ("queue list-repeatables Q", Both("schedule list --queue mail", Get("/schedules?queue=mail"))),
    (
        "queue pause-repeatable Q JSON",
        Both("schedule pause nightly", Form("/schedule/pause", "id=nightly&reason=moving")),
    ),
    (
        "queue resume-repeatable Q JSON",
        Both("schedule resume nightly", Form("/schedule/resume", "id=nightly")),
    ),
    (
        "job list --queue --state",
        Both("job list queue:mail state:failed", Get("/jobs?queue=mail&state=failed")),
    ),
    ("job inspect ID --queue", Both("job inspect FAILED --queue mail", Get("/job?queue=mail&id=FAILED"))),
    (
        "job retry ID --queue",
        Both("job retry FAILED --queue mail", Json("/api/job/retry", r#"{"id":"FAILED-2","queue":"mail"}"#)),
    ),
    (
        "job cancel QUEUE ID",
        Both("job cancel LATER", Json("/api/job/cancel", r#"{"id":"LATER-2","queue":"mail"}"#)),
    ),
    (
        "job remove ID --queue",
        Both("job remove DONE --yes", Json("/api/job/remove", r#"{"id":"DONE-2","queue":"mail"}"#)),
    ),
    (
        "queue remove-delayed Q ID",
        Both("job remove LATER-3 --yes", Form("/job/remove", "id=LATER-4&queue=mail")),
    ),
    ("worker start Q --concurrency", Ours::Command("worker start --help")),
    ("worker list", Both("worker list", Get("/workers"))),
    ("worker inspect ID", Both("worker inspect WORKER", Get("/worker?id=WORKER"))),
    (
        "worker register ID Q, deregister ID",
        ByItself("a worker says itself that it is there, and that it goes"),
    ),
    (
        "queue clean Q --state --grace --limit",
        Both(
            "queue clean mail --state completed --older-than 1h --yes",
            Json("/api/queue/clean", r#"{"queue":"mail","state":"completed","older_than":"1h"}"#),
        ),
    ),
    (
        "queue drain Q --include-delayed",
        Both(
            "queue drain idle --delayed --yes",
            Form("/queue/clear", "name=idle&what=drain&delayed=1&confirm=idle"),
        ),
    ),
    (
        "queue obliterate Q --force",
        Both(
            "queue obliterate gone --force --yes",
            Form("/queue/clear", "name=idle&what=obliterate&force=1&confirm=idle"),
        ),
    ),
];

/// The dashboard, row by row.
const PAGES: &[(&str, Ours)] = &[
    ("/ overview", Page(Get("/"))),
    ("/queues", Page(Get("/queues"))),
    ("/queues/{q}", Page(Get("/queue?name=mail"))),
    ("/queues/{q} POST action=pause", Page(Form("/queue/pause", "name=mail&back=/queues"))),
    ("/queues/{q} POST action=resume", Page(Form("/queue/resume", "name=mail&back=/queues"))),
    ("/queues/{q}/jobs, tabs by state", Page(Get("/jobs?queue=mail&state=waiting"))),
    ("… tab active", Page(Get("/jobs?state=active"))),
    ("… tab completed", Page(Get("/jobs?state=completed"))),
    ("… tab failed", Page(Get("/jobs?state=failed"))),
    ("… tab delayed", Page(Get("/jobs?state=delayed"))),
    ("… tab repeatable", Page(Get("/schedule?id=nightly"))),
    ("… size 20, 50, 100", Page(Get("/jobs?limit=20"))),
    ("… q, task, job_id", Page(Get("/jobs?q=task:app.*%20error:disk%20id:FAILED*"))),
    ("… bulk POST retry, remove, cancel", Page(Get("/bulk?order=retry&id=FAILED&id=FAILED-2"))),
    ("/queues/{q}/jobs/{id}", Page(Get("/job?queue=mail&id=FAILED-3"))),
    ("/queues/{q}/jobs/{id}/retry", Page(Form("/job/retry", "queue=mail&id=FAILED-3"))),
    ("/queues/{q}/jobs/{id}/cancel", Page(Form("/job/cancel", "queue=mail&id=LATER-5"))),
    ("/queues/{q}/jobs/{id}/remove, delete", Page(Form("/job/remove", "queue=mail&id=LATER-5"))),
    ("/queues/{q}/repeatables", Page(Get("/schedules?queue=mail"))),
    (
        "… new",
        Page(Form("/schedule/put", "new=1&id=weekly&when=7d&task=greet&queue=mail&args={\"to\":\"ann\"}")),
    ),
    ("/queues/{q}/dlq, paged", Page(Get("/dead?queue=mail&limit=50"))),
    ("… bulk remove", Page(Form("/bulk", "order=remove&query=id:FAILED-4&count=1&confirm=1"))),
    ("… bulk retry", Page(Form("/bulk", "order=retry&query=queue:mail%20state:dead&count=9"))),
    ("/workers", Page(Get("/workers"))),
    ("/metrics", Page(Get("/stats"))),
    ("/metrics/history", Page(Get("/api/history?limit=500"))),
    ("/metrics/prometheus", Page(Get("/metrics"))),
    ("/audit, filters", Page(Get("/audit?action=job.retry&actor=admin"))),
    ("/events/history", Page(Get("/api/events?limit=100"))),
    ("/health", Page(Get("/health"))),
    ("/ready", Page(Get("/ready"))),
    (
        "remote control plane",
        Page(Json("/api/bulk", r#"{"order":"retry","query":"state:dead","dry_run":true}"#)),
    ),
    ("REST: enqueue", Page(Json("/api/jobs", r#"{"task":"greet","args":{"to":"ann"}}"#))),
];

/// Puts jobs into every state that rows speak of.
async fn stock(place: &Place) {
    let (client, mail) = (&place.client, place.client.queue("mail"));
    let missing = place.folder.path().join("missing");
    for number in 1..=4 {
        let id = |name: &str| if number == 1 { name.to_owned() } else { format!("{name}-{number}") };
        let fetch = NewJob::new("app.fetch").args(json!({ "path": missing }));
        mail.add(fetch.id(id("FAILED"))).await.unwrap();
        mail.add(NewJob::new("greet").args(json!({ "to": "ann" })).id(id("DONE"))).await.unwrap();
    }
    for number in 1..=5 {
        let id = if number == 1 { "LATER".to_owned() } else { format!("LATER-{number}") };
        mail.add(NewJob::new("greet").delay(Duration::from_secs(3_600)).id(id)).await.unwrap();
    }
    client.queue("slow").add(NewJob::new("linger").args(json!({ "name": "x" })).id("RUNS")).await.unwrap();
    let (daily, greet) = (Schedule::every(DAY), NewJob::new("greet").args(json!({ "to": "ann" })));
    mail.upsert_schedule("nightly", daily, greet).await.unwrap();
    client.queue("idle").add(NewJob::new("x")).await.unwrap();
    client.queue("gone").add(NewJob::new("x")).await.unwrap();
    until("every state", async || {
        let (mail, slow) = (mail.counts().await.unwrap(), client.queue("slow").counts().await.unwrap());
        (mail.failed, mail.completed, mail.delayed, slow.active) == (4, 4, 5, 1)
    })
    .await;
}

async fn send(place: &Place, sent: &Sent, worker: &str) -> super::Got {
    let admin = place.site.browser(Role::Admin).await;
    match sent {
        Get(path) => place.site.get(&path.replace("WORKER", worker), &admin).await,
        Form(path, fields) => {
            let request = place.site.request("POST", path, &admin);
            let request = request.header("content-type", "application/x-www-form-urlencoded");
            place.site.send(request.body((*fields).into()).unwrap()).await
        }
        Json(path, body) => {
            let body: Value = serde_json::from_str(body).unwrap();
            place.site.post(path, &body, &As::Program(Role::Admin)).await
        }
    }
}

/// Runs a command on a store that other processes can see.
fn run(place: &Place, words: &str, worker: &str) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_operator"));
    command.args(words.replace("WORKER", worker).split(' ')).current_dir(place.folder.path());
    let output = command.env_clear().env("ASYNCMQ_URL", place.url()).env("USER", "ann").output().unwrap();
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {words}: {said}", place.name);
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_and_page_of_theirs_has_one_of_ours() {
    for place in places().await {
        place.site.ready().await;
        stock(&place).await;
        let worker = place.client.workers().await.unwrap()[0].id.to_string();
        for (theirs, ours) in COMMANDS.iter().chain(PAGES) {
            let (command, sent) = match ours {
                Both(command, sent) => (Some(*command), Some(sent)),
                Ours::Command(command) => (Some(*command), None),
                Page(sent) => (None, Some(sent)),
                ByItself(why) => {
                    assert!(!why.is_empty());
                    continue;
                }
            };
            // A store in memory is of this process alone, so commands refuse it.
            if let Some(command) = command.filter(|_| place.name != "memory") {
                assert!(!run(&place, command, &worker).is_empty(), "{theirs}");
            }
            if let Some(sent) = sent {
                let got = send(&place, sent, &worker).await;
                assert!(got.status.as_u16() < 400, "{}: {theirs}: {} {}", place.name, got.status, got.text);
            }
        }
        has_happened(&place).await;
        place.client.queue("slow").cancel_job("RUNS").await.unwrap();
        place.close().await;
    }
}

/// Looks at what the rows have done.
async fn has_happened(place: &Place) {
    let mail = place.client.queue("mail");
    let state = async |id: &str| mail.get_job(id).await.unwrap().map(|job| job.state());
    assert_eq!(state("LATER-2").await, Some(JobState::Cancelled), "{}", place.name);
    for removed in ["DONE-2", "LATER-4", "LATER-5"] {
        assert_eq!(state(removed).await, None, "{} {removed}", place.name);
    }
    let nightly = place.client.schedules().get("nightly").await.unwrap().unwrap();
    assert!(nightly.paused.is_none(), "{}: it was resumed", place.name);
    let weekly = place.client.schedules().get("weekly").await.unwrap().unwrap();
    assert_eq!(
        (weekly.schedule.describe().as_str(), &weekly.job.args[..]),
        ("Every week", &br#"{"to":"ann"}"#[..])
    );
    until("what was removed", async || state("FAILED-4").await.is_none()).await;
    let retried = place.client.admin().audit(0..200).await.unwrap();
    let count =
        |action: &str| retried.iter().filter(|entry| entry.action == action && entry.error.is_none()).count();
    assert!(
        3 <= count("job.retry")
            && 2 <= count("queue.pause")
            && 2 <= count("job.remove")
            && 1 <= count("schedule.resume"),
        "{}",
        place.name
    );
    assert!(place.client.queues().await.unwrap().iter().all(|queue| *queue != "idle"), "{}", place.name);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_job_is_found_read_retried_and_seen_to_complete() {
    for place in places().await {
        let (mail, file) = (place.client.queue("mail"), place.folder.path().join("file"));
        let job = NewJob::new("app.fetch").args(json!({ "path": file })).tag("vip").id("order-17");
        mail.add(job).await.unwrap();
        until("the failure", async || mail.counts().await.unwrap().failed == 1).await;
        let operator = place.site.browser(Role::Operator).await;
        let found = place
            .site
            .get(&path("/jobs", &[("q", "state:failed error:disk tag:vip")]), &operator)
            .await
            .is(200)
            .text;
        let link = found
            .split('"')
            .find(|part| part.starts_with("/job?"))
            .unwrap()
            .replace("&amp;", "&")
            .replace("&#38;", "&");
        let shown = place.site.get(&link, &operator).await.is(200).text;
        assert!(shown.contains("disk") && shown.contains("Attempt 1") && shown.contains("Retry"), "{shown}");
        std::fs::write(&file, "12345").unwrap();
        place.site.form("/job/retry", &[("id", "order-17"), ("queue", "mail")], &operator).await.is(303);
        until("the end", async || mail.counts().await.unwrap().completed == 1).await;
        let shown = place.site.get(&link, &operator).await.is(200).text;
        assert!(shown.contains("completed") && shown.contains(">5</pre>"), "{}: {shown}", place.name);
        place.close().await;
    }
}
