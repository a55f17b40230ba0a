//! `doctor` finds what was set up wrongly, and says what to do.

use std::time::Duration;

use asyncmq::backend::memory::MemoryStore;
use asyncmq::backend::{Finding, Severity, TaskInfo, Upkeep, WorkerInfo};
use asyncmq::job::{Name, WorkerId};
use asyncmq::{Client, Clock, NewJob};
use serde_json::Value;

use super::{Desk, desks};

/// Returns how severe a finding is that says this, in what `doctor` printed.
fn severity<'a>(doctor: &'a Value, check: &str, part: &str) -> &'a str {
    let findings = doctor["findings"].as_array().unwrap();
    let found = findings
        .iter()
        .find(|finding| finding["check"] == check && finding["says"].as_str().unwrap().contains(part));
    found.unwrap_or_else(|| panic!("{check} does not say {part:?}: {doctor:#}"))["severity"].as_str().unwrap()
}

fn doctor(desk: &Desk) -> Value {
    serde_json::from_str(&desk.run(&["doctor", "--json"]).out).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_that_nobody_will_run_are_found() {
    for desk in desks() {
        let client = desk.client().await;
        client.queue("mail").add(NewJob::new("no.such.task")).await.unwrap();
        let found = doctor(&desk);
        assert_eq!(
            severity(&found, "queue without worker", "queue \"mail\" has 1 job(s) and no worker"),
            "problem"
        );
        assert_eq!(
            found["findings"].as_array().unwrap().last().unwrap()["severity"],
            "problem",
            "the worst comes last"
        );
        assert_eq!(desk.run(&["doctor"]).code, 1);

        let _worker = desk.worker(&client, &[]).await;
        let found = doctor(&desk);
        assert_eq!(severity(&found, "unknown tasks", "no.such.task"), "problem");
        client.queue("mail").pause().await.unwrap();
        assert_eq!(severity(&doctor(&desk), "paused", "\"mail\" is paused, and 1 job(s) wait"), "warning");
        assert_eq!(severity(&doctor(&desk), "workers", "1 live, 0 draining"), "good");

        client.queue("mail").resume().await.unwrap();
        desk.run(&["queue", "drain", "mail", "--yes"]).done();
        let found = doctor(&desk);
        let problems =
            found["findings"].as_array().unwrap().iter().filter(|finding| finding["severity"] == "problem");
        // The Redis server of the tests keeps nothing, and `doctor` says so.
        let others: Vec<_> = problems.filter(|finding| finding["check"] != "persistence").collect();
        assert!(others.is_empty(), "{others:?}");
    }
}

/// Looks at a store in memory, whose clock a test can move.
async fn findings(client: &Client) -> Vec<Finding> {
    client.admin().diagnose().await.unwrap().findings
}

fn is_found(findings: &[Finding], check: &str, severity: Severity, part: &str) -> bool {
    findings
        .iter()
        .any(|finding| finding.check == check && finding.severity == severity && finding.says.contains(part))
}

#[tokio::test]
async fn workers_that_died_or_drain_are_found() {
    let store = MemoryStore::with_clock(Clock::manual());
    let client = Client::with_backend(store.clone());
    let info =
        WorkerInfo { queues: vec![Name::from_static("mail")], ..WorkerInfo::new(WorkerId::generate()) };
    let lease = Duration::from_secs(30);
    client.queue("mail").add(NewJob::new("x")).await.unwrap();
    store.register(&WorkerInfo { draining: true, ..info.clone() }, lease).await.unwrap();
    let found = findings(&client).await;
    assert!(is_found(&found, "workers", Severity::Warning, "0 live, 1 draining"), "{found:?}");
    assert!(is_found(&found, "queue without worker", Severity::Warning, "all of its workers are draining"));

    let task = TaskInfo {
        name: Name::from_static("x"),
        version: 1,
        queue: Name::from_static("mail"),
        arguments: Vec::new(),
        defaults: asyncmq::backend::TaskDefaults {
            max_attempts: 1,
            priority: 5,
            delay: None,
            ttl: None,
            timeout: None,
            backoff: asyncmq::Backoff::DEFAULT,
            retention: asyncmq::Retention::Standard,
            tags: Vec::new(),
            keyed: false,
            dedup: None,
            dedup_keyed: false,
        },
        schedule: None,
    };
    let other = WorkerInfo { id: WorkerId::generate(), tasks: vec![task], version: "0.0.9".into(), ..info };
    store.register(&other, lease).await.unwrap();
    let found = findings(&client).await;
    assert!(is_found(&found, "versions", Severity::Note, "0.0.9"), "{found:?}");
    assert!(!found.iter().any(|finding| finding.severity == Severity::Problem), "{found:?}");

    store.clock().advance(Duration::from_secs(45));
    let found = findings(&client).await;
    assert!(is_found(&found, "dead workers", Severity::Warning, "2 worker(s) fell silent"), "{found:?}");
    assert!(is_found(&found, "clock", Severity::Warning, "45s apart"), "{found:?}");
}

#[cfg(feature = "redis")]
mod on_redis {
    use super::*;
    use asyncmq_tests::servers::redis_server::RedisServer;

    fn desk_at(url: String) -> Desk {
        Desk { url, folder: tempfile::tempdir().unwrap(), _server: None }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn servers_that_will_lose_jobs_are_found() {
        let server =
            RedisServer::start(&["--appendonly", "no", "--save", "", "--maxmemory-policy", "allkeys-lru"]);
        let found = doctor(&desk_at(server.url()));
        assert_eq!(severity(&found, "persistence", "nothing is kept"), "problem");
        assert_eq!(severity(&found, "eviction", "allkeys-lru"), "problem");
        assert_eq!(severity(&found, "memory", "without a limit"), "note");

        let sound = RedisServer::start(&["--appendonly", "yes", "--maxmemory", "100mb"]);
        let desk = desk_at(sound.url());
        let found = doctor(&desk);
        assert_eq!(severity(&found, "persistence", "append-only file"), "good");
        assert_eq!(severity(&found, "rights", "user default may do what is needed"), "good");
        assert_eq!(desk.run(&["doctor"]).code, 0);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn users_who_may_not_and_replicas_are_found() {
        let server = RedisServer::start(&["--appendonly", "yes"]);
        let connection = redis::Client::open(server.url()).unwrap();
        let mut connection = connection.get_multiplexed_async_connection().await.unwrap();
        let mut rights = redis::cmd("ACL");
        rights
            .arg("SETUSER")
            .arg("app")
            .arg("on")
            .arg(">geheim")
            .arg("~*")
            .arg("&*")
            .arg("+@all")
            .arg("-lpos")
            .arg("-publish");
        rights.query_async::<()>(&mut connection).await.unwrap();
        let desk = desk_at(format!("redis://app:geheim@127.0.0.1:{}", server.port()));
        assert_eq!(severity(&doctor(&desk), "rights", "app may not: publish"), "problem");
        let text = desk.run(&["doctor"]);
        assert!(text.out.contains("lpos") && !text.out.contains("geheim"), "{}", text.out);

        let port = server.port().to_string();
        let replica = RedisServer::start(&["--replicaof", "127.0.0.1", &port]);
        assert_eq!(severity(&doctor(&desk_at(replica.url())), "role", "this is a replica"), "problem");
    }
    #[tokio::test(flavor = "multi_thread")]
    async fn a_user_is_asked_about_the_keys_and_channels_of_the_prefix() {
        let server = RedisServer::start(&["--appendonly", "yes"]);
        let only = |user: &str, prefix: &str| {
            let (keys, channels) = (format!("~{prefix}:*"), format!("&{prefix}:*"));
            server.order::<()>(&["ACL", "SETUSER", user, "on", ">geheim", &keys, &channels, "+@all"]);
            desk_at(format!("redis://{user}:geheim@127.0.0.1:{}?prefix=app", server.port()))
        };
        let found = doctor(&only("enough", "app"));
        assert_eq!(severity(&found, "rights", "user enough may do what is needed"), "good");
        let desk = only("elsewhere", "asyncmq");
        let refused = desk.run(&["doctor"]);
        assert_ne!(refused.code, 0, "{}{}", refused.out, refused.err);
        for says in [
            "user elsewhere may not: get (no job is handed out)",
            "bitfield (no job is taken in alone)",
            "publish (idle workers start jobs late and nobody hears events)",
        ] {
            assert!(refused.out.contains(says), "{}{}", refused.out, refused.err);
        }
    }
}
