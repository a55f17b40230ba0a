//! Coming in and going out.

use std::net::SocketAddr;
use std::time::Duration;

use asyncmq::Client;
use asyncmq::dashboard::{Authenticator, Config, Role, User, async_trait, serve};
use axum::Router;
use axum::body::Body;
use axum::http::request::Parts;

use super::{As, Got, HASH, PASSWORD, Site, config, token};

fn site() -> Site {
    Site::of(&Client::memory(), config())
}

async fn log_in(site: &Site, fields: &[(&str, &str)]) -> Got {
    site.form("/login", fields, &As::Browser(String::new())).await
}

#[tokio::test]
async fn a_session_is_made_anew_at_login_and_gone_after_logout() {
    let site = site();
    let got = log_in(&site, &[("name", "viewer"), ("password", PASSWORD), ("next", "/jobs?q=state:failed")])
        .await
        .is(303);
    assert_eq!(got.header("location"), "/jobs?q=state:failed");
    let cookie = got.header("set-cookie");
    for part in ["HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let first = As::Browser(cookie.split(';').next().unwrap().to_owned());
    assert!(site.get("/", &first).await.is(200).text.contains("viewer"));

    // Logging in again, be it with a planted cookie, ends what was there.
    let again = site.form("/login", &[("name", "admin"), ("password", PASSWORD)], &first).await.is(303);
    let second = As::Browser(again.header("set-cookie").split(';').next().unwrap().to_owned());
    assert_ne!(format!("{first:?}"), format!("{second:?}"));
    assert!(site.get("/", &first).await.is(303).header("location").starts_with("/login"));
    let planted = As::Browser("asyncmq_session=planted".into());
    let third = site.form("/login", &[("name", "admin"), ("password", PASSWORD)], &planted).await.is(303);
    assert!(!third.header("set-cookie").contains("planted"));
    site.get("/", &planted).await.is(303);

    let out = site.form("/logout", &[], &second).await.is(303);
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    site.get("/", &second).await.is(303);
    assert!(site.get("/api/queues", &second).await.is(401).text.contains("error"));
}

#[tokio::test]
async fn over_tls_a_cookie_that_a_neighbour_can_set_counts_for_nothing() {
    let site = Site::of(&Client::memory(), config().secure_cookies());
    let As::Browser(cookie) = site.browser(Role::Viewer).await else { unreachable!() };
    assert!(cookie.starts_with("__Host-asyncmq_session="), "{cookie}");
    site.get("/", &As::Browser(cookie.clone())).await.is(200);
    site.get("/", &As::Browser(cookie.trim_start_matches("__Host-").to_owned())).await.is(303);
}

#[tokio::test]
async fn nothing_tells_a_wrong_name_from_a_wrong_password() {
    let site = site();
    let wrong = log_in(&site, &[("name", "admin"), ("password", "wrong horse")]).await.is(401);
    let unknown = log_in(&site, &[("name", "nobody"), ("password", PASSWORD)]).await.is(401);
    assert_eq!(wrong.text, unknown.text);
    assert!(!wrong.headers.contains_key("set-cookie"));
    for fields in [&[][..], &[("name", "admin")], &[("password", PASSWORD)]] {
        log_in(&site, fields).await.is(401);
    }
}

#[tokio::test]
async fn who_fails_again_and_again_has_to_wait() {
    let site = site();
    let mut last = 401;
    for _ in 0..8 {
        last = log_in(&site, &[("name", "admin"), ("password", "wrong horse")]).await.status.as_u16();
    }
    assert_eq!(last, 429);
    let right = log_in(&site, &[("name", "admin"), ("password", PASSWORD)]).await.is(429);
    assert!(!right.header("retry-after").is_empty());
    // From elsewhere somebody else can still log in, and what stands in a header that nobody trusts makes no elsewhere.
    let forged = site.request("POST", "/login", &As::Browser(String::new()));
    let forged = forged
        .header("x-forwarded-for", "9.9.9.9")
        .header("content-type", "application/x-www-form-urlencoded");
    site.send(forged.body(Body::from("name=viewer&password=correct%20horse")).unwrap()).await.is(429);
    let elsewhere = Site { peer: SocketAddr::from(([10, 0, 0, 9], 1)), ..site };
    log_in(&elsewhere, &[("name", "viewer"), ("password", PASSWORD)]).await.is(303);
    log_in(&elsewhere, &[("name", "admin"), ("password", PASSWORD)]).await.is(429);
}

#[tokio::test]
async fn one_is_sent_on_only_within_the_dashboard() {
    let site = site();
    for next in [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "/\tx",
        "\\\\evil",
    ] {
        let fields = [("name", "viewer"), ("password", PASSWORD), ("next", next)];
        assert_eq!(log_in(&site, &fields).await.is(303).header("location"), "/", "{next}");
        let page = site.get(&super::path("/login", &[("next", next)]), &As::Nobody).await.is(200);
        assert!(page.text.contains("name=\"next\" value=\"\""), "{}", page.text);
    }
    let sent = site.get("/jobs?q=tag:%22a%22", &As::Nobody).await.is(303);
    assert_eq!(sent.header("location"), "/login?next=%2Fjobs%3Fq%3Dtag:%2522a%2522");
}

#[tokio::test]
async fn a_session_ends_when_nobody_uses_it() {
    let site = Site::of(&Client::memory(), config().idle_timeout(Duration::ZERO));
    let viewer = site.browser(Role::Viewer).await;
    site.get("/", &viewer).await.is(303);
}

#[tokio::test]
async fn tokens_are_for_programs_and_need_no_page() {
    let site = site();
    let got = site
        .post("/api/queue/pause", &serde_json::json!({"queue": "mail"}), &As::Program(Role::Operator))
        .await;
    assert_eq!(got.json()["changed"], true);
    let wrong = site
        .request("GET", "/api/queues", &As::Nobody)
        .header("authorization", "Bearer viewer-0123456789abcdeF");
    let wrong = site.send(wrong.body(Body::empty()).unwrap()).await.is(401);
    assert_eq!(wrong.header("www-authenticate"), "Bearer");
    let basic = site.request("GET", "/api/queues", &As::Nobody).header("authorization", "Basic dmlld2VyOng=");
    site.send(basic.body(Body::empty()).unwrap()).await.is(401);
    // A token in the address is none: addresses are logged.
    site.get(&format!("/api/queues?token={}", token(Role::Admin)), &As::Nobody).await.is(401);
}

#[tokio::test]
async fn without_anybody_to_log_in_it_answers_its_own_machine_alone() {
    let site = Site::of(&Client::memory(), Config::new());
    let ask = async |site: &Site, host: &str, header: Option<(&str, &str)>| {
        let mut request = axum::http::Request::builder().uri("/").header("host", host);
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        site.send(request.body(Body::empty()).unwrap()).await.status.as_u16()
    };
    for host in ["localhost", "localhost:7878", "127.0.0.1:7878", "[::1]:7878"] {
        assert_eq!(ask(&site, host, None).await, 200, "{host}");
    }
    // A page elsewhere whose name was pointed here, and a proxy that lets the world in.
    for host in ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:7878", ""] {
        assert_eq!(ask(&site, host, None).await, 403, "{host}");
    }
    assert_eq!(ask(&site, "localhost", Some(("x-forwarded-for", "9.9.9.9"))).await, 403);
    let far = Site { peer: SocketAddr::from(([10, 0, 0, 9], 1)), ..site };
    assert_eq!(ask(&far, "localhost", None).await, 403);
    far.get("/health", &As::Nobody).await.is(200);

    let listener = tokio::net::TcpListener::bind("0.0.0.0:0").await.unwrap();
    let refused =
        serve(&Client::memory(), Config::new(), listener, std::future::pending()).await.unwrap_err();
    assert!(refused.to_string().contains("can be reached from other machines"), "{refused}");
}

