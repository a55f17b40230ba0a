//! `queue limit`, as an operator has it.

use asyncmq::job::Name;
use asyncmq::{Client, Limit, LimitScope, LimitSource, OnLimit};
use serde_json::json;

use super::desks;

async fn in_force(client: &Client, scope: &str) -> Option<Limit> {
    let limits = client.queue("mail").limits().await.unwrap();
    limits.iter().find(|info| info.scope.to_string() == scope).map(|info| info.limit())
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_are_set_taken_off_and_taken_back_and_it_is_on_record() {
    for desk in desks() {
        let client = desk.client().await;
        let limit = |flags: &[&str]| desk.run(&[&["queue", "limit", "mail"], flags].concat()).done();
        assert!(limit(&[]).err.contains("Neither the queue nor its tasks are held to a limit."));

        assert_eq!(limit(&["--concurrency", "0"]).out, "mail is held to concurrency 0\n");
        assert_eq!(in_force(&client, "queue").await, Some(Limit::NONE.concurrency(0)));
        assert_eq!(limit(&["--concurrency", "0"]).out, "mail was so already\n");
        assert_eq!(
            limit(&["--task", "app.fetch", "--rate", "window(20/1s)", "--concurrency", "3"]).out,
            "mail, task app.fetch is held to rate window(20/1s), concurrency 3\n"
        );
        let listed = limit(&[]).out;
        for part in
            ["IN USE", "queue", "concurrency 0", "0/0 run", "task app.fetch", "0/3 run, 3 may start now"]
        {
            assert!(listed.contains(part), "{part}: {listed}");
        }
        let json = desk.json(&["queue", "limit", "mail"]);
        assert_eq!(
            (&json["limits"][0]["may_start"], &json["limits"][1]["may_start"]),
            (&json!(0), &json!(3))
        );

        assert_eq!(limit(&["--off"]).out, "mail is held to no limit\n");
        assert_eq!(in_force(&client, "queue").await, Some(Limit::NONE), "whatever the code says");
        assert_eq!(limit(&["--reset"]).out, "mail is held to what the code says\n");
        assert_eq!(limit(&["--reset"]).out, "mail was so already\n");
        assert_eq!(in_force(&client, "queue").await, None);
        let reset = limit(&["--task", "app.fetch", "--reset"]).out;
        assert_eq!(reset, "mail, task app.fetch is held to what the code says\n");

        let audit = desk.json(&["audit"]);
        let orders = audit["audit"].as_array().unwrap().iter().rev();
        let orders: Vec<_> =
            orders.map(|order| [&order["action"], &order["subject"], &order["changed"]]).collect();
        let wanted = [
            ("queue.limit", "mail", 1),
            ("queue.limit", "mail", 0),
            ("queue.limit", "mail task:app.fetch", 1),
            ("queue.limit", "mail", 1),
            ("queue.unlimit", "mail", 1),
            ("queue.unlimit", "mail", 0),
            ("queue.unlimit", "mail task:app.fetch", 1),
        ];
        let wanted = wanted.map(|(action, subject, changed)| [json!(action), json!(subject), json!(changed)]);
        assert_eq!(orders, wanted.each_ref().map(|order| order.each_ref()), "{}", desk.url);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_code_says_counts_unless_somebody_ordered_otherwise() {
    for desk in desks() {
        let client = desk.client().await;
        let admin = client.admin().acting_as("ann", "test");
        let scope = || LimitScope::Task(Name::from_static("app.fetch"));
        let declared = [(scope(), Some(Limit::NONE.concurrency(5)))];
        let queue = Name::from_static("mail");
        client.backend().set_limits(&queue, LimitSource::Declared, &declared).await.unwrap();
        assert!(admin.set_limit("mail", scope(), Some(Limit::NONE.concurrency(2))).await.unwrap());
        let listed = desk.run(&["queue", "limit", "mail"]).done().out;
        assert!(listed.contains("concurrency 2") && listed.contains("concurrency 5"), "{listed}");
        assert!(admin.set_limit("mail", scope(), None).await.unwrap());
        assert!(!admin.set_limit("mail", scope(), None).await.unwrap());
        let limits = admin.limits("mail").await.unwrap();
        assert_eq!(
            (limits.len(), limits[0].limit(), limits[0].ordered),
            (1, Limit::NONE.concurrency(5), None)
        );
        let used = admin.limits_in_use("mail").await.unwrap();
        assert_eq!((used.limits[0].in_words().as_str(), used.parked_keys), ("0/5 run", 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_becomes_of_too_many_and_the_turns_of_a_key_are_set() {
    for desk in desks() {
        let client = desk.client().await;
        let limit = |flags: &[&str]| {
            desk.run(&[&["queue", "limit", "mail", "--task", "t"], flags].concat()).done().out
        };
        let said = limit(&["--concurrency", "1", "--on-limit", "discard"]);
        assert_eq!(said, "mail, task t is held to concurrency 1, at it discard\n");
        let discard = Limit::NONE.concurrency(1).on_limit(OnLimit::Discard);
        assert_eq!(in_force(&client, "task t").await, Some(discard));
        assert_eq!(desk.json(&["queue", "limit", "mail"])["limits"][0]["on_limit"], "discard");
        let weigh = |weight: &str| limit(&["--key", "ann", "--weight", weight]);
        let (first, again) = (weigh("3"), weigh("3"));
        assert!(first.contains('3') && first != again, "{first} {again}");
        let weights = client.queue("mail").key_weights().await.unwrap();
        assert_eq!(weights.len(), 1);
        weigh("1");
        assert!(client.queue("mail").key_weights().await.unwrap().is_empty());
        let audit = desk.json(&["audit"]);
        let weighed =
            audit["audit"].as_array().unwrap().iter().filter(|order| order["action"] == "queue.weigh");
        assert_eq!(weighed.count(), 3, "{audit}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_is_misuse_and_changes_nothing() {
    let desk = desks().remove(0);
    let client = desk.client().await;
    for (flags, reason) in [
        (
            &["--concurrency", "many"][..],
            "--concurrency \"many\" is no number of jobs: write one, 0 for none at all",
        ),
        (&["--concurrency", "4294967296"], "is no number of jobs"),
        (&["--rate", "fast"], "fast"),
        (&["--off", "--reset"], "cannot be used with"),
        (&["--off", "--concurrency", "3"], "cannot be used with"),
        (&["--reset", "--rate", "1/1s"], "cannot be used with"),
        (&["--task", "a\tb", "--concurrency", "1"], "control character"),
        (&["--on-limit", "discard", "--concurrency", "1"], "is for the limit of a task"),
        (&["--task", "t", "--on-limit", "drop", "--concurrency", "1"], "drop"),
        (&["--task", "t", "--weight", "2"], "--key"),
        (&["--task", "t", "--key", "k", "--weight", "two"], "--weight \"two\" is no number of turns"),
        (&["--task", "t", "--key", "k", "--weight", "101"], "100"),
        (&["--task", "t", "--key", "k", "--weight", "2", "--reset"], "cannot be used with"),
    ] {
        let said = desk.run(&[&["queue", "limit", "mail"], flags].concat());
        assert!(
            said.code == 2 && said.err.contains(reason),
            "{flags:?}: {} {}{}",
            said.code,
            said.out,
            said.err
        );
    }
    assert!(client.queue("mail").limits().await.unwrap().is_empty());
    assert!(client.queue("mail").key_weights().await.unwrap().is_empty());
    let record = client.admin().audit(0..9).await.unwrap();
    assert!(record.iter().all(|order| order.changed == 0), "{record:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_says_that_it_waits_for_a_limit() {
    for desk in desks() {
        let client = desk.client().await;
        let _worker = desk.worker(&client, &[]).await;
        desk.run(&["queue", "limit", "mail", "--task", "greet", "--concurrency", "0"]).done();
        let id = desk.json(&["job", "add", "greet", "to=ann"])["id"].as_str().unwrap().to_owned();
        let why = "as many jobs of its task run as may at once (0/0)";
        assert_eq!(desk.json(&["job", "inspect", &id])["waits_for"], why);
        let said = desk.run(&["job", "inspect", &id]).done().out;
        assert!(said.lines().any(|line| line.starts_with("because") && line.ends_with(why)), "{said}");
        desk.run(&["queue", "pause", "mail"]).done();
        let both = desk.json(&["job", "inspect", &id])["waits_for"].as_str().unwrap().to_owned();
        assert_eq!(both, format!("its queue is paused; {why}"));
        desk.run(&["job", "cancel", &id]).done();
        assert_eq!(desk.json(&["job", "inspect", &id])["waits_for"], json!(null));
    }
}
