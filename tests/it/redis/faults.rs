//! Lines that break between a worker and its server, and servers that go away for a while. Nothing is lost, nothing runs
//! twice that need not, and the worker consumes again at once.

use std::sync::Arc;
use std::time::Duration;

use crate::redis::scene::Scene;
use crate::support::names::{NOWHERE, Names};
use crate::support::until;
use asyncmq_tests::servers::proxy::{Mode, Proxy};
use asyncmq_tests::servers::redis_server::RedisServer;

/// How soon a worker consumes again once the server answers.
const SOON: Duration = Duration::from_millis(1_500);
/// The same where only a deadline tells that the connection is dead.
const HALF_OPEN: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_server_is_served_again_and_has_lost_nothing() {
    let mut scene = Scene::new(&["--appendonly", "yes", "--appendfsync", "always"]).await;
    for down in [Duration::ZERO, Duration::from_secs(1), Duration::from_secs(5)] {
        scene.enqueue(300).await;
        scene.server.kill();
        tokio::time::sleep(down).await;
        let server = scene.server.clone();
        tokio::task::spawn_blocking(move || server.revive()).await.unwrap();
        scene.consumes(&format!("down for {down:?}"), SOON).await;
    }
    scene.finish(3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_connections_are_opened_again() {
    let mut scene = Scene::new(&[]).await;
    for _ in 0..10 {
        scene.enqueue(200).await;
        scene.server.order::<i64>(&["CLIENT", "KILL", "TYPE", "normal"]);
        scene.server.order::<i64>(&["CLIENT", "KILL", "TYPE", "pubsub"]);
        scene.consumes("every connection killed", SOON).await;
    }
    scene.finish(20).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reset_connections_are_opened_again() {
    let mut scene = Scene::new(&[]).await;
    for _ in 0..10 {
        scene.enqueue(200).await;
        scene.proxy.cut();
        scene.consumes("every connection reset", SOON).await;
    }
    scene.finish(10).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_refuses_for_a_while_is_tried_until_it_does_not() {
    let mut scene = Scene::new(&[]).await;
    for _ in 0..3 {
        scene.enqueue(200).await;
        scene.proxy.set(Mode::Refuse);
        scene.proxy.cut();
        tokio::time::sleep(Duration::from_secs(1)).await;
        scene.proxy.set(Mode::Pass);
        scene.consumes("refused for a second", SOON).await;
    }
    scene.finish(3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_half_open_line_is_noticed_and_replaced() {
    let mut scene = Scene::new(&[]).await;
    scene.proxy.set(Mode::Swallow);
    scene.enqueue(100).await;
    // From now on the server could be reached again, but the old connections stay silent for ever.
    tokio::time::sleep(Duration::from_millis(300)).await;
    scene.proxy.set_new(Mode::Pass);
    scene.consumes("half open", HALF_OPEN).await;
    scene.finish(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_replies_repeat_nothing() {
    let mut scene = Scene::new(&[]).await;
    for _ in 0..5 {
        scene.enqueue(200).await;
        scene.proxy.set(Mode::SwallowReplies);
        scene.enqueue(100).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        scene.proxy.set(Mode::Pass);
        scene.proxy.cut();
        scene.consumes("replies lost", SOON).await;
    }
    scene.finish(5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_replies_are_waited_for() {
    let mut scene = Scene::new(&[]).await;
    for millis in [50, 300, 800] {
        scene.proxy.delay(Duration::from_millis(millis));
        scene.enqueue(200).await;
        scene.consumes(&format!("replies take {millis} ms"), SOON + Duration::from_millis(4 * millis)).await;
    }
    scene.proxy.delay(Duration::ZERO);
    scene.finish(3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn forgotten_scripts_are_loaded_again() {
    let mut scene = Scene::new(&[]).await;
    for _ in 0..20 {
        scene.enqueue(100).await;
        scene.server.order::<()>(&["SCRIPT", "FLUSH"]);
        scene.consumes("scripts flushed", SOON).await;
    }
    scene.finish(20).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_server_is_waited_for() {
    let mut scene = Scene::new(&[]).await;
    scene.enqueue(200).await;
    scene.server.order::<()>(&["CLIENT", "PAUSE", "3000", "ALL"]);
    scene.consumes("paused for 3 s", Duration::from_secs(3) + SOON).await;
    scene.finish(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_turns_into_a_replica_and_back_is_served_again() {
    let mut scene = Scene::new(&[]).await;
    scene.enqueue(200).await;
    scene.server.order::<()>(&["REPLICAOF", "127.0.0.1", "1"]);
    tokio::time::sleep(Duration::from_secs(1)).await;
    scene.server.order::<()>(&["REPLICAOF", "NO", "ONE"]);
    scene.consumes("a replica for a second", SOON).await;
    scene.finish(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_cannot_be_resolved_for_a_while_is_tried_until_it_can() {
    let server = Arc::new(RedisServer::start(&[]));
    let (names, proxy) = (Names::start().await, Proxy::start(server.port()).await);
    names.set("main", "localhost", proxy.port());
    let mut scene = Scene::with(server.clone(), proxy, &server.url(), &names.url("main")).await;
    for _ in 0..3 {
        scene.enqueue(200).await;
        names.set("main", NOWHERE, 6379);
        scene.proxy.cut();
        tokio::time::sleep(Duration::from_secs(1)).await;
        names.set("main", "localhost", scene.proxy.port());
        scene.consumes("no such name for a second", SOON).await;
    }
    scene.finish(3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_still_loading_is_waited_for() {
    // Slow to load, and ready to say so meanwhile.
    let slowly = ["--key-load-delay", "500", "--loading-process-events-interval-bytes", "1024"];
    let mut scene = Scene::new(&[&["--appendonly", "yes"][..], &slowly].concat()).await;
    let ballast = "for key = 1, 1500 do redis.call('SET', 'ballast:' .. key, 1) end";
    scene.server.order::<()>(&["EVAL", ballast, "0"]);
    // As a snapshot, key by key.
    scene.server.order::<()>(&["BGREWRITEAOF"]);
    until("the snapshot", async || {
        let info: String = scene.server.order(&["INFO", "persistence"]);
        info.contains("aof_rewrite_in_progress:0") && info.contains("aof_rewrite_scheduled:0")
    })
    .await;
    scene.enqueue(300).await;
    scene.server.kill();
    let server = scene.server.clone();
    let said = tokio::task::spawn_blocking(move || server.revive()).await.unwrap();
    assert!(said.iter().any(|error| error.contains("BusyLoading")), "it never said that it loads: {said:?}");
    scene.consumes("loading", SOON).await;
    scene.finish(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_server_takes_nothing_in_and_lets_every_job_end() {
    let mut scene = Scene::new(&[]).await;
    let queue = scene.client.queue("faults");
    for _ in 0..3 {
        queue.pause().await.unwrap();
        scene.enqueue(300).await;
        scene.server.order::<()>(&["CONFIG", "SET", "maxmemory", "1"]);
        queue.resume().await.unwrap();
        until("all jobs end", async || queue.counts().await.unwrap().unfinished() == 0).await;
        let refused = queue.add(asyncmq::NewJob::new("faults.work")).await.unwrap_err();
        assert!(format!("{refused:?}").contains("memory limit"), "{refused:?}");
        scene.server.order::<()>(&["CONFIG", "SET", "maxmemory", "0"]);
        scene.consumes("no memory left", SOON).await;
    }
    scene.finish(3).await;
}