struct OfHeader;

#[async_trait]
impl Authenticator for OfHeader {
    async fn authenticate(&self, request: &Parts) -> Option<User> {
        Some(User::new(request.headers.get("x-user")?.to_str().ok()?, Role::Operator))
    }
}

#[tokio::test]
async fn an_application_can_tell_who_somebody_is() {
    let client = Client::memory();
    let site = Site::of(&client, Config::new().authenticator(OfHeader));
    let ask = async |path: &str, method: &str, headers: &[(&str, &str)]| {
        let mut request = site.request(method, path, &As::Nobody).header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        site.send(request.body(Body::from("{\"queue\":\"mail\"}")).unwrap()).await
    };
    assert!(ask("/", "GET", &[("x-user", "ann")]).await.is(200).text.contains("ann"));
    ask("/api/queues", "GET", &[]).await.is(401);
    // Whatever a browser sends by itself is no proof of intent.
    ask("/api/queue/pause", "POST", &[("x-user", "ann")]).await.is(403);
    ask("/api/queue/pause", "POST", &[("x-user", "ann"), ("sec-fetch-site", "same-origin")]).await.is(200);
    ask("/api/queue/drain", "POST", &[("x-user", "ann"), ("sec-fetch-site", "same-origin")]).await.is(403);
    assert_eq!(client.admin().audit(0..1).await.unwrap()[0].actor, "ann");

    let guarded = Site::of(&client, Config::new().guarded_elsewhere(Role::Viewer));
    guarded.get("/", &As::Nobody).await.is(200);
    guarded.form("/queue/pause", &[("name", "mail")], &As::Browser(String::new())).await.is(403);
}

