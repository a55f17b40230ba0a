//! What a job waits for stands on its page and in the API, in one sentence.

use asyncmq::dashboard::Role;
use asyncmq::{Client, Limit, NewJob};
use serde_json::{Value, json};

use super::{As, Site, config, path};

#[tokio::test]
async fn whatever_a_job_waits_for_is_told() {
    let client = Client::memory();
    let site = Site::of(&client, config());
    let viewer = As::Program(Role::Viewer);
    let queue = client.queue("mail");
    let job = queue.add(NewJob::new("x")).await.unwrap();
    let later = queue.add(NewJob::new("x").delay(std::time::Duration::from_secs(3_600))).await.unwrap();
    let told = async |id: &str| {
        let place = |place| path(place, &[("queue", "mail"), ("id", id)]);
        let waits: Value = site.get(&place("/api/job"), &viewer).await.json()["waits_for"].clone();
        (site.get(&place("/job"), &viewer).await.is(200).text, waits)
    };
    for (step, says) in [
        ("nobody", "no worker serves its queue"),
        ("pause", "its queue is paused; no worker serves its queue"),
        ("limit", "may start no more now"),
    ] {
        match step {
            "pause" => drop(queue.pause().await.unwrap()),
            "limit" => drop(queue.limit(Some(Limit::NONE.rate("0/1s".parse().unwrap()))).await.unwrap()),
            _ => {}
        }
        let (page, waits) = told(job.id()).await;
        assert!(page.split("class=\"why\">").nth(1).is_some_and(|why| why.contains(says)), "{step}: {page}");
        assert!(waits.as_str().is_some_and(|waits| waits.contains(says)), "{step}: {waits}");
    }
    let (page, waits) = told(later.id()).await;
    assert!(page.contains("class=\"why\">it is not due yet<"), "{page}");
    assert_eq!(waits, json!(null), "its state says it already");
    queue.cancel_job(job.id().as_str()).await.unwrap();
    let (page, waits) = told(job.id()).await;
    assert!(
        !page.contains("class=\"why\"") && waits.is_null(),
        "what has ended waits for nothing: {waits} {page}"
    );
}
