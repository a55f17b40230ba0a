//! What a server's settings and limits do to a store.

use std::time::Duration;

use asyncmq::{Client, Error, JobState, NewJob};

use crate::support::redis_server::RedisServer;

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

#[tokio::test]
async fn a_user_with_the_documented_rights_is_enough() {
    let server = RedisServer::start(&[]);
    let rights = "~app:* &app:* -@all +evalsha +eval +script|load +ping +time +smembers +hgetall +hscan +subscribe \
                  +unsubscribe +publish +exists +get +set +del +unlink +pexpire +sadd +srem +sismember +smismember \
                  +hget +hset +hsetnx +hmget +hdel +hlen +hexists +hincrby +hrandfield +hgetall +hscan +rpush +lpush \
                  +lpop +llen +lrange +lindex +linsert +lrem +lpos +zadd +zrem +zcard +zscore +zrange +zrevrange \
                  +zrangebyscore +zpopmin +select +hello +auth";
    let mut words = vec!["ACL", "SETUSER", "app", "on", ">se:cret"];
    words.extend(rights.split_whitespace());
    server.order::<()>(&words);
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