#[tokio::test]
async fn a_token_of_the_application_is_left_to_the_application() {
    let client = Client::memory();
    let guarded = Site::of(&client, Config::new().guarded_elsewhere(Role::Operator));
    let told = Site::of(&client, Config::new().authenticator(OfHeader));
    let ask = async |site: &Site, method: &str, headers: &[(&str, &str)]| {
        let path = if method == "GET" { "/api/queues" } else { "/api/queue/pause" };
        let mut request = site.request(method, path, &As::Nobody).header("content-type", "application/json");
        request = request.header("authorization", "Bearer of-the-application");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        site.send(request.body(Body::from("{\"queue\":\"mail\"}")).unwrap()).await.status.as_u16()
    };
    assert_eq!(ask(&guarded, "GET", &[]).await, 200);
    assert_eq!(ask(&told, "GET", &[]).await, 401);
    assert_eq!(ask(&told, "GET", &[("x-user", "ann")]).await, 200);
    // That some bearer stands there is no proof that no page elsewhere sent it.
    for (site, user) in [(&guarded, ("x-other", "ann")), (&told, ("x-user", "ann"))] {
        assert_eq!(ask(site, "POST", &[user]).await, 403);
        assert_eq!(ask(site, "POST", &[user, ("sec-fetch-site", "cross-site")]).await, 403);
        assert_eq!(ask(site, "POST", &[user, ("sec-fetch-site", "same-origin")]).await, 200);
    }
}

#[tokio::test]
async fn it_can_be_nested_anywhere_and_stand_behind_a_proxy() {
    let client = Client::memory();
    client.queue("mail").add(asyncmq::NewJob::new("x").id("1")).await.unwrap();
    let inner = Site::of(&client, config().trusted_proxy("127.0.0.0/8").unwrap());
    let router = Router::new().nest("/ops/jobs", inner.router.clone());
    let site = Site { router, prefix: "/ops/jobs".into(), ..inner.clone() };
    let got = log_in(&site, &[("name", "viewer"), ("password", PASSWORD), ("next", "/queues")]).await.is(303);
    assert_eq!(got.header("location"), "/ops/jobs/queues");
    let viewer = As::Program(Role::Viewer);
    let page = site.get("", &viewer).await.is(200).text;
    let own = |text: &str| {
        let links = ["href=\"", "action=\"", "src=\""].iter().flat_map(|name| text.split(name).skip(1));
        links.map(|rest| rest.split('"').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let links = own(&page);
    assert!(
        20 < links.len() && links.iter().all(|link| link.starts_with("/ops/jobs") || link == "#main"),
        "{links:?}"
    );
    site.get("/nowhere", &viewer).await.is(404);

    // Through a proxy that takes a prefix off and speaks TLS.
    let forwarded = |site: &Site| {
        let request = site.request("POST", "/login", &As::Nobody).header("x-forwarded-proto", "https");
        let request = request.header("x-forwarded-prefix", "/out").header("x-forwarded-host", "shop.example");
        let request = request.header("origin", "https://shop.example").header("x-forwarded-for", "9.9.9.9");
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        request.body(Body::from("name=viewer&password=correct%20horse")).unwrap()
    };
    let got = inner.send(forwarded(&inner)).await.is(303);
    assert_eq!(got.header("location"), "/out");
    assert!(
        got.header("set-cookie").starts_with("__Host-asyncmq_session=")
            && got.header("set-cookie").contains("; Secure")
    );
    assert!(!got.header("strict-transport-security").is_empty());
    // The same words of somebody who is no trusted proxy count for nothing.
    let far = Site { peer: SocketAddr::from(([10, 0, 0, 9], 1)), ..inner };
    far.send(forwarded(&far)).await.is(403);
}

#[test]
fn what_cannot_be_is_refused_when_it_is_set_up() {
    assert!(Config::new().token("x", "short", Role::Viewer).is_err());
    assert!(Config::new().password_hash("x", PASSWORD, Role::Viewer).is_err());
    assert!(Config::new().password_hash("x", HASH, Role::Viewer).is_ok());
    assert!(Config::new().trusted_proxy("everybody").is_err());
    assert!(Config::new().prefix("//evil.example").is_err() && Config::new().prefix("/a b").is_err());
    let shown = format!("{:?}", config());
    assert!(!shown.contains("argon2") && !shown.contains("0123456789abcdef"), "{shown}");
}
