//! Recurring jobs on the pages and in the API: how they stand, what they ran, and what is ordered of them.

use std::time::Duration;

use asyncmq::dashboard::Role;
use asyncmq::{Client, NewJob, Schedule, task, testing};
use serde_json::json;

use super::{As, Site, config, path};

const HOUR: Duration = Duration::from_secs(3_600);

#[task(name = "dashboard.tick", queue = "clockwork")]
async fn tick(#[serde(default)] password: String) {
    drop(password);
}

async fn one(client: &Client, id: &str, schedule: Schedule) {
    let job =
        NewJob::new("app.cleanup").args(json!({ "days": 30, "token": "s3cr3t" })).header("api_key", "s3cr3t");
    client.queue("mail").upsert_schedule(id, schedule, job).await.unwrap();
}

#[tokio::test]
async fn one_shows_when_it_runs_in_words_and_on_the_clocks_of_its_zone() {
    let client = Client::memory();
    let site = Site::of(&client, config());
    let weekdays = Schedule::cron("0 9 * * 1-5").unwrap().tz("Europe/Zurich").unwrap();
    one(&client, "report", weekdays.jitter(Duration::from_secs(300))).await;
    let viewer = As::Program(Role::Viewer);
    let shown = site.get("/schedule?id=report", &viewer).await.is(200).text;
    for part in [
        "At 09:00, on Monday",
        "(Europe/Zurich)",
        "0 9 * * 1-5 Europe/Zurich",
        "<dd>up to 5m</dd>",
        "one job for all",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    // Ten runs, each at nine by the clocks of Zürich, in winter or in summer.
    let runs = shown.matches(" 09:00:00 +01:00</b>").count() + shown.matches(" 09:00:00 +02:00</b>").count();
    assert_eq!(runs, 10, "{shown}");
    assert!(!shown.contains("s3cr3t") && shown.contains("[redacted]"), "{shown}");
    assert!(
        !shown.contains("<form method=\"post\" action=\"/schedule"),
        "a viewer is offered no orders: {shown}"
    );
    let listed = site.get("/schedules", &viewer).await.is(200).text;
    assert!(
        listed.contains("report") && !listed.contains("s3cr3t") && !listed.contains("New schedule"),
        "{listed}"
    );

    let concealed = Site::of(&client, config().conceal_task("app.*"));
    let shown = concealed.get("/schedule?id=report", &viewer).await.is(200).text;
    assert!(!shown.contains("days"), "nothing of a hidden task's arguments: {shown}");
    let detail = concealed.get("/api/schedule?id=report&next=3", &viewer).await.json();
    assert_eq!((&detail["args"], detail["upcoming"].as_array().unwrap().len()), (&json!("[redacted]"), 3));
}

#[tokio::test]
async fn its_last_runs_are_found_by_their_slots() {
    let test = testing::client();
    let site = Site::of(&test, config());
    test.schedules().upsert("s", Schedule::every(HOUR), tick::job(String::new())).await.unwrap();
    for _ in 0..3 {
        test.advance(HOUR);
        assert_eq!(test.drain_due().await.unwrap().completed, 1);
    }
    // A job of the same task that nobody's slot fired.
    tick::job(String::new()).enqueue_on(&test).await.unwrap();
    let shown = site.get("/schedule?id=s", &As::Program(Role::Viewer)).await.is(200).text;
    assert_eq!(shown.matches("<td class=\"what\">").count(), 3, "{shown}");
    let jobs = test.queue("clockwork").list_jobs(asyncmq::JobState::Completed, 0..10).await.unwrap();
    assert!(jobs.len() == 3 && jobs.iter().all(|job| shown.contains(job.id().as_str())), "{shown}");
}

/// What was ordered so far, and how many of it changed something.
async fn orders(client: &Client) -> Vec<(String, u64)> {
    let record = client.admin().audit(0..20).await.unwrap();
    assert!(record.iter().all(|entry| entry.subject == "nightly" && entry.source == "dashboard"));
    record.into_iter().rev().map(|entry| (entry.action, entry.changed)).collect()
}

/// Sends an order about the schedule, and returns where that leads.
async fn order(site: &Site, verb: &str, fields: &[(&str, &str)], who: &As) -> String {
    let fields = [&[("id", "nightly")], fields].concat();
    site.form(&format!("/schedule/{verb}"), &fields, who).await.is(303).header("location").to_owned()
}

#[tokio::test]
async fn operators_steer_one_and_it_is_on_record() {
    let client = Client::memory();
    let site = Site::of(&client, config());
    one(&client, "nightly", Schedule::every(HOUR)).await;
    let (operator, admin) = (site.browser(Role::Operator).await, site.browser(Role::Admin).await);

    let to = order(&site, "pause", &[("reason", "moving house")], &operator).await;
    assert_eq!(to, "/schedule?id=nightly&done=schedule-paused");
    let shown = site.get(&to, &operator).await.is(200).text;
    for part in [
        "by operator: moving house",
        "None while it is paused.",
        "action=\"/schedule/resume\"",
        "it fires nothing",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert!(!shown.contains("/schedule/remove"), "removing is for admins: {shown}");
    assert!(order(&site, "pause", &[], &operator).await.ends_with("done=unchanged"));
    assert!(order(&site, "resume", &[], &operator).await.ends_with("done=schedule-resumed"));
    assert!(client.schedules().get("nightly").await.unwrap().unwrap().paused.is_none());

    let to = order(&site, "run", &[], &operator).await;
    assert!(to.starts_with("/job?queue=mail&id=") && to.ends_with("done=fired"), "{to}");
    assert!(site.get(&to, &operator).await.is(200).text.contains("app.cleanup"));

    order(&site, "remove", &[], &admin).await;
    site.get("/schedule?id=nightly", &operator).await.is(404);
    assert_eq!(client.schedules().get("nightly").await.unwrap(), None);
    let wanted = [("pause", 1), ("pause", 0), ("resume", 1), ("run", 1), ("remove", 1)];
    assert_eq!(orders(&client).await, wanted.map(|(verb, changed)| (["schedule.", verb].concat(), changed)));
}

#[tokio::test]
async fn operators_change_when_one_runs_and_leave_its_job_alone() {
    let client = Client::memory();
    let site = Site::of(&client, config());
    one(&client, "nightly", Schedule::every(HOUR)).await;
    let operator = site.browser(Role::Operator).await;
    let info = async || client.schedules().get("nightly").await.unwrap().unwrap();
    let was = info().await.next;
    let form = site.get("/schedule/edit?id=nightly", &operator).await.is(200).text;
    assert!(form.contains("name=\"when\" required maxlength=\"512\" value=\"every 1h\""), "{form}");
    let put = async |fields: &[(&str, &str)]| order(&site, "put", fields, &operator).await;
    assert!(
        put(&[("when", "every 1h"), ("misfire", "skip"), ("overlap", "allow")])
            .await
            .ends_with("done=scheduled")
    );
    assert_eq!(info().await.next, was, "its slots are the same");
    assert!(put(&[("when", "every 1h"), ("misfire", "skip")]).await.ends_with("done=unchanged"));
    put(&[("when", "0 3 * * *"), ("tz", "Europe/Zurich"), ("limit", "9"), ("jitter", "1m")]).await;
    let now = info().await;
    assert_eq!(now.schedule.to_string(), "0 3 * * * Europe/Zurich");
    assert_eq!(&now.job.args[..], br#"{"days":30,"token":"s3cr3t"}"#, "its job stays as it was");
    assert_eq!(orders(&client).await, [1, 0, 1].map(|changed| ("schedule.change".to_owned(), changed)));
}

#[tokio::test]
async fn a_new_one_takes_the_place_of_none_and_says_what_is_wrong() {
    let client = Client::memory();
    let site = Site::of(&client, config());
    let operator = site.browser(Role::Operator).await;
    let put = async |fields: &[(&str, &str)]| site.form("/schedule/put", fields, &operator).await;
    let new = [("new", "1"), ("id", "s"), ("when", "1h"), ("task", "x"), ("queue", "mail")];
    for (field, says) in [
        (("when", "often"), "is no schedule"),
        (("when", "0 0 30 2 *"), "can never run"),
        (("when", ""), "the parameter &#34;when&#34; is missing"),
        (("tz", "Mars/Phobos"), "says nothing"),
        (("start", "tomorrow"), "start &#34;tomorrow&#34; is no time: write it as 2027-01-31T00:00:00Z"),
        (("limit", "many"), "is no whole number"),
        (("limit", "0"), "limit of 0"),
        (("jitter", "soon"), "jitter: "),
        (("misfire", "twice"), "none of skip, once and all"),
        (("overlap", "maybe"), "neither allow nor skip"),
        (("args", "{"), "the arguments are no JSON"),
        (("queue", ""), "no live worker has a task"),
        (("id", "a\nb"), "control character"),
    ] {
        let fields: Vec<_> =
            new.iter().filter(|(name, _)| *name != field.0).copied().chain([field]).collect();
        let refused = put(&fields).await.is(400);
        assert!(refused.text.contains(says), "{field:?}: {}", refused.text);
    }
    assert!(client.schedules().list().await.unwrap().is_empty());
    put(&new).await.is(303);
    let first = client.schedules().get("s").await.unwrap().unwrap();
    let again = put(&[&new[..2], &[("when", "2h"), ("task", "y"), ("queue", "mail")]].concat()).await.is(409);
    assert!(again.text.contains("there is a schedule"), "{}", again.text);
    assert_eq!(client.schedules().get("s").await.unwrap().unwrap(), first);
    let gone = put(&[("id", "t"), ("when", "1h")]).await.is(400);
    assert!(gone.text.contains("did you mean"), "a change makes none: {}", gone.text);
}

#[tokio::test]
async fn a_list_goes_on_page_by_page_and_is_narrowed_down() {
    let client = Client::memory();
    let site = Site::of(&client, config());
    for number in 0..7 {
        one(&client, &format!("s{number}"), Schedule::every(HOUR)).await;
    }
    client.queue("other").upsert_schedule("s7", Schedule::every(HOUR), NewJob::new("x")).await.unwrap();
    client.schedules().pause("s3").await.unwrap();
    let viewer = As::Program(Role::Viewer);
    let ids = |page: &str| -> Vec<String> {
        let named = page.split("class=\"name\" href=\"/schedule?id=").skip(1);
        named.map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
    };
    let (mut seen, mut next) = (Vec::new(), path("/schedules", &[("limit", "3")]));
    for _ in 0..9 {
        let page = site.get(&next, &viewer).await.is(200).text;
        seen.extend(ids(&page));
        let Some(link) = page.split("class=\"next\" rel=\"next\" href=\"").nth(1) else { break };
        next = link.split('"').next().unwrap().replace("&amp;", "&").replace("&#38;", "&");
        // Who comes or goes before the place shifts nothing.
        client.schedules().remove("s0").await.unwrap();
    }
    assert_eq!(seen, ["s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7"]);
    for (query, found) in [
        ("status=paused", &["s3"][..]),
        ("status=over", &[]),
        ("queue=other", &["s7"]),
        ("q=s5", &["s5"]),
        ("q=app.clean&status=paused", &["s3"]),
        ("q=nothing", &[]),
    ] {
        let page = site.get(&format!("/schedules?{query}"), &viewer).await.is(200).text;
        assert_eq!(ids(&page), found, "{query}");
        assert!(!found.is_empty() || page.contains("No schedule is like that."), "{query}: {page}");
    }
    assert!(site.get("/schedules?status=asleep", &viewer).await.is(400).text.contains("active, paused"));
    let listed = site.get("/api/schedules?queue=other", &viewer).await.json();
    assert_eq!(
        (listed["schedules"].as_array().unwrap().len(), &listed["schedules"][0]["id"]),
        (1, &json!("s7"))
    );
}

#[tokio::test]
async fn programs_make_and_steer_schedules() {
    let client = Client::memory();
    let site = Site::of(&client, config());
    let (operator, admin) = (As::Program(Role::Operator), As::Program(Role::Admin));
    let wanted = json!({
        "id": "nightly", "when": "0 3 * * *", "tz": "Europe/Zurich", "limit": 30, "jitter": "5m", "misfire": "all", "overlap": "skip",
        "start": "2027-01-31T00:00:00Z", "end": "2028-01-31T00:00:00Z",
        "job": { "task": "x", "queue": "mail", "args": { "days": 30 }, "priority": 3, "retries": 2, "tags": ["vip"], "key": "k" },
    });
    let made = site.post("/api/schedules", &wanted, &operator).await.json();
    assert_eq!(
        (&made["schedule"], &made["time_zone"], &made["status"]),
        (&json!("0 3 * * *"), &json!("Europe/Zurich"), &json!("active"))
    );
    let kept = client.schedules().get("nightly").await.unwrap().unwrap();
    assert_eq!(
        (kept.job.priority, kept.job.max_attempts, kept.job.key().map(|key| &**key)),
        (3, 3, Some("k"))
    );
    let detail = site.get("/api/schedule?id=nightly", &operator).await.json();
    let policies =
        [&detail["limit"], &detail["jitter"], &detail["misfire"], &detail["overlap"], &detail["args"]];
    assert_eq!(policies, [&json!(30), &json!(300.0), &json!("all"), &json!("skip"), &json!({ "days": 30 })]);
    let paused =
        site.post("/api/schedule/pause", &json!({ "id": "nightly", "reason": "r" }), &operator).await.json();
    assert_eq!(paused, json!({ "id": "nightly", "paused": true, "changed": true }));
    let refused = site
        .post("/api/schedule/resume", &json!({ "id": "nightly", "reason": "r" }), &operator)
        .await
        .is(400);
    assert!(refused.text.contains("resume knows no"), "{}", refused.text);
    let run = site.post("/api/schedule/run", &json!({ "id": "nightly" }), &operator).await.json();
    assert!(client.queue("mail").get_job(run["job"].as_str().unwrap()).await.unwrap().is_some(), "{run}");
    let resumed = site.post("/api/schedule/resume", &json!({ "id": "nightly" }), &operator).await.json();
    assert_eq!(resumed, json!({ "id": "nightly", "paused": false, "changed": true }));
    site.post("/api/schedule/remove", &json!({ "id": "nightly" }), &operator).await.is(403);
    let removed = site.post("/api/schedule/remove", &json!({ "id": "nightly" }), &admin).await.json();
    assert_eq!(removed, json!({ "id": "nightly", "removed": true }));
    site.post("/api/schedule/remove", &json!({ "id": "nightly" }), &admin).await.is(404);
}

#[tokio::test]
async fn programs_are_told_what_is_wrong_with_a_schedule() {
    let client = Client::memory();
    let site = Site::of(&client, config());
    let operator = As::Program(Role::Operator);
    for (wrong, says) in [
        (json!({ "id": "n", "when": "1h" }), "missing field `job`"),
        (
            json!({ "id": "n", "when": "1h", "jitters": "1s", "job": { "task": "x", "queue": "q" } }),
            "unknown field `jitters`",
        ),
        (json!({ "id": "n", "when": "1h", "job": { "task": "x", "queue": "q", "id": "mine" } }), "has an id"),
        (json!({ "id": "n", "when": "1h", "job": { "task": "x" } }), "no live worker has a task"),
        (json!({ "id": "n", "when": "never", "job": { "task": "x", "queue": "q" } }), "is no schedule"),
    ] {
        let got = site.post("/api/schedules", &wrong, &operator).await.is(400);
        assert!(got.text.contains(says), "{wrong}: {}", got.text);
    }
    assert!(client.schedules().list().await.unwrap().is_empty());
}
