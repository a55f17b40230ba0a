//! What every answer carries, and what no order gets through without.

use asyncmq::dashboard::Role;

use super::roles::{PROBES, stocked};
use super::{As, HOST, Site, config};

#[tokio::test]
async fn every_answer_has_its_headers() {
    let site = Site::of(&stocked().await, config());
    let mut answers = Vec::new();
    for role in Role::ALL {
        let who = site.browser(role).await;
        for probe in PROBES.iter().filter(|probe| probe.method == "GET") {
            answers.push((probe.path, probe.send(&site, &who, &[]).await));
        }
    }
    for probe in PROBES {
        answers.push((probe.path, probe.send(&site, &As::Nobody, &[]).await));
    }
    let admin = As::Program(Role::Admin);
    for path in ["/nowhere", "/api/nowhere", "/assets/nowhere", "/job?id=none", "/api/job", "/jobs?limit=x"] {
        answers.push((path, site.get(path, &admin).await));
    }
    answers.push(("/job/retry", site.get("/job/retry", &admin).await.is(405)));
    for (path, got) in answers {
        let told = format!("{path}: {} {:?}", got.status, got.headers);
        let policy = got.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{told}");
        assert!(policy.contains("frame-ancestors 'none'") && policy.contains("form-action 'self'"), "{told}");
        assert_eq!(got.header("x-content-type-options"), "nosniff", "{told}");
        assert_eq!(got.header("referrer-policy"), "same-origin", "{told}");
        assert!(!got.header("content-type").is_empty(), "{told}");
        assert!(!got.headers.contains_key("access-control-allow-origin"), "{told}");
        assert!(!got.headers.contains_key("strict-transport-security"), "not without TLS: {told}");
        let is_asset = path.starts_with("/assets/") && got.status.is_success();
        assert_eq!(got.header("cache-control"), if is_asset { "no-cache" } else { "no-store" }, "{told}");
    }
}

#[tokio::test]
async fn files_are_sent_once() {
    let site = Site::of(&stocked().await, config());
    for name in ["dashboard.css", "dashboard.js", "icon.svg"] {
        let first = site.get(&format!("/assets/{name}"), &As::Nobody).await.is(200);
        let tag = first.header("etag").to_owned();
        let again =
            site.request("GET", &format!("/assets/{name}"), &As::Nobody).header("if-none-match", &tag);
        let again = site.send(again.body(axum::body::Body::empty()).unwrap()).await.is(304);
        assert!(!first.text.is_empty() && again.text.is_empty() && !tag.is_empty());
    }
    for path in ["/assets/..%2f..%2fCargo.toml", "/assets/%2e%2e", "/assets/"] {
        site.get(path, &As::Nobody).await.is(404);
    }
}

#[tokio::test]
async fn orders_from_elsewhere_are_not_carried_out() {
    let client = stocked().await;
    let site = Site::of(&client, config());
    let As::Browser(cookie) = site.browser(Role::Admin).await else { unreachable!() };
    let foreign: &[&[(&str, &str)]] = &[
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[("origin", "https://jobs.example.com.evil.example")],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "cross-site"), ("origin", "https://jobs.example.com")],
        &[],
        &[("referer", "https://jobs.example.com/jobs")],
    ];
    for probe in PROBES.iter().filter(|probe| probe.method == "POST") {
        for headers in foreign {
            let with_cookie = [&[("cookie", cookie.as_str())], *headers].concat();
            let got = probe.send(&site, &As::Nobody, &with_cookie).await;
            assert_eq!(got.status.as_u16(), 403, "{} {headers:?}: {}", probe.path, got.text);
        }
        let with_cookie = [("cookie", cookie.as_str()), ("sec-fetch-site", "same-origin")];
        for method in ["GET", "HEAD", "PUT", "DELETE", "PATCH"] {
            let is_page = PROBES.iter().any(|other| other.path == probe.path && other.method == "GET");
            let is_read = method == "GET" || method == "HEAD";
            let other = super::roles::Probe { method, ..*probe };
            let got = other.send(&site, &As::Nobody, &with_cookie).await;
            if !(is_page && is_read) {
                assert_eq!(got.status.as_u16(), 405, "{method} {}: {}", probe.path, got.text);
            }
        }
        let overridden = [("cookie", cookie.as_str()), ("x-http-method-override", "POST")];
        let got = super::roles::Probe { method: "GET", ..*probe }.send(&site, &As::Nobody, &overridden).await;
        assert!(got.status.as_u16() == 405 || got.status.is_success(), "{}: {}", probe.path, got.status);
    }
    let admin = client.admin();
    assert!(admin.audit(0..10).await.unwrap().is_empty(), "nothing was ordered");
    assert_eq!(client.queue("other").counts().await.unwrap().total(), 4);

    // By `Origin` alone, as older browsers say it.
    let here = [("cookie", cookie.as_str()), ("origin", &format!("https://{HOST}"))];
    let pause = PROBES.iter().find(|probe| probe.path == "/queue/pause").unwrap();
    assert_eq!(pause.send(&site, &As::Nobody, &here).await.status.as_u16(), 303);
    assert!(client.queue("mail").is_paused().await.unwrap());
}

#[tokio::test]
async fn forms_and_json_are_not_taken_for_each_other() {
    let site = Site::of(&stocked().await, config());
    let admin = As::Program(Role::Admin);
    let json = serde_json::json!({"queue": "mail"});
    site.form("/api/queue/pause", &[("queue", "mail")], &admin).await.is(415);
    site.post("/queue/pause", &json, &admin).await.is(415);
    site.post("/api/queue/pause", &serde_json::json!({"queue": "mail", "force": true}), &admin).await.is(400);
    site.post("/api/queue/drain", &serde_json::json!({"queue": "mail", "force": true}), &admin).await.is(400);
}

#[tokio::test]
async fn no_input_is_without_bounds() {
    let site = Site::of(&stocked().await, config());
    let admin = As::Program(Role::Admin);
    for limit in ["0", "-1", "201", "99999999999999999999999", "NaN", "1e3", "%00"] {
        site.get(&format!("/api/jobs?limit={limit}"), &admin).await.is(400);
        site.get(&format!("/jobs?limit={limit}"), &admin).await.is(400);
    }
    let long = "x".repeat(5_000);
    site.get(&format!("/api/jobs?q=tag:{long}"), &admin).await.is(400);
    site.get(&format!("/suggest?q={long}"), &admin).await.is(200);
    let many = "id=x&".repeat(700);
    site.get(&format!("/bulk?order=retry&{many}"), &admin).await.is(400);
    site.get("/api/jobs?after=nonsense", &admin).await.is(400);
    site.get("/audit?from=1001", &admin).await.is(400);
    let huge = "a".repeat(300 * 1024);
    site.form("/queue/pause", &[("name", &huge)], &admin).await.is(413);
    site.post("/api/queue/pause", &serde_json::json!({ "queue": huge }), &admin).await.is(413);
    let deep = format!(
        "{{\"task\":\"x\",\"queue\":\"mail\",\"args\":{}{}}}",
        "[".repeat(200_000),
        "]".repeat(200_000)
    );
    let request = site.request("POST", "/api/jobs", &admin).header("content-type", "application/json");
    site.send(request.body(deep.into()).unwrap()).await.is(400);
    // As many stars as fit, over text in which they nearly match.
    let stars = "tag:".to_owned() + &"a*".repeat(1_500) + "b";
    site.get(&super::path("/api/jobs", &[("q", &stars)]), &admin).await.is(200);
}
