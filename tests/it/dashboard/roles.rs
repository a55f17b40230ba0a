//! Who may do what: every route there is, for every visitor; a route that the table does not know fails it.

use asyncmq::dashboard::{__routes, Role};
use asyncmq::{Client, Flow, Limit, NewJob, Schedule};
use axum::body::Body;

use super::{As, Site, config};

/// What is sent to a route to see whether it lets somebody in.
pub(super) struct Probe {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) role: Option<Role>,
    /// The parameters of a GET, the fields of a form, or JSON.
    pub(super) sends: &'static str,
}

const NOBODY: Option<Role> = None;
const VIEWER: Option<Role> = Some(Role::Viewer);
const OPERATOR: Option<Role> = Some(Role::Operator);
const ADMIN: Option<Role> = Some(Role::Admin);

const fn probe(method: &'static str, path: &'static str, role: Option<Role>, sends: &'static str) -> Probe {
    Probe { method, path, role, sends }
}

/// Who may use what, decided here a second time.
pub(super) const PROBES: &[Probe] = &[
    probe("GET", "/health", NOBODY, ""),
    probe("GET", "/ready", NOBODY, ""),
    probe("GET", "/assets/{name}", NOBODY, ""),
    probe("GET", "/login", NOBODY, ""),
    probe("POST", "/login", NOBODY, "name=viewer&password=correct%20horse"),
    probe("GET", "/", VIEWER, ""),
    probe("GET", "/queues", VIEWER, ""),
    probe("GET", "/queue", VIEWER, "name=mail"),
    probe("GET", "/jobs", VIEWER, "q=state:waiting"),
    probe("GET", "/dead", VIEWER, ""),
    probe("GET", "/job", VIEWER, "id=waits"),
    probe("GET", "/limits", VIEWER, "queue=mail&task=x&key=k"),
    probe("GET", "/api/queue/limits", VIEWER, "queue=mail"),
    probe("GET", "/limits/edit", OPERATOR, "queue=mail&task=x"),
    probe("POST", "/limits/set", OPERATOR, "queue=mail&what=set&rate=5/1s"),
    probe("POST", "/api/queue/limit", OPERATOR, r#"{"queue":"mail","task":"x","concurrency":3}"#),
    probe("GET", "/flows", VIEWER, "state=running&queue=shop"),
    probe("GET", "/flow", VIEWER, "id=order"),
    probe("POST", "/flow/cancel", OPERATOR, "id=order"),
    probe("POST", "/flow/retry", OPERATOR, "id=order"),
    probe("GET", "/api/flows", VIEWER, ""),
    probe("GET", "/api/flow", VIEWER, "id=order"),
    probe("POST", "/api/flow/cancel", OPERATOR, r#"{"id":"order"}"#),
    probe("POST", "/api/flow/retry", OPERATOR, r#"{"id":"order"}"#),
    probe("POST", "/flow/remove", ADMIN, "id=order"),
    probe("POST", "/api/flow/remove", ADMIN, r#"{"id":"parcel"}"#),
    probe("GET", "/schedules", VIEWER, "q=night"),
    probe("GET", "/schedule", VIEWER, "id=nightly"),
    probe("GET", "/workers", VIEWER, ""),
    probe("GET", "/worker", VIEWER, "id=WORKER"),
    probe("GET", "/tasks", VIEWER, ""),
    probe("GET", "/stats", VIEWER, ""),
    probe("GET", "/events", VIEWER, ""),
    probe("GET", "/audit", VIEWER, ""),
    probe("GET", "/doctor", VIEWER, ""),
    probe("GET", "/keys", VIEWER, ""),
    probe("GET", "/suggest", VIEWER, "q=st"),
    probe("GET", "/live", VIEWER, ""),
    probe("GET", "/live/events", VIEWER, ""),
    probe("GET", "/metrics", VIEWER, ""),
    probe("GET", "/api/openapi.json", VIEWER, ""),
    probe("GET", "/api/info", VIEWER, ""),
    probe("GET", "/api/queues", VIEWER, ""),
    probe("GET", "/api/queue", VIEWER, "name=mail"),
    probe("GET", "/api/jobs", VIEWER, ""),
    probe("GET", "/api/dead", VIEWER, ""),
    probe("GET", "/api/job", VIEWER, "id=waits"),
    probe("GET", "/api/schedules", VIEWER, ""),
    probe("GET", "/api/schedule", VIEWER, "id=nightly"),
    probe("GET", "/api/workers", VIEWER, ""),
    probe("GET", "/api/worker", VIEWER, "id=WORKER"),
    probe("GET", "/api/tasks", VIEWER, ""),
    probe("GET", "/api/events", VIEWER, ""),
    probe("GET", "/api/audit", VIEWER, ""),
    probe("GET", "/api/history", VIEWER, ""),
    probe("GET", "/api/doctor", VIEWER, ""),
    probe("GET", "/bulk", OPERATOR, "order=retry&q=state:dead"),
    probe("POST", "/bulk", OPERATOR, "order=retry&query=state:dead&count=0"),
    probe("GET", "/bulk/run", OPERATOR, "n=1"),
    probe("POST", "/bulk/stop", OPERATOR, "n=1"),
    probe("POST", "/queue/pause", OPERATOR, "name=mail"),
    probe("POST", "/queue/resume", OPERATOR, "name=mail"),
    probe("POST", "/job/cancel", OPERATOR, "id=waits"),
    probe("POST", "/job/retry", OPERATOR, "id=waits"),
    probe("POST", "/job/promote", OPERATOR, "id=later"),
    probe("GET", "/schedule/edit", OPERATOR, "id=nightly"),
    probe("POST", "/schedule/put", OPERATOR, "id=nightly&when=2h"),
    probe("POST", "/schedule/pause", OPERATOR, "id=nightly"),
    probe("POST", "/schedule/resume", OPERATOR, "id=nightly"),
    probe("POST", "/schedule/run", OPERATOR, "id=nightly"),
    probe(
        "POST",
        "/api/schedules",
        OPERATOR,
        r#"{"id":"other","when":"1h","job":{"task":"x","queue":"mail"}}"#,
    ),
    probe("POST", "/api/schedule/pause", OPERATOR, r#"{"id":"nightly"}"#),
    probe("POST", "/api/schedule/resume", OPERATOR, r#"{"id":"nightly"}"#),
    probe("POST", "/api/schedule/run", OPERATOR, r#"{"id":"nightly"}"#),
    probe("POST", "/api/queue/pause", OPERATOR, r#"{"queue":"mail"}"#),
    probe("POST", "/api/queue/resume", OPERATOR, r#"{"queue":"mail"}"#),
    probe("POST", "/api/jobs", OPERATOR, r#"{"task":"x","queue":"mail"}"#),
    probe("POST", "/api/job/cancel", OPERATOR, r#"{"id":"waits"}"#),
    probe("POST", "/api/job/retry", OPERATOR, r#"{"id":"waits"}"#),
    probe("POST", "/api/job/promote", OPERATOR, r#"{"id":"later"}"#),
    probe("POST", "/api/bulk", OPERATOR, r#"{"order":"retry","query":"state:dead"}"#),
    probe("GET", "/queue/clear", ADMIN, "name=mail&what=drain"),
    probe("POST", "/queue/clear", ADMIN, "name=mail&what=drain&confirm=mail"),
    probe("POST", "/job/reveal", ADMIN, "id=stays"),
    probe("POST", "/job/remove", ADMIN, "id=stays"),
    probe("POST", "/schedule/remove", ADMIN, "id=weekly"),
    probe("POST", "/api/schedule/remove", ADMIN, r#"{"id":"monthly"}"#),
    probe("POST", "/api/queue/drain", ADMIN, r#"{"queue":"mail"}"#),
    probe("POST", "/api/queue/clean", ADMIN, r#"{"queue":"mail","state":"completed"}"#),
    probe("POST", "/api/job/reveal", ADMIN, r#"{"id":"remains"}"#),
    probe("POST", "/api/job/remove", ADMIN, r#"{"id":"remains"}"#),
    probe("POST", "/api/queue/obliterate", ADMIN, r#"{"queue":"mail"}"#),
    probe("POST", "/logout", VIEWER, ""),
];

impl Probe {
    /// Sends it as somebody; headers come on top.
    pub(super) async fn send(&self, site: &Site, who: &As, headers: &[(&str, &str)]) -> super::Got {
        let place = self.path.replace("{name}", "dashboard.css");
        let worker = worker_id();
        let sends = self.sends.replace("WORKER", &worker);
        let is_get = self.method == "GET" || self.method == "HEAD";
        let place = if is_get && !sends.is_empty() && !sends.starts_with('{') {
            format!("{place}?{sends}")
        } else {
            place
        };
        let mut request = site.request(self.method, &place, who);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let kind = if self.path.starts_with("/api/") {
            "application/json"
        } else {
            "application/x-www-form-urlencoded"
        };
        let request = request.header("content-type", kind);
        let body = if is_get { Body::empty() } else { Body::from(sends) };
        let request = request.body(body).unwrap();
        if self.path.starts_with("/live") {
            return site.head_of(request).await;
        }
        site.send(request).await
    }
}

fn worker_id() -> String {
    "018f0000-0000-7000-8000-000000000001".into()
}

impl Site {
    /// Sends a request whose answer does not end, and returns its head.
    pub(super) async fn head_of(&self, mut request: axum::http::Request<Body>) -> super::Got {
        use tower::ServiceExt;
        request.extensions_mut().insert(axum::extract::ConnectInfo(self.peer));
        let response = self.router.clone().oneshot(request).await.unwrap();
        super::Got { status: response.status(), headers: response.headers().clone(), text: String::new() }
    }
}

/// A store in which every probe finds what it is about.
pub(super) async fn stocked() -> Client {
    use asyncmq::backend::WorkerInfo;
    let client = Client::memory();
    for id in ["waits", "stays", "remains"] {
        client.queue("other").add(NewJob::new("x").id(id)).await.unwrap();
    }
    client.queue("mail").add(NewJob::new("x")).await.unwrap();
    let later = NewJob::new("x").id("later").delay(std::time::Duration::from_secs(3_600));
    client.queue("other").add(later).await.unwrap();
    for id in ["nightly", "weekly", "monthly"] {
        let job = NewJob::new("x").args(serde_json::json!({ "token": "t" })).header("k", "v").tag("vip");
        let often = Schedule::every(std::time::Duration::from_secs(86_400));
        client.queue("mail").upsert_schedule(id, often, job).await.unwrap();
    }
    let held = client.queue("mail").limit_task("x", Some(Limit::NONE.concurrency(9))).await;
    assert!(held.unwrap());
    for id in ["order", "parcel"] {
        let mut flow = Flow::with_id(id);
        let first = flow.add_named(NewJob::new("x").queue("shop"));
        flow.add_named(NewJob::new("x").queue("shop").depends_on([&first]));
        flow.enqueue_on(&client).await.unwrap();
    }
    let id: uuid::Uuid = worker_id().parse().unwrap();
    let worker = WorkerInfo { host: "desk".into(), ..WorkerInfo::new(id.into()) };
    client.backend().register(&worker, std::time::Duration::from_secs(30)).await.unwrap();
    client
}

#[test]
fn every_route_has_its_row() {
    let mut known: Vec<_> = PROBES.iter().map(|probe| (probe.method, probe.path, probe.role)).collect();
    let mut routes = __routes();
    known.sort();
    routes.sort();
    assert_eq!(routes, known, "a route without a row, or with another role");
}

#[tokio::test]
async fn every_route_lets_in_whom_it_should_and_nobody_else() {
    for probe in PROBES {
        let visitors = std::iter::once(None).chain(Role::ALL.map(Some));
        for visitor in visitors {
            let site = Site::of(&stocked().await, config());
            site.ready().await;
            // A run to look at, and to stop.
            site.form(
                "/bulk",
                &[("order", "retry"), ("query", "state:dead"), ("count", "0")],
                &As::Program(Role::Admin),
            )
            .await
            .is(303);
            let who = match visitor {
                None => As::Browser("asyncmq_session=0123456789abcdef".into()),
                Some(role) => site.browser(role).await,
            };
            let got = probe.send(&site, &who, &[]).await;
            let told = format!("{} {} as {visitor:?}: {} {}", probe.method, probe.path, got.status, got.text);
            let status = got.status.as_u16();
            if probe.role <= visitor {
                assert!(status < 400 || is_about_the_job(probe, status), "{told}");
                assert!(!got.header("location").contains("/login") || probe.path == "/logout", "{told}");
            } else if visitor.is_none() {
                let is_sent_away =
                    status == 401 || (status == 303 && got.header("location").starts_with("/login"));
                assert!(is_sent_away, "{told}");
            } else {
                assert_eq!(status, 403, "{told}");
            }
        }
    }
}

/// A job that waits cannot be retried, which is said to whoever may.
fn is_about_the_job(probe: &Probe, status: u16) -> bool {
    probe.path == "/api/job/retry" && status == 409
}

#[tokio::test]
async fn removing_many_jobs_is_for_admins_alone() {
    let site = Site::of(&stocked().await, config());
    let order = serde_json::json!({"order": "remove", "query": "queue:other"});
    let operator = As::Program(Role::Operator);
    site.post("/api/bulk", &order, &operator).await.is(403);
    site.get("/bulk?order=remove&q=queue:other", &operator).await.is(403);
    let fields = [("order", "remove"), ("query", "queue:other"), ("count", "4"), ("confirm", "4")];
    site.form("/bulk", &fields, &operator).await.is(403);
    let left = site.get("/api/queue?name=other", &operator).await.json();
    assert_eq!((&left["waiting"], &left["delayed"]), (&3.into(), &1.into()));
    assert_eq!(site.post("/api/bulk", &order, &As::Program(Role::Admin)).await.json()["changed"], 4);
}
