//! What a server's settings and limits do to a store.

use std::path::Path;
use std::time::Duration;

use asyncmq::{Client, Context, Error, JobState, NewJob, Registry, Schedule, TaskError, Worker, task};
use futures::StreamExt;

use crate::redis::crew::Crew;
use crate::support::soon;
use asyncmq_tests::servers::redis_server::RedisServer;

async fn connect(server: &RedisServer, rest: &str) -> asyncmq::Result<Client> {
    Client::connect(&format!("{}{rest}", server.url())).await
}

#[tokio::test]
async fn a_full_server_refuses_jobs_and_says_why() {
    let server = RedisServer::start(&[]);
    let client = connect(&server, "").await.unwrap();
    let queue = client.queue("q");
    queue.add(NewJob::new("t")).await.unwrap();
    server.order::<()>(&["CONFIG", "SET", "maxmemory", "1"]);
    let error = queue.add(NewJob::new("t")).await.unwrap_err();
    assert!(matches!(error, Error::Store { .. }), "{error:?}");
    assert!(format!("{error:?}").contains("memory limit"), "{error:?}");
    assert_eq!(queue.counts().await.unwrap().waiting, 1);
}

#[tokio::test]
async fn a_prefix_keeps_stores_apart_and_a_database_too() {
    let server = RedisServer::start(&[]);
    for rest in ["", "?prefix=one", "?prefix=two", "/3", "?db=4"] {
        let client = connect(&server, rest).await.unwrap();
        assert_eq!(client.queues().await.unwrap(), [] as [asyncmq::job::Name; 0], "{rest}");
        client.queue("q").add(NewJob::new("t")).await.unwrap();
        assert_eq!(client.queue("q").counts().await.unwrap().waiting, 1, "{rest}");
    }
}

/// Returns the order that makes the user of the documentation, with this password.
fn documented_rights(password: &str) -> Vec<String> {
    let text = include_str!("../../../docs/redis.md");
    let line = text.lines().find(|line| line.starts_with("ACL SETUSER app ")).unwrap();
    line.split_whitespace().map(|word| word.replace("PASSWORD", password)).collect()
}

#[test]
fn the_documented_rights_have_every_command_of_a_script() {
    let rights = documented_rights("");
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../asyncmq/src/backend/redis/scripts");
    let mut commands = 0;
    for script in std::fs::read_dir(scripts).unwrap() {
        let code = std::fs::read_to_string(script.unwrap().path()).unwrap();
        for call in code.split("call('").skip(1) {
            let command = call.split('\'').next().unwrap().to_lowercase();
            assert!(rights.contains(&format!("+{command}")), "{command} is not granted");
            commands += 1;
        }
    }
    assert!(100 < commands, "the scripts are somewhere else");
}

#[tokio::test(flavor = "multi_thread")]
async fn start_up_warns_of_settings_that_put_jobs_at_risk() {
    let settings: [(&[&str], bool); 2] =
        [(&["--maxmemory-policy", "allkeys-lru"], true), (&["--appendonly", "yes"], false)];
    for (options, warned) in settings {
        let server = RedisServer::start(options);
        let client = connect(&server, "").await.unwrap();
        let crew = Crew::new(Duration::from_secs(10));
        crew.start(&server.url(), "one", 1).consumes(&client).await;
        let log = crew.log("one");
        assert_eq!(log.contains("keeps no append-only file"), warned, "{log}");
        assert_eq!(log.contains("throws keys away"), warned, "{log}");
    }
}

