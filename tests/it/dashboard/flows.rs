//! Flows on the pages and in the API: how they stand, how they are drawn, and what is ordered of them.

use asyncmq::dashboard::Role;
use asyncmq::{Client, Dependency, Flow, JobState, NewJob, OnFailure, Worker, task};
use serde_json::json;

use super::sites::{Place, places};
use super::{As, Site, config, path};
use crate::support::until;

async fn is_over(client: &Client, id: &str) {
    let flow = client.flow(id).await.unwrap();
    until("the end of the flow", async || flow.state().await.unwrap().is_over()).await;
}

/// Returns the tags of a kind that a page has, each with all in it.
fn tags<'a>(html: &'a str, begin: &str) -> Vec<&'a str> {
    html.match_indices(begin).map(|(place, _)| html[place..].split_once('>').unwrap().0).collect()
}

/// Returns the boxes of the graph, each with its state.
fn boxes(html: &str) -> Vec<&str> {
    let graph = html.split("<defs>").nth(1).map_or("", |rest| rest.split("</section>").next().unwrap());
    tags(graph, "<a class=\"state ")
        .into_iter()
        .map(|tag| tag.split('"').nth(1).unwrap().split(' ').nth(1).unwrap())
        .collect()
}

fn lines(html: &str) -> usize {
    html.matches("<path class=\"line ").count()
}

