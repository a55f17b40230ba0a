//! Recurring jobs, as an operator has them.

use serde_json::json;

use super::desks;

#[tokio::test(flavor = "multi_thread")]
async fn schedules_are_made_and_looked_at() {
    for desk in desks() {
        let _client = desk.client().await;
        assert!(desk.run(&["schedule", "list"]).done().err.contains("There is no schedule"));
        let added = desk.run(&[
            "schedule",
            "add",
            "nightly",
            "0 3 * * 1-5",
            "app.cleanup",
            "days:=30",
            "token=x",
            "--queue",
            "mail",
            "--tz",
            "Europe/Zurich",
            "--jitter",
            "5m",
            "--misfire",
            "skip",
            "--overlap",
            "skip",
            "--retries",
            "2",
        ]);
        let added = added.done();
        assert!(added.err.contains("no live worker has a task"), "{}", added.err);
        assert!(added.out.starts_with("nightly: At 03:00, on Monday"), "{}", added.out);
        assert!(added.out.contains("(Europe/Zurich), up to 5m later, next in "), "{}", added.out);
        let listed = desk.run(&["schedule", "list"]).done().out;
        for part in ["nightly", "active", "0 3 * * 1-5 Europe/Zurich", "app.cleanup", "mail", "in "] {
            assert!(listed.contains(part), "{part}: {listed}");
        }
        let inspected = desk.json(&["schedule", "inspect", "nightly", "--next", "3"]);
        assert_eq!(inspected["upcoming"].as_array().unwrap().len(), 3);
        assert_eq!(inspected["args"], json!({"days": 30, "token": "[redacted]"}));
        assert_eq!((&inspected["misfire"], &inspected["overlap"]), (&json!("skip"), &json!("skip")));
        assert_eq!(
            (&inspected["max_attempts"], &inspected["time_zone"]),
            (&json!(3), &json!("Europe/Zurich"))
        );
        assert!(!desk.run(&["schedule", "inspect", "nightly"]).done().out.contains("\"x\""));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn schedules_are_paused_run_and_removed_and_it_is_on_record() {
    for desk in desks() {
        let _client = desk.client().await;
        desk.run(&["schedule", "add", "nightly", "1d", "app.cleanup", "--queue", "mail"]).done();
        let pause = ["schedule", "pause", "nightly", "--reason", "moving house"];
        assert_eq!(desk.run(&pause).done().out, "nightly paused\n");
        assert_eq!(desk.run(&pause).done().out, "nightly was paused already\n");
        let shown = desk.run(&["schedule", "inspect", "nightly"]).done().out;
        assert!(shown.contains("paused by ann@desk: moving house"), "{shown}");
        let run = desk.json(&["schedule", "run", "nightly"]);
        assert_eq!(desk.json(&["job", "inspect", run["job"].as_str().unwrap()])["task"], "app.cleanup");
        assert_eq!(desk.run(&["schedule", "resume", "nightly"]).done().out, "nightly resumed\n");

        let refused = desk.run(&["schedule", "remove", "nightly"]);
        assert!(
            refused.code == 2 && refused.err.contains("nothing was changed: add --yes"),
            "{}",
            refused.err
        );
        assert_eq!(desk.run(&["schedule", "remove", "nightly", "--yes"]).done().out, "removed nightly\n");
        let gone = desk.run(&["schedule", "pause", "nightly"]);
        assert!(gone.code == 1 && gone.err.contains("no schedule \"nightly\""), "{}", gone.err);
        let audit = desk.json(&["audit"]);
        let orders: Vec<_> = audit["audit"].as_array().unwrap().iter().rev().collect();
        let actions: Vec<_> = orders.iter().map(|order| order["action"].as_str().unwrap()).collect();
        let wanted = ["put", "pause", "pause", "run", "resume", "remove", "pause"];
        assert_eq!(actions, wanted.map(|order| format!("schedule.{order}")));
        assert!(orders.iter().all(|order| order["subject"] == "nightly" && order["ended"] == true));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_never_be_is_misuse_and_says_why() {
    let desk = desks().remove(0);
    let _client = desk.client().await;
    let add = |words: &[&str]| {
        let said = desk.run(&[&["schedule", "add", "s"], words, &["--queue", "q"]].concat());
        assert_eq!(said.code, 2, "{words:?}: {}{}", said.out, said.err);
        said.err
    };
    for (words, reason) in [
        (&["often", "t"][..], "no schedule"),
        (&["0 0 30 2 *", "t"], "can never run"),
        (&["1h", "t", "--tz", "UTC"], "says nothing"),
        (&["@daily", "t", "--tz", "Mars/Phobos"], "no time zone"),
        (&["1h", "t", "--limit", "0"], "limit of 0"),
        (&["1h", "t", "--start", "tomorrow"], "--start"),
        (&["1h", "t", "--misfire", "twice"], "none of skip, once and all"),
        (
            &["1h", "t", "--start", "2027-01-02T00:00:00Z", "--end", "2027-01-01T00:00:00Z"],
            "before its start",
        ),
    ] {
        assert!(add(words).contains(reason), "{words:?}: {}", add(words));
    }
    desk.run(&["schedule", "add", "nightly", "1d", "t", "--queue", "q"]).done();
    let near = desk.run(&["schedule", "run", "nightli"]);
    assert!(near.code == 2 && near.err.contains("did you mean \"nightly\"?"), "{}", near.err);
}
