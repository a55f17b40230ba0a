//! From a failure to its end: what an operator does when something is wrong.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use asyncmq::{JobState, NewJob};
use serde_json::{Value, json};

use super::{Running, desks};
use crate::support::until;

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_job_is_found_read_replayed_and_seen_to_complete() {
    for desk in desks() {
        let client = desk.client().await;
        let _worker = desk.worker(&client, &[]).await;
        let path = desk.folder.path().join("file");
        let added =
            desk.json(&["job", "add", "app.fetch", &format!("path={}", path.display()), "--tag", "vip"]);
        let id = added["id"].as_str().unwrap().to_owned();
        let mail = client.queue("mail");
        until("the failure", async || mail.counts().await.unwrap().failed == 1).await;

        let listed = desk.run(&["dead", "list", "task:app.*", "error:disk", "-tag:spam"]).done();
        assert!(listed.out.contains(&id) && listed.out.contains("no "), "{}", listed.out);
        assert!(!listed.out.contains('\u{1b}'), "what a job says never reaches the terminal as it is");
        let job = desk.run(&["job", "inspect", &id]).done().out;
        assert!(job.contains("attempt 1 · error") && job.contains("\\u{1b}[31m disk"), "{job}");

        std::fs::write(&path, "12345").unwrap();
        assert_eq!(desk.run(&["dead", "retry", &id]).done().out, "retried 1 job\n");
        until("the end", async || mail.counts().await.unwrap().completed == 1).await;
        let job = desk.json(&["job", "inspect", &id]);
        assert_eq!((&job["state"], &job["result"]), (&json!("completed"), &json!(5)));
        assert_eq!(job["errors"][0]["kind"], "error", "what went wrong before is still there");

        let again = desk.run(&["dead", "retry", &id]);
        assert_eq!((again.code, again.out.as_str()), (1, "retried 0 jobs\n"));
        assert!(again.err.contains("is completed: no dead letter"), "{}", again.err);
        let again = desk.run(&["job", "retry", &id]);
        assert_eq!((again.code, again.out.as_str()), (1, "retried 0 jobs\n"));
        assert!(again.err.contains("completed and cannot become waiting"), "{}", again.err);
        let audit = desk.json(&["audit"]);
        let actions: Vec<_> =
            audit["audit"].as_array().unwrap().iter().map(|entry| &entry["action"]).collect();
        assert_eq!(actions, ["job.retry", "job.retry", "job.add"]);
        assert_eq!(
            (&audit["audit"][1]["actor"], &audit["audit"][1]["changed"]),
            (&json!("ann@desk"), &json!(1))
        );
        assert!(audit["audit"][0]["error"].is_string(), "a refusal is on record too");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_job_is_seen_in_its_workers_hand_and_cancelled() {
    for desk in desks() {
        let client = desk.client().await;
        let worker = desk.worker(&client, &["-q", "slow"]).await;
        let id = desk.json(&["job", "add", "linger", "name=x"])["id"].as_str().unwrap().to_owned();
        let slow = client.queue("slow");
        until("the start", async || slow.counts().await.unwrap().active == 1).await;
        let workers = desk.json(&["worker", "list"]);
        let of_workers = &workers["workers"][0];
        assert_eq!((&of_workers["status"], &of_workers["pid"]), (&json!("live"), &json!(worker.0.id())));
        let seen = desk.json(&["worker", "inspect", of_workers["id"].as_str().unwrap()]);
        assert_eq!((&seen["jobs"][0]["id"], &seen["jobs"][0]["state"]), (&json!(id), &json!("active")));
        let tasks = desk.run(&["tasks"]).done().out;
        assert!(tasks.contains("app.fetch") && tasks.contains("linger"), "{tasks}");

        assert_eq!(desk.run(&["job", "cancel", &id, "--reason", "enough"]).done().out, "cancelled 1 job\n");
        until("its end", async || slow.counts().await.unwrap().cancelled == 1).await;
        assert_eq!(desk.json(&["job", "inspect", &id])["logs"][0], "lingering for x");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_followed_as_lines_of_json_for_those_who_filter() {
    for desk in desks() {
        let client = desk.client().await;
        let words = [
            "events",
            "--kind",
            "job:enqueued",
            "--queue",
            "mail",
            "--kind",
            "queue:*",
            "--count",
            "2",
            "--json",
        ];
        let mut events = Running(desk.command(&words).stderr(Stdio::piped()).spawn().unwrap());
        let mut said = String::new();
        BufReader::new(events.0.stderr.take().unwrap()).read_line(&mut said).unwrap();
        assert!(said.starts_with("Listening"), "{said}");
        client.queue("other").add(NewJob::new("x")).await.unwrap();
        client.queue("mail").add(NewJob::new("x").id("order-17")).await.unwrap();
        client.queue("mail").pause().await.unwrap();
        let lines: Vec<Value> = BufReader::new(events.0.stdout.take().unwrap())
            .lines()
            .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
            .collect();
        assert_eq!((&lines[0]["kind"], &lines[0]["job"]), (&json!("job:enqueued"), &json!("order-17")));
        assert_eq!((&lines[1]["kind"], &lines[1]["queue"]), (&json!("queue:paused"), &json!("mail")));
        assert_eq!((lines.len(), events.0.wait().unwrap().code()), (2, Some(0)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_added_with_every_option() {
    for desk in desks() {
        let client = desk.client().await;
        let words = [
            "job",
            "add",
            "later",
            "--queue",
            "mail",
            "to=a=b",
            "count:=184467440737095516",
            "--delay",
            "1h",
        ];
        let rest = [
            "--id",
            "order-17",
            "--priority",
            "3",
            "--retries",
            "2",
            "--ttl",
            "5m",
            "--tag",
            "a",
            "--header",
            "k=v",
        ];
        let added = desk.run(&[&words[..], &rest].concat()).done();
        assert!(
            added.out == "order-17\n" && added.err.contains("no live worker has a task"),
            "{}",
            added.err
        );
        let job = client.queue("mail").get_job("order-17").await.unwrap().unwrap();
        assert_eq!(job.args().unwrap().get(), r#"{"count":184467440737095516,"to":"a=b"}"#);
        assert_eq!((job.state(), job.priority(), job.max_attempts()), (JobState::Delayed, 3, 3));
        assert_eq!((job.tags(), job.headers()[0].1.as_str()), (&["a".to_owned()][..], "v"));

        let added =
            desk.run_with(&["job", "add", "later", "--queue", "mail", "--args", "-"], "[1,{\"x\":2}]").done();
        let job = client.queue("mail").get_job(added.out.trim()).await.unwrap().unwrap();
        assert_eq!(job.args().unwrap().get(), r#"{"0":1,"1":{"x":2}}"#);
        let missing = desk.run(&["job", "add", "later"]);
        assert!(missing.code == 2 && missing.err.contains("--queue"), "{}", missing.err);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_waits_says_why() {
    for desk in desks() {
        let client = desk.client().await;
        client.queue("mail").add(NewJob::new("no.such.task").id("7")).await.unwrap();
        let because = || desk.run(&["job", "inspect", "7"]).done().out;
        assert!(because().contains("no worker serves its queue"), "{}", because());
        let _worker = desk.worker(&client, &[]).await;
        assert!(because().contains("no worker of its queue has its task"), "{}", because());
        client.queue("mail").pause().await.unwrap();
        assert!(because().contains("its queue is paused"), "{}", because());
    }
}
