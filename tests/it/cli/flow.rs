//! Flows, as an operator has them.

use std::path::Path;

use asyncmq::{Client, Flow, JobState, NewJob};
use serde_json::{Value, json};

use super::{Desk, desks};
use crate::dashboard::sites::greet_here;
use crate::support::until;

/// A flow of three jobs in a line, of which the second one fails as long as there is no such file, and one that is called if some fail.
pub(super) async fn order(client: &Client, id: &str, file: &Path) {
    let mut flow = Flow::with_id(id);
    let greet = || NewJob::new("greet").args(json!({ "to": "ann" })).queue("mail");
    let first = flow.add_named(greet());
    let fetch = NewJob::new("app.fetch").args(json!({ "path": file })).queue("files");
    let second = flow.add_named(fetch.depends_on([&first]));
    flow.add_named(greet().depends_on([&second]));
    flow.on_failure(greet_here::job("ann", None));
    flow.enqueue_on(client).await.unwrap();
}

async fn is_over(client: &Client, id: &str) {
    let flow = client.flow(id).await.unwrap();
    until("the end of the flow", async || flow.state().await.unwrap().is_over()).await;
}

fn states(shown: &Value) -> Vec<&str> {
    shown["nodes"].as_array().unwrap().iter().map(|node| node["state"].as_str().unwrap_or("gone")).collect()
}

