//! Jobs with a deduplication key at a terminal: added, looked at, found.

use serde_json::json;

use super::desks;

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_added_by_its_key_and_shows_who_holds_it() {
    for desk in desks() {
        let client = desk.client().await;
        let add = |mode| {
            let words = ["job", "add", "x", "--queue", "mail", "--dedup", mode, "--dedup-key", "user 7"];
            desk.json(&words)["id"].as_str().unwrap().to_owned()
        };
        let first = add("throttle(10s, extend)");
        assert_eq!(add("simple"), first);
        let seen = desk.json(&["job", "inspect", &first]);
        let shown = [&seen["dedup"], &seen["dedup_key"], &seen["dedup_owner"]];
        assert_eq!(shown, [&json!("throttle(10s, extend)"), &json!("user 7"), &json!(first)]);
        let said = desk.run(&["job", "inspect", &first]).done().out;
        assert!(said.contains("throttle(10s, extend) by key user 7, which it holds"), "{said}");
        let found = desk.json(&["job", "list", "dedup:\"user ?\""]);
        assert_eq!(found["jobs"][0]["id"], json!(first));
        assert_eq!(desk.json(&["job", "list", "dedup:user"])["jobs"], json!([]));

        client.queue("mail").remove_deduplication_key("user 7").await.unwrap();
        let second = add("simple");
        let said = desk.run(&["job", "inspect", &first]).done().out;
        assert!(said.contains(&format!("held by job {second}")), "{said}");
        let wrong = desk.run(&["job", "add", "x", "--queue", "mail", "--dedup", "once"]);
        assert!(wrong.code == 2 && wrong.err.contains("write simple"), "{}", wrong.err);
    }
}