#[task(name = "server.fail_once", queue = "q", retries = 1, backoff = "fixed(0s)")]
async fn fail_once(ctx: &Context) -> Result<u32, TaskError> {
    ctx.progress(50, ());
    ctx.log("half of it");
    if ctx.attempt() == 1 { Err(std::io::Error::other("the first attempt").into()) } else { Ok(7) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_with_the_documented_rights_is_enough() {
    let server = RedisServer::start(&[]);
    let rights = documented_rights("se:cret");
    server.order::<()>(&rights.iter().map(String::as_str).collect::<Vec<_>>());
    let url = format!("redis://app:se%3Acret@127.0.0.1:{}?prefix=app", server.port());
    let client = Client::connect(&url).await.unwrap();
    let queue = client.queue("q");
    let handle = queue.add(NewJob::new("t")).await.unwrap();
    let late = queue.add(NewJob::new("t").delay(Duration::from_secs(60))).await.unwrap();
    queue.promote_job(late.id()).await.unwrap();
    assert!(handle.cancel().await.unwrap());
    assert_eq!(handle.state().await.unwrap(), JobState::Cancelled);
    queue.retry_job(handle.id()).await.unwrap();
    queue.pause().await.unwrap();
    assert_eq!(queue.stats().await.unwrap().counts.waiting, 2);
    assert_eq!(queue.drain(asyncmq::Drain::WaitingAndDelayed).await.unwrap(), 2);
    queue.resume().await.unwrap();
    let schedules = client.schedules();
    schedules
        .upsert("s", Schedule::every(Duration::from_secs(1)), NewJob::new("t").queue("q"))
        .await
        .unwrap();
    schedules.run_now("s").await.unwrap();
    client.backend().due_schedules(&[asyncmq::job::Name::from_static("q")], 10).await.unwrap();
    assert_eq!(
        (schedules.list().await.unwrap().len(), schedules.get("s").await.unwrap().is_some()),
        (1, true)
    );
    assert!(schedules.remove("s").await.unwrap());
    let mut events = client.events().await.unwrap();
    let registry = Registry::new().with::<fail_once>();
    let worker = Worker::new(&client).queues(["q"]).registry(registry).start().await.unwrap();
    let handle = fail_once::job().ttl(Duration::from_secs(60)).enqueue_on(&client).await.unwrap();
    assert_eq!(soon("a result", handle.result()).await.unwrap(), 7);
    assert!(soon("an event", events.next()).await.is_some());
    for state in JobState::ALL {
        queue.list_jobs(state, 0..10).await.unwrap();
    }
    client.backend().rescue(3, 10).await.unwrap();
    client.backend().expire(10).await.unwrap();
    client.backend().prune(&asyncmq::lifecycle::Limits::default(), 10).await.unwrap();
    assert_eq!(client.workers().await.unwrap().len(), 1);
    worker.stop().await.unwrap();
    queue.obliterate(asyncmq::Force::RemoveActive).await.unwrap();
    let other = Client::connect(&url.replace("prefix=app", "prefix=other")).await.unwrap();
    assert!(other.queue("q").add(NewJob::new("t")).await.is_err(), "another prefix is not the user's");
}

#[tokio::test]
async fn a_wrong_password_is_refused_at_once_and_not_shown() {
    let server = RedisServer::start(&["--requirepass", "right"]);
    let url = format!("redis://:topsecret@127.0.0.1:{}", server.port());
    let error = Client::connect(&url).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("topsecret"), "{error:?}");
    let url = format!("redis://:right@127.0.0.1:{}", server.port());
    let client = Client::connect(&url).await.unwrap();
    assert!(!format!("{client:?}").contains("right"));
}

#[tokio::test]
async fn the_older_protocol_will_do() {
    let server = RedisServer::start(&[]);
    let client = connect(&server, "?protocol=resp2").await.unwrap();
    client.queue("q").add(NewJob::new("t")).await.unwrap();
    assert_eq!(client.queue("q").counts().await.unwrap().waiting, 1);
}

#[tokio::test]
async fn a_socket_file_will_do() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("redis.sock");
    let _server = RedisServer::start(&["--unixsocket", path.to_str().unwrap()]);
    let client = Client::connect(&format!("unix:{}?db=2", path.display())).await.unwrap();
    client.queue("q").add(NewJob::new("t")).await.unwrap();
    assert_eq!(client.queue("q").counts().await.unwrap().waiting, 1);
}