fn ids(listed: &Value) -> Vec<&str> {
    listed["flows"].as_array().unwrap().iter().map(|flow| flow["id"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn flows_are_listed_the_newest_first_and_shown_with_what_waits_for_what() {
    for desk in desks() {
        let client = desk.client().await;
        assert!(desk.run(&["flow", "list"]).done().err.contains("There is no flow"));
        let file = desk.folder.path().join("file");
        order(&client, "order 7", &file).await;
        order(&client, "order 8", &file).await;
        let waits = desk.run(&["flow", "show", "order 8"]).done().out;
        let facts = [
            "flow       order 8\nstate      running\njobs       0 of 4 jobs ended\n",
            "order 8.1  blocked  app.fetch  files  .0 ",
            "order 8.3  blocked  greet      mail   .0 (run), .1 (run), .2 (run)",
        ];
        facts.iter().for_each(|fact| assert!(waits.contains(fact), "{fact}: {waits}"));
        let blocked = desk.run(&["job", "inspect", "order 8.1"]).done().out;
        for fact in
            ["flow       order 8\n", "because    it waits for job order 8.0", "after      order 8.0\n"]
        {
            assert!(blocked.contains(fact), "{fact}: {blocked}");
        }
        assert_eq!(ids(&desk.json(&["flow", "list"])), ["order 8", "order 7"]);

        let _worker = desk.worker(&client, &["-q", "mail,files"]).await;
        is_over(&client, "order 7").await;
        is_over(&client, "order 8").await;
        let shown = desk.json(&["flow", "show", "order 7"]);
        assert_eq!(states(&shown), ["completed", "failed", "failed", "completed"]);
        assert_eq!((&shown["state"], &shown["failed"]), (&json!("failed"), &json!(2)));
        assert!(shown["nodes"][1]["error"].as_str().unwrap().contains("disk"), "{shown}");
        assert_eq!(shown["nodes"][2]["waits_for"], json!([{ "id": "order 7.1", "on_failure": "fail" }]));
        let listed = desk.run(&["flow", "list"]).done().out;
        let row: Vec<_> = listed.lines().last().unwrap().split_whitespace().take(6).collect();
        assert_eq!(row, ["order", "7", "failed", "4/4", "2", "mail"], "{listed}");
        let dot = desk.run(&["flow", "show", "order 7", "--dot"]).done().out;
        assert!(dot.starts_with("digraph") && dot.contains("\"order 7.0\" -> \"order 7.1\";"), "{dot}");
        assert!(!desk.run(&["flow", "show", "order 7"]).done().out.contains('\u{1b}'));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn flows_are_found_by_queue_and_state_page_by_page() {
    for desk in desks() {
        let client = desk.client().await;
        for (number, queue) in ["mail", "mail", "mail", "idle", "mail"].into_iter().enumerate() {
            let mut flow = Flow::with_id(format!("f{number}"));
            let first = flow.add_named(NewJob::new("greet").args(json!({ "to": "ann" })).queue(queue));
            flow.add_named(
                NewJob::new("greet").args(json!({ "to": "ann" })).queue("mail").depends_on([&first]),
            );
            flow.enqueue_on(&client).await.unwrap();
        }
        let _worker = desk.worker(&client, &["-q", "mail"]).await;
        for number in [0, 1, 2, 4] {
            is_over(&client, &format!("f{number}")).await;
        }
        let list = |flags: &[&str]| desk.json(&[&["flow", "list"], flags].concat());
        assert_eq!(ids(&list(&[])), ["f4", "f3", "f2", "f1", "f0"]);
        assert_eq!(ids(&list(&["--queue", "idle"])), ["f3"]);
        assert_eq!(ids(&list(&["--state", "running"])), ["f3"]);
        assert_eq!(ids(&list(&["--state", "completed", "--queue", "mail"])), ["f4", "f2", "f1", "f0"]);
        assert!(ids(&list(&["--state", "failed"])).is_empty());
        let (mut met, mut after) = (Vec::new(), None::<String>);
        loop {
            let mut flags = vec!["--limit", "2"];
            flags.extend(after.iter().flat_map(|after| ["--after", after]));
            let page = list(&flags);
            met.extend(ids(&page).into_iter().map(ToOwned::to_owned));
            match page["next"].as_str() {
                Some(next) => after = Some(next.to_owned()),
                None => break,
            }
        }
        assert_eq!(met, ["f4", "f3", "f2", "f1", "f0"]);
        for (flags, says) in
            [(["--state", "odd"], "running, completed, failed"), (["--after", "odd"], "no cursor")]
        {
            let said = desk.run(&[&["flow", "list"], &flags[..]].concat());
            assert!(said.code == 2 && said.err.contains(says), "{}", said.err);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn flows_are_cancelled_and_retried_once_it_is_confirmed_and_it_is_on_record() {
    for desk in desks() {
        let client = desk.client().await;
        let file = desk.folder.path().join("file");
        order(&client, "order 7", &file).await;
        let refused = desk.run(&["flow", "cancel", "order 7"]);
        assert!(refused.code == 2 && refused.err.contains("This would cancel 4 jobs of the flow order 7."));
        assert!(refused.err.contains("add --yes"), "{}", refused.err);
        let trial = desk.json(&["flow", "cancel", "order 7", "--dry-run"]);
        assert_eq!(trial, json!({ "flow": "order 7", "order": "cancel", "would_change": 4 }));
        assert_eq!(
            client.flow("order 7").await.unwrap().graph().await.unwrap().count(JobState::Cancelled),
            0
        );
        assert_eq!(desk.run(&["flow", "cancel", "order 7", "--yes"]).done().out, "cancelled 4 jobs\n");
        assert_eq!(states(&desk.json(&["flow", "show", "order 7"])), ["cancelled"; 4]);
        assert!(desk.run(&["flow", "cancel", "order 7"]).done().err.contains("There is nothing to cancel"));

        std::fs::write(&file, "12345").unwrap();
        assert_eq!(desk.json(&["flow", "retry", "order 7", "--yes"])["changed"], 4);
        assert_eq!(
            states(&desk.json(&["flow", "show", "order 7"])),
            ["waiting", "blocked", "blocked", "blocked"]
        );
        let _worker = desk.worker(&client, &["-q", "mail,files"]).await;
        is_over(&client, "order 7").await;
        let shown = desk.json(&["flow", "show", "order 7"]);
        assert_eq!(states(&shown), ["completed", "completed", "completed", "cancelled"]);
        assert_eq!(
            (&shown["state"], &shown["failed"]),
            (&json!("completed"), &json!(0)),
            "who was not called has not failed"
        );

        assert!(desk.run(&["flow", "retry", "order 7"]).done().err.contains("There is nothing to retry"));
        assert_eq!(desk.run(&["flow", "remove", "order 7", "--yes"]).done().out, "removed 4 jobs\n");
        assert_eq!(desk.run(&["flow", "show", "order 7"]).code, 1);
        let gone = desk.run(&["flow", "retry", "order 9", "--yes"]);
        assert!(gone.code == 1 && gone.err.contains("there is no flow \"order 9\""), "{}", gone.err);
        let audit = desk.json(&["audit"]);
        let orders = audit["audit"].as_array().unwrap().iter().rev();
        let told: Vec<_> =
            orders.map(|order| json!([order["action"], order["subject"], order["changed"]])).collect();
        let wanted = [
            ("cancel", "order 7", 4),
            ("retry", "order 7", 4),
            ("remove", "order 7", 4),
            ("retry", "order 9", 0),
        ];
        assert_eq!(told, wanted.map(|(order, id, count)| json!([format!("flow.{order}"), id, count])));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_hears_of_the_end_and_how_it_was() {
    for desk in desks() {
        let client = desk.client().await;
        let file = desk.folder.path().join("file");
        order(&client, "bad", &file).await;
        let waited = desk.run(&["flow", "wait", "bad", "--timeout", "100ms"]);
        assert_eq!((waited.code, waited.out.as_str()), (1, "bad is running: 0 of 4 jobs ended\n"));
        let waiting = Waiting::begin(&desk, "bad");
        let _worker = desk.worker(&client, &["-q", "mail,files"]).await;
        let (code, said) = waiting.end();
        assert!(code == Some(1) && said.starts_with("bad is failed: 4 of 4 jobs ended, in "), "{said}");

        std::fs::write(&file, "12345").unwrap();
        order(&client, "good", &file).await;
        let said = desk.run(&["flow", "wait", "good"]).done().out;
        assert!(said.starts_with("good is completed: 4 of 4 jobs ended, in "), "{said}");
        assert_eq!(desk.json(&["flow", "wait", "good"])["state"], "completed");
    }
}

/// A command that waits.
struct Waiting(std::process::Child);

impl Waiting {
    fn begin(desk: &Desk, id: &str) -> Self {
        Self(desk.command(&["flow", "wait", id]).spawn().unwrap())
    }

    fn end(self) -> (Option<i32>, String) {
        let output = self.0.wait_with_output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    }
}
