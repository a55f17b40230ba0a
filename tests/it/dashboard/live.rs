//! Pages that stay open: they hear what happens, and end with the dashboard and with their session.

use std::time::Duration;

use asyncmq::dashboard::{Role, serve};
use asyncmq::{Client, NewJob};
use axum::body::{Body, BodyDataStream};
use futures::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tower::ServiceExt;

use super::{As, Site, config, token};
use crate::support::soon;

async fn stream(site: &Site, path: &str, who: &As) -> BodyDataStream {
    let mut request = site.request("GET", path, who).body(Body::empty()).unwrap();
    request.extensions_mut().insert(axum::extract::ConnectInfo(site.peer));
    let response = site.router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert_eq!(response.headers()["cache-control"], "no-store");
    response.into_body().into_data_stream()
}

async fn hear(stream: &mut BodyDataStream, what: &str) -> String {
    let mut heard = String::new();
    let hearing = async {
        while !heard.contains(what) {
            let part = stream.next().await.expect("the stream goes on").unwrap();
            heard += std::str::from_utf8(&part).unwrap();
        }
    };
    soon(what, hearing).await;
    heard
}

#[tokio::test]
async fn a_page_hears_that_something_changed_and_a_feed_hears_what() {
    let client = Client::memory();
    let site = Site::of(&client, config());
    site.ready().await;
    let viewer = As::Program(Role::Viewer);
    let mut changes = stream(&site, "/live", &viewer).await;
    let mut events = stream(&site, "/live/events?kind=job:*&queue=mail", &viewer).await;
    client.queue("other").add(NewJob::new("x").id("other")).await.unwrap();
    client.queue("mail").add(NewJob::new("x").id("seven")).await.unwrap();
    hear(&mut changes, "event: change").await;
    let heard = hear(&mut events, "job:enqueued").await;
    assert!(heard.contains("\"job\":\"seven\"") && !heard.contains("\"job\":\"other\""), "{heard}");
    assert_eq!(site.get("/api/events?queue=mail", &viewer).await.json()["events"][0]["job"], "seven");
}

#[tokio::test]
async fn a_stream_ends_with_its_session() {
    let client = Client::memory();
    let site = Site::of(&client, config());
    site.ready().await;
    let viewer = site.browser(Role::Viewer).await;
    let mut changes = stream(&site, "/live", &viewer).await;
    client.queue("mail").add(NewJob::new("x")).await.unwrap();
    hear(&mut changes, "change").await;
    site.form("/logout", &[], &viewer).await.is(303);
    client.queue("mail").add(NewJob::new("x")).await.unwrap();
    let ended = async { while changes.next().await.is_some() {} };
    soon("the end of the stream", ended).await;
}

#[tokio::test]
async fn a_page_that_looks_again_by_itself_keeps_no_session_alive() {
    let site = Site::of(&Client::memory(), config().idle_timeout(Duration::from_millis(400)));
    let viewer = site.browser(Role::Viewer).await;
    let start = std::time::Instant::now();
    let mut status = 200;
    // It would go on for ever if looking counted.
    while status == 200 && start.elapsed() < Duration::from_secs(10) {
        let request = site.request("GET", "/", &viewer).header("x-asyncmq-live", "1");
        status = site.send(request.body(Body::empty()).unwrap()).await.status.as_u16();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(status, 401);
}

#[tokio::test]
async fn what_pages_send_by_themselves_keeps_no_session_alive() {
    for path in ["/suggest?q=st", "/assets/icon.svg", "/jobs?after=&by=page"] {
        let site = Site::of(&Client::memory(), config().idle_timeout(Duration::from_millis(400)));
        let viewer = site.browser(Role::Viewer).await;
        let start = std::time::Instant::now();
        // It would go on for as long as this asks if it counted.
        while start.elapsed() < Duration::from_millis(800) {
            site.get(path, &viewer).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        site.get("/api/queues", &viewer).await.is(401);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_after_a_while_and_is_asked_for_anew() {
    let client = Client::memory();
    let site = Site::of(&client, config());
    let viewer = As::Program(Role::Viewer);
    for path in ["/live", "/live/events"] {
        let (mut open, start) = (stream(&site, path, &viewer).await, tokio::time::Instant::now());
        let end = async { while open.next().await.is_some() {} };
        tokio::time::timeout(Duration::from_secs(700), end).await.expect("an end of the stream");
        assert!(Duration::from_secs(590) < start.elapsed(), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_open_pages_end_when_the_server_stops() {
    let client = Client::memory();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving =
        tokio::spawn(async move { serve(&client, config(), listener, async { drop(stopped.await) }).await });
    let request = format!(
        "GET /live HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\n\r\n",
        token(Role::Viewer)
    );
    let mut pages = Vec::new();
    for _ in 0..200 {
        let mut page = TcpStream::connect(address).await.unwrap();
        page.write_all(request.as_bytes()).await.unwrap();
        let mut head = [0; 15];
        soon("an answer", page.read_exact(&mut head)).await.unwrap();
        assert_eq!(&head, b"HTTP/1.1 200 OK");
        pages.push(page);
    }
    stop.send(()).unwrap();
    soon("the end of the server", serving).await.unwrap().unwrap();
    for mut page in pages {
        let mut rest = Vec::new();
        soon("the end of a page", page.read_to_end(&mut rest)).await.unwrap();
    }
}

#[tokio::test]
async fn its_loops_end_with_it() {
    let client = Client::memory();
    let count = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = count();
    let site = Site::of(&client, config().stop_when(std::future::pending()));
    site.ready().await;
    assert!(before < count());
    drop(site);
    crate::support::until("the end of the loops", async || count() == before).await;
}
