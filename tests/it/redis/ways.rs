//! Other ways to a server: through sentinels, into a cluster, over TLS.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use asyncmq::{Client, JobState, NewJob, Registry, Worker, task};

use crate::support::redis_cluster::Cluster;
use asyncmq_tests::servers::redis_server::{PORTS_TRIED, RedisServer, free_port};

#[task(name = "ways.double", queue = "ways")]
async fn double(number: u32) -> u32 {
    2 * number
}

/// Runs a job through a client, from enqueue to result.
async fn works(client: &Client) {
    let registry = Registry::new().with::<double>();
    let worker = Worker::new(client).queues(["ways"]).registry(registry).start().await.unwrap();
    let handles = client.enqueue_all((0..50).map(double::job)).await.unwrap();
    for (number, handle) in (0..).zip(handles) {
        assert_eq!(handle.result_within(Duration::from_secs(20)).await.unwrap(), 2 * number);
    }
    worker.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_is_served() {
    let cluster = tokio::task::spawn_blocking(Cluster::shared).await.unwrap();
    let client = Client::connect(&format!("{}?prefix=ways", cluster.url())).await.unwrap();
    works(&client).await;
    for queue in ["one", "two", "three", "x}{y"] {
        client.queue(queue).add(NewJob::new("t")).await.unwrap();
    }
    assert_eq!(client.queues().await.unwrap().len(), 5);
    // A job waits for others wherever they lie.
    let first = client.queue("one").add(NewJob::new("t")).await.unwrap();
    let near = client.queue("one").add(NewJob::new("t").depends_on([&first])).await.unwrap();
    assert_eq!(near.state().await.unwrap(), JobState::Blocked);
    let far = client.queue("two").add(NewJob::new("t").depends_on([&first])).await.unwrap();
    assert_eq!(far.state().await.unwrap(), JobState::Blocked);
    client.queue("one").cancel_job(first.id()).await.unwrap();
    assert_eq!(near.state().await.unwrap(), JobState::Failed);
    crate::support::until("the far one hears of it", async || far.state().await.unwrap() == JobState::Failed)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_master_is_found_through_the_sentinels() {
    let master = Arc::new(RedisServer::start(&[]));
    let port = master.port().to_string();
    let replica = RedisServer::start(&["--replicaof", "127.0.0.1", &port, "--repl-diskless-sync-delay", "0"]);
    let sentinel = sentinel(master.port());
    let url = format!("redis+sentinel://127.0.0.1:{}/main?prefix=ways", sentinel.0);
    let client = Client::connect(&url).await.unwrap();
    works(&client).await;
    let has_replica = |info: String| info.contains("slave0:") && info.contains("state=online");
    until(|| has_replica(master.order(&["INFO", "replication"]))).await;
    until(|| {
        let mut question = redis::Client::open(format!("redis://127.0.0.1:{}", sentinel.0))
            .unwrap()
            .get_connection()
            .unwrap();
        let answer: redis::Value =
            redis::cmd("SENTINEL").arg("REPLICAS").arg("main").query(&mut question).unwrap();
        matches!(answer, redis::Value::Array(replicas) if !replicas.is_empty())
    })
    .await;
    master.kill();
    until(|| replica.order::<String>(&["INFO", "replication"]).contains("role:master")).await;
    works(&client).await;
}

/// Waits until something is so.
async fn until(mut is_so: impl FnMut() -> bool) {
    tokio::time::timeout(Duration::from_secs(30), async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .expect("it comes to be so");
}

/// A sentinel that watches a server; it ends with this.
struct Sentinel(
    u16,
    std::process::Child,
    #[expect(dead_code, reason = "it keeps the files")] tempfile::TempDir,
);

impl Drop for Sentinel {
    fn drop(&mut self) {
        let _ = self.1.kill();
        let _ = self.1.wait();
    }
}

fn sentinel(of: u16) -> Sentinel {
    (0..PORTS_TRIED).find_map(|_| try_sentinel(of)).expect("a sentinel that is started stays")
}

/// Starts one on a port that is free, unless somebody takes it in the moment between. Waits until it answers.
fn try_sentinel(of: u16) -> Option<Sentinel> {
    let directory = tempfile::tempdir().unwrap();
    let (port, file) = (free_port(), directory.path().join("sentinel.conf"));
    let settings = format!(
        "port {port}\nbind 127.0.0.1\nsentinel monitor main 127.0.0.1 {of} 1\n\
         sentinel down-after-milliseconds main 500\nsentinel failover-timeout main 3000\n"
    );
    std::fs::write(&file, settings).unwrap();
    let mut command = Command::new("redis-server");
    command.arg(&file).arg("--sentinel").current_dir(directory.path());
    let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut sentinel = Sentinel(port, process, directory);
    let ping = || {
        let client = redis::Client::open(format!("redis://127.0.0.1:{port}"))?;
        redis::cmd("PING").query::<String>(&mut client.get_connection()?)
    };
    while matches!(sentinel.1.try_wait(), Ok(None)) {
        if ping().is_ok() {
            return Some(sentinel);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    None
}

/// Makes a certificate authority, and a certificate of it for this machine, in `directory`.
fn certify(directory: &Path) {
    let run = |line: &str| {
        let status = Command::new("openssl")
            .args(line.split(' '))
            .current_dir(directory)
            .stderr(Stdio::null())
            .status();
        assert!(status.expect("openssl is installed").success(), "openssl {line}");
    };
    std::fs::write(directory.join("names"), "subjectAltName=IP:127.0.0.1,DNS:localhost").unwrap();
    run("req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -days 2 -subj /CN=ca");
    run("req -newkey rsa:2048 -nodes -keyout own.key -out own.csr -subj /CN=localhost");
    run("x509 -req -in own.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out own.crt -days 2 -extfile names");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encrypted_line_with_certificates_on_both_sides_is_served() {
    let directory = tempfile::tempdir().unwrap();
    certify(directory.path());
    let file = |name: &str| directory.path().join(name).display().to_string();
    let tls_port = free_port().to_string();
    let options =
        ["--tls-port", &tls_port, "--tls-cert-file", &file("own.crt"), "--tls-key-file", &file("own.key")];
    let _server = RedisServer::start(&[&options[..], &["--tls-ca-cert-file", &file("ca.crt")]].concat());
    let url = format!("rediss://localhost:{tls_port}?ca={}", file("ca.crt"));
    let with_key = format!("{url}&cert={}&key={}", file("own.crt"), file("own.key"));
    works(&Client::connect(&with_key).await.unwrap()).await;
    assert!(Client::connect(&url).await.is_err(), "the server wants a certificate");
    let without_authority = format!("rediss://localhost:{tls_port}");
    assert!(Client::connect(&without_authority).await.is_err(), "nobody vouches for the server");
}
