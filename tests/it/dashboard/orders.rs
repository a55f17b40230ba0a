//! Orders about many jobs through the pages: shown, confirmed, carried out, and on record.

use asyncmq::dashboard::Role;
use asyncmq::{Client, NewJob};
use serde_json::json;

use super::{As, Site, config, path};
use crate::support::until;

async fn site_of(jobs: usize) -> (Client, Site) {
    let client = Client::memory();
    let mail = client.queue("mail");
    mail.add_bulk((0..jobs).map(|number| {
        NewJob::new("x").id(number.to_string()).tag(if number % 2 == 0 { "even" } else { "odd" })
    }))
    .await
    .unwrap();
    let site = Site::of(&client, config());
    (client, site)
}

#[tokio::test]
async fn many_jobs_are_shown_first_and_changed_when_confirmed() {
    let (client, site) = site_of(20).await;
    let operator = site.browser(Role::Operator).await;
    let shown = site.get("/bulk?order=cancel&queue=mail&q=tag:even", &operator).await.is(200).text;
    assert!(
        shown.contains("This would cancel 10 jobs.") && shown.matches("<tr><td class=\"what\">").count() == 5,
        "{shown}"
    );
    assert!(shown.contains("name=\"query\" value=\"tag:even queue:mail\""), "{shown}");
    assert_eq!(client.queue("mail").counts().await.unwrap().waiting, 20);

    let fields =
        [("order", "cancel"), ("query", "tag:even queue:mail"), ("count", "10"), ("reason", "enough")];
    let to = site.form("/bulk", &fields, &operator).await.is(303).header("location").to_owned();
    until("the end", async || site.get(&to, &operator).await.is(200).text.contains("10 jobs changed.")).await;
    let counts = client.queue("mail").counts().await.unwrap();
    assert_eq!((counts.waiting, counts.cancelled), (10, 10));
    let job = client.queue("mail").get_job("0").await.unwrap().unwrap();
    assert_eq!(job.cancel_reason(), Some("enough"));
    let record = client.admin().audit(0..1).await.unwrap().remove(0);
    assert_eq!(
        (record.actor.as_str(), record.subject.as_str(), record.changed),
        ("operator", "tag:even queue:mail", 10)
    );

    // Picked ones only.
    let shown =
        site.get("/bulk?order=retry&queue=mail&state=cancelled&id=0&id=2&id=3", &operator).await.is(200).text;
    assert!(shown.contains("This would retry 2 jobs."), "{shown}");
}

#[tokio::test]
async fn no_more_jobs_are_changed_than_were_shown() {
    let (client, site) = site_of(3).await;
    let operator = site.browser(Role::Operator).await;
    // A form that lost its query does not mean every job.
    site.form("/bulk", &[("order", "cancel"), ("count", "3")], &operator).await.is(400);
    site.form("/bulk", &[("order", "cancel"), ("query", ""), ("count", "3")], &operator).await.is(400);
    let shown = site.get("/bulk?order=cancel", &operator).await.is(200).text;
    assert!(shown.contains("name=\"all\" value=\"1\""), "{shown}");

    client.queue("mail").add(NewJob::new("x")).await.unwrap();
    let fields = [("order", "cancel"), ("query", ""), ("all", "1"), ("count", "3")];
    let again = site.form("/bulk", &fields, &operator).await.is(409).text;
    assert!(again.contains("more than the 3") && again.contains("name=\"count\" value=\"4\""), "{again}");
    let counts = client.queue("mail").counts().await.unwrap();
    assert_eq!((counts.waiting, counts.cancelled), (4, 0));
    site.form("/bulk", &[&fields[..3], &[("count", "4")]].concat(), &operator).await.is(303);
    until("the end", async || client.queue("mail").counts().await.unwrap().cancelled == 4).await;
}

#[tokio::test]
async fn what_cannot_be_undone_wants_its_number_typed() {
    let (client, site) = site_of(4).await;
    let admin = site.browser(Role::Admin).await;
    let fields = [("order", "remove"), ("query", "queue:mail"), ("count", "4")];
    site.form("/bulk", &fields, &admin).await.is(400);
    site.form("/bulk", &[&fields[..], &[("confirm", "3")]].concat(), &admin).await.is(400);
    site.form("/bulk", &[("order", "remove"), ("query", "queue:mail")], &admin).await.is(400);
    assert_eq!(client.queue("mail").counts().await.unwrap().waiting, 4);
    site.form("/bulk", &[&fields[..], &[("confirm", "4")]].concat(), &admin).await.is(303);
    until("the end", async || client.queue("mail").counts().await.unwrap().total() == 0).await;

    for (what, confirm, status) in
        [("drain", "mial", 400), ("obliterate", "", 400), ("obliterate", "mail", 303)]
    {
        let fields = [("name", "mail"), ("what", what), ("confirm", confirm)];
        site.form("/queue/clear", &fields, &admin).await.is(status);
    }
    site.get("/queue?name=mail", &admin).await.is(400);
}

#[tokio::test]
async fn a_query_that_means_every_job_has_to_say_so() {
    let (_, site) = site_of(3).await;
    let operator = As::Program(Role::Operator);
    let refused = site.post("/api/bulk", &json!({ "order": "cancel", "query": "" }), &operator).await.is(400);
    assert!(refused.text.contains("all"), "{}", refused.text);
    let tried = json!({ "order": "cancel", "query": "", "all": true, "dry_run": true });
    let tried = site.post("/api/bulk", &tried, &operator).await.json();
    assert_eq!((&tried["would_change"], tried["sample"].as_array().unwrap().len()), (&json!(3), 3));
    let done = site
        .post("/api/bulk", &json!({ "order": "cancel", "query": "", "all": true }), &operator)
        .await
        .json();
    assert_eq!((&done["changed"], &done["stopped"]), (&json!(3), &json!(false)));
}

#[tokio::test]
async fn a_job_that_moved_on_meanwhile_is_left_alone() {
    let (client, site) = site_of(1).await;
    let operator = site.browser(Role::Operator).await;
    let to = site
        .form("/job/retry", &[("id", "0"), ("queue", "mail")], &operator)
        .await
        .is(303)
        .header("location")
        .to_owned();
    assert!(site.get(&to, &operator).await.is(200).text.contains("nothing was changed"));
    let record = client.admin().audit(0..1).await.unwrap().remove(0);
    assert!(record.error.is_some(), "a refusal is on record too");
    site.form("/job/retry", &[("id", "none")], &operator).await.is(404);
    site.post("/api/job/retry", &json!({ "id": "0" }), &operator).await.is(409);
}

#[tokio::test]
async fn what_may_come_next_in_a_query_is_offered() {
    let (_, site) = site_of(1).await;
    let viewer = As::Program(Role::Viewer);
    let offered = async |query: &str| {
        let offers = site.get(&path("/suggest", &[("q", query)]), &viewer).await.json();
        offers
            .as_array()
            .unwrap()
            .iter()
            .map(|offer| offer["query"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(offered("st").await, ["state:"]);
    assert_eq!(offered("tag:x -state:fa").await, ["tag:x -state:failed"]);
    assert_eq!(offered("state:failed,dea").await, ["state:failed,dead"]);
    assert_eq!(offered("queue:ma").await, ["queue:mail"]);
    assert_eq!(offered("error:tim").await, ["error:timeout"]);
    assert_eq!(offered("nonsense:x").await, Vec::<String>::new());
}
