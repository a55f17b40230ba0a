//! Whole queues and many jobs at once: tried, confirmed, carried out, on record.

use std::time::Duration;

use asyncmq::{Client, JobState, NewJob};
use serde_json::json;

use super::desks;

async fn fill(client: &Client, queue: &str, count: usize, task: &str, delay: Option<Duration>) {
    let job = |_| match delay {
        Some(delay) => NewJob::new(task).delay(delay),
        None => NewJob::new(task),
    };
    client.queue(queue).add_bulk((0..count).map(job)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn queues_are_paused_resumed_drained_cleaned_and_obliterated() {
    for desk in desks() {
        let client = desk.client().await;
        fill(&client, "mail", 7, "x", None).await;
        fill(&client, "mail", 3, "x", Some(Duration::from_secs(3_600))).await;
        assert_eq!(desk.run(&["queue", "pause", "mail"]).done().out, "mail paused\n");
        assert_eq!(desk.run(&["queue", "pause", "mail"]).done().out, "mail was paused already\n");
        assert_eq!(desk.json(&["queue", "info", "mail"])["paused"], true);
        assert!(desk.run(&["queue", "list"]).done().out.contains("paused"));
        assert_eq!(
            desk.json(&["queue", "resume", "mail"]),
            json!({"queue": "mail", "paused": false, "changed": true})
        );

        let trial = desk.json(&["queue", "drain", "mail", "--dry-run"]);
        assert_eq!((&trial["would_remove"], trial["sample"].as_array().unwrap().len()), (&json!(7), 5));
        let refused = desk.run(&["queue", "drain", "mail"]);
        assert!(
            refused.code == 2 && refused.err.contains("nothing was changed: add --yes"),
            "{}",
            refused.err
        );
        assert_eq!(client.queue("mail").counts().await.unwrap().waiting, 7);
        assert_eq!(desk.run(&["queue", "drain", "mail", "--yes"]).done().out, "removed 7 jobs\n");

        let young = ["queue", "clean", "mail", "--state", "delayed", "--older-than", "1h"];
        assert_eq!(desk.json(&[&young[..], &["--dry-run"]].concat())["would_remove"], 0);
        assert_eq!(
            desk.run(&["queue", "clean", "mail", "--state", "delayed", "--yes"]).done().out,
            "removed 3 jobs\n"
        );
        let active = desk.run(&["queue", "clean", "mail", "--state", "active", "--yes"]);
        assert!(active.code == 2 && active.err.contains("cannot be cleaned away"), "{}", active.err);
        fill(&client, "mail", 2, "x", None).await;
        assert_eq!(desk.run(&["queue", "obliterate", "mail", "--yes"]).done().out, "removed 2 jobs\n");
        let gone = desk.run(&["queue", "info", "mial"]);
        assert!(gone.code == 2 && gone.err.contains("there is no queue"), "{}", gone.err);
        assert_eq!(desk.json(&["queue", "list"]), json!({"queues": []}));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_jobs_are_changed_by_a_query_and_it_is_on_record() {
    for desk in desks() {
        let client = desk.client().await;
        fill(&client, "mail", 600, "app.send", Some(Duration::from_secs(3_600))).await;
        fill(&client, "mail", 30, "app.keep", Some(Duration::from_secs(3_600))).await;
        fill(&client, "other", 20, "app.send", None).await;
        let query = ["--query", "task:app.send queue:mail"];
        let trial = desk.json(&[&["job", "cancel", "--dry-run"], &query[..]].concat());
        assert_eq!((&trial["would_change"], trial["sample"].as_array().unwrap().len()), (&json!(600), 5));
        assert_eq!(
            desk.run(&[&["job", "promote", "--yes"], &query[..]].concat()).done().out,
            "promoted 600 jobs\n"
        );
        let cancelled = desk.json(&[&["job", "cancel", "--yes"], &query[..]].concat());
        assert_eq!((&cancelled["changed"], &cancelled["refused"]), (&json!(600), &json!(0)));
        let counts = client.queue("mail").counts().await.unwrap();
        assert_eq!((counts.cancelled, counts.delayed, counts.waiting), (600, 30, 0));
        assert_eq!(desk.json(&["job", "retry", "--yes", "--query", "state:cancelled"])["changed"], 600);
        assert_eq!(desk.json(&["job", "remove", "--yes", "--query", "-task:app.keep"])["changed"], 620);
        let listed = desk.json(&["job", "list", "--limit", "100"]);
        assert_eq!(listed["jobs"].as_array().unwrap().len(), 30);
        let audit = desk.json(&["audit"]);
        let changed: Vec<_> =
            audit["audit"].as_array().unwrap().iter().map(|entry| entry["changed"].clone()).collect();
        assert_eq!(changed, [620, 600, 600, 600]);
        assert_eq!(audit["audit"][2]["subject"], "task:app.send queue:mail");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_goes_on_where_the_last_one_ended() {
    for desk in desks() {
        let client = desk.client().await;
        fill(&client, "a b", 5, "x", None).await;
        fill(&client, "c.d", 4, "x", Some(Duration::from_secs(60))).await;
        fill(&client, "c.d", 3, "y", None).await;
        let (mut ids, mut after) = (Vec::new(), None::<String>);
        loop {
            let mut words = vec!["job", "list", "task:x", "--limit", "2"];
            words.extend(after.iter().flat_map(|after| ["--after", after.as_str()]));
            let page = desk.json(&words);
            let jobs = page["jobs"].as_array().unwrap();
            assert!(jobs.len() <= 2);
            ids.extend(jobs.iter().map(|job| job["id"].as_str().unwrap().to_owned()));
            match page["next"].as_str() {
                Some(next) => after = Some(next.to_owned()),
                None => break,
            }
        }
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 9);
        let shown = desk.run(&["job", "list", "state:waiting", "--limit", "2"]).done();
        assert!(shown.err.contains("2 of 8 jobs shown; more: --after"), "{}", shown.err);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_of_arguments_and_urls_are_not_shown() {
    for desk in desks() {
        let client = desk.client().await;
        let args = json!({"to": "ann", "api_key": "geheim", "deep": [{"password": "geheim"}]});
        client
            .queue("mail")
            .add(NewJob::new("x").id("7").args(args).header("Authorization", "geheim"))
            .await
            .unwrap();
        for words in
            [&["job", "inspect", "7"][..], &["job", "inspect", "7", "--json"], &["job", "list", "--json"]]
        {
            let said = desk.run(words).done();
            assert!(!said.out.contains("geheim"), "{}", said.out);
        }
        assert!(desk.run(&["job", "inspect", "7", "--reveal"]).done().out.contains("geheim"));
    }
    let desk = desks().remove(0);
    let url = "redis://app:geheim@127.0.0.1:1/0?timeout=50ms";
    let refused = desk.run(&["info", "--url", url]);
    assert_ne!(refused.code, 0);
    assert!(refused.err.contains("the password in --url can be read"), "{}", refused.err);
    assert!(!refused.err.contains("geheim"), "{}", refused.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn misuse_is_told_from_a_no() {
    let desk = desks().remove(0);
    let lost = desk.run(&["queue", "list"]);
    assert!(lost.code == 2 && lost.err.contains("there is no file"), "{}", lost.err);
    assert!(
        std::fs::read_dir(desk.folder.path()).unwrap().next().is_none(),
        "to look at a file is not to make it"
    );
    let client = desk.client().await;
    client.queue("mail").add(NewJob::new("x").id("7")).await.unwrap();
    for (words, code, part) in [
        (&["job", "inspect", "8"][..], 1, "there is no job 8"),
        (&["job", "retry", "7"], 1, "waiting and cannot become waiting"),
        (&["job", "retry"], 2, "which jobs?"),
        (&["job", "list", "state:wating"], 2, "did you mean waiting?"),
        (&["job", "list", "timeout"], 2, "error:timeout"),
        (&["job", "list", "--after", "x"], 2, "no cursor"),
        (&["job", "list", "--limit", "x"], 2, "no whole number"),
        (&["job", "frob"], 2, "unrecognized subcommand"),
        (&["worker", "inspect", "zz"], 2, "there is no worker"),
        (&["events", "--kind", "job:faild"], 2, "no event is called"),
        (&["queue", "list", "--url", "memory:"], 2, "lives and dies with its process"),
        (&["queue", "list", "--url", "mysql://h"], 2, "is no store's URL"),
        (&["completions", "cmd"], 2, "bash, zsh, fish"),
    ] {
        let said = desk.run(words);
        assert!(
            said.code == code && said.err.contains(part),
            "{words:?}: {} {}{}",
            said.code,
            said.out,
            said.err
        );
        assert!(said.out.is_empty() || said.code == 1, "{words:?}: {}", said.out);
    }
    assert_eq!(client.queue("mail").counts().await.unwrap().of(JobState::Waiting), 1);
    let named = desk.command(&["info", "--json"]).env_remove("ASYNCMQ_URL").output().unwrap();
    assert!(String::from_utf8_lossy(&named.stderr).contains("which store?"));
    std::fs::write(desk.folder.path().join("asyncmq.toml"), format!("url = {:?}\n", desk.url)).unwrap();
    let named = desk.command(&["info", "--json"]).env_remove("ASYNCMQ_URL").output().unwrap();
    assert_eq!(named.status.code(), Some(0), "the file names the store");
    for shell in ["bash", "zsh", "fish"] {
        assert!(desk.run(&["completions", shell]).done().out.contains("obliterate"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_about_dead_letters_reach_no_other_jobs() {
    for desk in desks() {
        let client = desk.client().await;
        let waiting = client.queue("mail").add(NewJob::new("x")).await.unwrap();
        for order in ["remove", "retry"] {
            let said = desk.run(&["dead", order, waiting.id().as_str(), "--yes"]);
            assert!(said.code == 1 && said.err.contains("no dead letter"), "{} {}", said.code, said.err);
        }
        assert!(client.queue("mail").get_job(waiting.id().as_str()).await.unwrap().is_some());
    }
}