/// A flow of four: greet, then two fetches of which one has no file, then greet.
async fn order(place: &Place, id: &str) {
    let (mut flow, there) = (Flow::with_id(id), place.folder.path().join("there"));
    std::fs::write(&there, "12345").unwrap();
    let greet = || NewJob::new("greet").args(json!({ "to": "ann" })).queue("mail");
    let fetch = |file| NewJob::new("app.fetch").args(json!({ "path": file })).queue("mail");
    let first = flow.add_named(greet());
    let good = flow.add_named(fetch(there).depends_on([&first]));
    let bad = flow.add_named(fetch(place.folder.path().join("late")).depends_on([&first]));
    let last = [Dependency::from(&good), Dependency::from(&bad)];
    flow.add_named(greet().depends_on(last));
    flow.add_named(greet().depends_on([Dependency::from(&bad).on_failure(OnFailure::Run)]));
    flow.enqueue_on(&place.client).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flow_is_seen_drawn_retried_and_seen_to_complete() {
    for place in places().await {
        let (site, flow) = (&place.site, path("/flow", &[("id", "order 7")]));
        site.ready().await;
        order(&place, "order 7").await;
        is_over(&place.client, "order 7").await;
        let operator = site.browser(Role::Operator).await;
        let listed = site.get("/flows?state=failed&queue=mail", &operator).await.is(200).text;
        assert!(
            listed.contains("href=\"/flow?id=order%207\"") && listed.contains("5/5"),
            "{}: {listed}",
            place.name
        );
        assert!(!site.get("/flows?state=running", &operator).await.is(200).text.contains("order 7"));

        let shown = site.get(&flow, &operator).await.is(200).text;
        assert_eq!(
            boxes(&shown),
            ["completed", "completed", "failed", "failed", "completed"],
            "{}: {shown}",
            place.name
        );
        assert_eq!(lines(&shown), 5);
        assert_eq!(
            tags(&shown, "<path class=\"line run").len(),
            1,
            "who runs all the same hangs on a line of its own"
        );
        for part in [
            "greet, completed",
            "waits for .0: ",
            "waits for .1, .2",
            "2 not as they should",
            "Retry 2 jobs",
            "disk",
        ] {
            let part = part.trim_end_matches(": ");
            assert!(shown.contains(part), "{}: {part}: {shown}", place.name);
        }
        assert!(!shown.contains("/flow/cancel"), "nothing is left to be cancelled");

        retried_and_removed(&place, &flow).await;
        place.close().await;
    }
}

/// Lets an operator begin the flow anew, and an administrator remove it once it is over.
async fn retried_and_removed(place: &Place, flow: &str) {
    let site = &place.site;
    let operator = site.browser(Role::Operator).await;
    std::fs::write(place.folder.path().join("late"), "12345").unwrap();
    let retried = site.form("/flow/retry", &[("id", "order 7")], &operator).await.is(303);
    assert_eq!(retried.header("location"), "/flow?id=order%207&done=flow-retried");
    is_over(&place.client, "order 7").await;
    let shown = site.get(retried.header("location"), &operator).await.is(200).text;
    assert_eq!(boxes(&shown), ["completed"; 5]);
    assert!(shown.contains("begins anew") && !shown.contains("/flow/retry"), "{shown}");
    let again = site.form("/flow/retry", &[("id", "order 7")], &operator).await.is(303);
    assert!(again.header("location").ends_with("done=unchanged"));
    site.form("/flow/remove", &[("id", "order 7")], &operator).await.is(403);
    let entry = &place.client.admin().audit(0..2).await.unwrap()[1];
    assert_eq!((entry.action.as_str(), entry.subject.as_str(), entry.changed), ("flow.retry", "order 7", 2));
    assert_eq!((entry.actor.as_str(), entry.source.as_str()), ("operator", "dashboard"));
    let admin = site.browser(Role::Admin).await;
    assert!(site.get(flow, &admin).await.is(200).text.contains("/flow/remove"));
    let removed = site.form("/flow/remove", &[("id", "order 7")], &admin).await.is(303);
    assert_eq!(removed.header("location"), "/flows?done=removed");
    site.get(flow, &admin).await.is(404);
}

/// Who waits for whom: 0 for nobody, 1 and 2 for 0, 3 for both, all in a queue that nobody serves.
async fn diamond(client: &Client, id: &str) {
    let mut flow = Flow::with_id(id);
    let job = || NewJob::new("x").queue("idle");
    let top = flow.add_named(job());
    let sides = [0, 1].map(|_| flow.add_named(job().depends_on([&top])));
    flow.add_named(job().depends_on(&sides));
    flow.enqueue_on(client).await.unwrap();
}

#[tokio::test]
async fn programs_see_and_order_the_same() {
    let client = Client::memory();
    let site = Site::of(&client, config());
    let (viewer, operator) = (As::Program(Role::Viewer), As::Program(Role::Operator));
    for id in ["first", "second", "third"] {
        diamond(&client, id).await;
    }
    let (mut met, mut after) = (Vec::new(), String::new());
    loop {
        let page = site.get(&path("/api/flows", &[("limit", "2"), ("after", &after)]), &viewer).await.json();
        met.extend(
            page["flows"].as_array().unwrap().iter().map(|flow| flow["id"].as_str().unwrap().to_owned()),
        );
        let Some(next) = page["next"].as_str() else { break };
        next.clone_into(&mut after);
    }
    assert_eq!(met, ["third", "second", "first"]);
    // It has none of these tasks, and is there for what ends with a flow.
    let worker = Worker::new(&client).queues(["idle"]).start().await.unwrap();
    let cancelled = site.post("/api/flow/cancel", &json!({ "id": "second" }), &operator).await.json();
    assert_eq!(cancelled, json!({ "flow": "second", "order": "cancel", "changed": 4 }));
    is_over(&client, "second").await;
    let shown = site.get("/api/flow?id=second", &viewer).await.json();
    assert_eq!(
        (&shown["state"], &shown["ended"], &shown["failed"]),
        (&json!("failed"), &json!(4), &json!(4))
    );
    assert_eq!(shown["nodes"][3]["waits_for"][1], json!({ "id": "second.2", "on_failure": "fail" }));
    let retried = site.post("/api/flow/retry", &json!({ "id": "second" }), &operator).await.json();
    assert_eq!(retried["changed"], 4);
    assert_eq!(client.flow("second").await.unwrap().graph().await.unwrap().count(JobState::Blocked), 3);
    for (order, status) in [(json!({ "id": "none" }), 404), (json!({ "id": "third", "reason": "x" }), 400)] {
        site.post("/api/flow/cancel", &order, &operator).await.is(status);
    }
    for wrong in ["state=odd", "limit=0", "after=odd"] {
        site.get(&format!("/api/flows?{wrong}"), &viewer).await.is(400);
        site.get(&format!("/flows?{wrong}"), &viewer).await.is(400);
    }
    worker.stop().await.unwrap();
    assert!(site.get("/flow?id=none", &viewer).await.is(404).text.contains("there is no flow"));
}

#[tokio::test]
async fn a_job_leads_to_its_flow_and_to_those_before_and_behind_it() {
    let client = Client::memory();
    let site = Site::of(&client, config());
    diamond(&client, "order 7").await;
    let outside = client
        .queue("idle")
        .add(
            NewJob::new("y")
                .id("later")
                .depends_on(["order 7.3"].map(asyncmq::JobId::custom).map(Result::unwrap)),
        )
        .await;
    outside.unwrap();
    let viewer = As::Program(Role::Viewer);
    let job = async |id: &str| {
        site.get(&path("/job", &[("queue", "idle"), ("id", id)]), &viewer).await.is(200).text
    };
    let links = |html: &str, of: &str| {
        let part = html
            .split(&format!("id=\"{of}\""))
            .nth(1)
            .map_or("", |rest| rest.split("</article>").next().unwrap());
        part.matches("href=\"/job?queue=idle").map(|_| ()).count()
    };
    for (id, parents, children) in [("order 7.0", 0, 2), ("order 7.1", 1, 1), ("order 7.3", 2, 0)] {
        let shown = job(id).await;
        assert!(shown.contains("of the flow <a href=\"/flow?id=order%207\">order 7</a>"), "{id}: {shown}");
        assert_eq!(
            (links(&shown, "parents"), links(&shown, "children")),
            (parents, children),
            "{id}: {shown}"
        );
    }
    let later = job("later").await;
    assert!(links(&later, "parents") == 1 && !later.contains("of the flow"), "{later}");
    let told = site.get("/api/job?id=order%207.1", &viewer).await.json();
    assert_eq!((&told["flow"], &told["parents"]), (&json!("order 7"), &json!(["order 7.0"])));
    // Without the flow's own job nobody knows of a flow, and the page of a job is there all the same.
    client.queue("idle").remove_job("order 7.flow").await.unwrap();
    client.queue("idle").remove_job("order 7.0").await.unwrap();
    let shown = job("order 7.1").await;
    assert!(!shown.contains("of the flow") && shown.contains("record gone"), "{shown}");
}

#[task(name = "drawn.list", queue = "drawn")]
async fn list() -> Vec<u32> {
    vec![3, 4]
}

#[task(name = "drawn.twice", queue = "drawn")]
async fn twice(number: u32) -> u32 {
    2 * number
}

#[tokio::test]
async fn jobs_that_are_made_of_a_list_stand_between_the_list_and_who_made_them() {
    let client = Client::memory();
    let site = Site::of(&client, config());
    let mut flow = Flow::with_id("list");
    let numbers = flow.add(list::job());
    let _doubled = flow.map(&numbers, twice::with);
    flow.enqueue_on(&client).await.unwrap();
    let worker = Worker::new(&client).queues(["drawn"]).start().await.unwrap();
    is_over(&client, "list").await;
    worker.stop().await.unwrap();
    let viewer = As::Program(Role::Viewer);
    let shown = site.get("/flow?id=list", &viewer).await.is(200).text;
    assert_eq!((boxes(&shown), lines(&shown)), (vec!["completed"; 4], 4), "{shown}");
    let graph = shown.split("<defs>").nth(1).unwrap();
    let left =
        |tag: &str| tag.split(" x=\"").nth(1).unwrap().split('"').next().unwrap().parse::<f64>().unwrap();
    let x: Vec<f64> = tags(graph, "<svg x=").into_iter().map(left).collect();
    assert!(x[0] < x[2] && x[2] == x[3] && x[3] < x[1], "the list, who made, and what was made twice: {x:?}");
    // In lists it counts as what was added.
    let listed = site.get("/api/flows", &viewer).await.json();
    assert_eq!((&listed["flows"][0]["jobs"], &listed["flows"][0]["ended"]), (&json!(2), &json!(2)));
    assert_eq!(site.get("/api/flow?id=list", &viewer).await.json()["jobs"], 4);
}

#[tokio::test]
async fn of_a_large_flow_is_drawn_what_has_not_completed_and_that_is_said() {
    let client = Client::memory();
    let site = Site::of(&client, config());
    let mut flow = Flow::with_id("large");
    let first = flow.add_named(NewJob::new("split").queue("idle"));
    let parts: Vec<_> =
        (0..398).map(|_| flow.add_named(NewJob::new("count").queue("idle").depends_on([&first]))).collect();
    flow.add_named(NewJob::new("sum").queue("idle").depends_on(&parts));
    flow.enqueue_on(&client).await.unwrap();
    let viewer = As::Program(Role::Viewer);
    let shown = site.get("/flow?id=large", &viewer).await.is(200).text;
    assert!(
        shown.contains(
            "400 jobs are too many to be drawn: here are the first 300 of 400 that have not completed."
        ),
        "{shown}"
    );
    assert_eq!((boxes(&shown).len(), lines(&shown)), (300, 299));
    assert!(
        shown.contains("count</td><td class=\"n\">398</td><td><span class=\"state blocked\">blocked 398"),
        "{shown}"
    );
    let drawn_small = site.get(&path("/flow", &[("id", "small")]), &viewer).await;
    drawn_small.is(404);
    let mut flow = Flow::with_id("small");
    let first = flow.add_named(NewJob::new("split").queue("idle"));
    (0..299).for_each(|_| drop(flow.add_named(NewJob::new("count").queue("idle").depends_on([&first]))));
    flow.enqueue_on(&client).await.unwrap();
    let shown = site.get("/flow?id=small", &viewer).await.is(200).text;
    assert!(boxes(&shown).len() == 300 && !shown.contains("too many"), "{shown}");
}

#[tokio::test]
async fn what_people_write_is_text_in_the_graph_too() {
    let client = Client::memory();
    let site = Site::of(&client, config());
    let (id, task, queue) = ("\"><b>f</b>", "<b>t</b>\u{202e}", "<i>q</i>");
    let mut flow = Flow::with_id(id);
    let first = flow.add_named(NewJob::new(task).queue(queue));
    flow.add_named(NewJob::new(task).queue(queue).depends_on([&first]));
    flow.enqueue_on(&client).await.unwrap();
    let shown = site.get(&path("/flow", &[("id", id)]), &As::Program(Role::Viewer)).await.is(200).text;
    for markup in ["<b>f", "<b>t", "<i>q"] {
        assert!(!shown.contains(markup), "{markup}: {shown}");
    }
    let graph = shown.split("<defs>").nth(1).unwrap().split("</section>").next().unwrap();
    assert!(graph.contains("&#60;b&#62;t&#60;/b&#62;\\u{202e}") && !graph.contains('\u{202e}'), "{graph}");
}
