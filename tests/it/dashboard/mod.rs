//! The dashboard as a browser or a program has it: real requests to the real router, on stores with real workers.

mod api;
mod command;
mod dedup;
mod flows;
mod headers;
mod hostile;
mod inventory;
mod limits;
mod live;
mod login;
mod orders;
mod probes;
mod redaction;
mod roles;
mod schedules;
pub(crate) mod sites;
mod waits;

use std::net::SocketAddr;

use asyncmq::Client;
use asyncmq::dashboard::{self, Config, Role};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Request, StatusCode};
use serde_json::Value;
use tower::ServiceExt;

/// `correct horse`, at a cost that a test can bear.
const HASH: &str = "$argon2id$v=19$m=8,t=1,p=1$YXN5bmNtcXRlc3Rz$IlawDze1ok3uFoHe+pbwtX7BGvqx7KuVoFPGwrv2shk";
const PASSWORD: &str = "correct horse";
const HOST: &str = "jobs.example.com";

/// The bearer token of a role.
fn token(role: Role) -> String {
    format!("{role}-0123456789abcdef")
}

/// A dashboard with a user and a token of each role, by its name.
fn config() -> Config {
    let mut config = Config::new();
    for role in Role::ALL {
        config = config.password_hash(role.name(), HASH, role).unwrap();
        config = config.token(format!("{role}-program"), &token(role), role).unwrap();
    }
    config
}

/// A dashboard of a store.
#[derive(Clone)]
struct Site {
    router: Router,
    peer: SocketAddr,
    /// What stands before its paths.
    prefix: String,
}

/// An answer, read to its end.
struct Got {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Got {
    #[track_caller]
    fn is(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self
    }

    #[track_caller]
    fn json(self) -> Value {
        assert!(self.status.is_success(), "{} {}", self.status, self.text);
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// Who sends a request.
#[derive(Clone, Debug)]
enum As {
    Nobody,
    /// A program with the token of a role.
    Program(Role),
    /// A browser with this cookie, on a page of the dashboard's own.
    Browser(String),
}

impl Site {
    fn of(client: &Client, config: Config) -> Self {
        let router = dashboard::router(client, config);
        Self { router, peer: SocketAddr::from(([127, 0, 0, 1], 40_000)), prefix: String::new() }
    }

    async fn send(&self, mut request: Request<Body>) -> Got {
        request.extensions_mut().insert(ConnectInfo(self.peer));
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, 64 << 20).await.unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        Got { status: parts.status, headers: parts.headers, text }
    }

    fn request(&self, method: &str, path: &str, who: &As) -> axum::http::request::Builder {
        let request =
            Request::builder().method(method).uri(format!("{}{path}", self.prefix)).header("host", HOST);
        match who {
            As::Nobody => request,
            As::Program(role) => request.header("authorization", format!("Bearer {}", token(*role))),
            As::Browser(cookie) => request.header("cookie", cookie).header("sec-fetch-site", "same-origin"),
        }
    }

    async fn get(&self, path: &str, who: &As) -> Got {
        self.send(self.request("GET", path, who).body(Body::empty()).unwrap()).await
    }

    /// Sends a form.
    async fn form(&self, path: &str, fields: &[(&str, &str)], who: &As) -> Got {
        let request =
            self.request("POST", path, who).header("content-type", "application/x-www-form-urlencoded");
        self.send(request.body(Body::from(encoded(fields))).unwrap()).await
    }

    /// Sends JSON.
    async fn post(&self, path: &str, body: &Value, who: &As) -> Got {
        let request = self.request("POST", path, who).header("content-type", "application/json");
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    /// Waits until it says that it is ready.
    async fn ready(&self) {
        let is_ready = async || self.get("/ready", &As::Nobody).await.status.is_success();
        crate::support::until("the dashboard", is_ready).await;
    }

    /// Logs a role's user in and returns the browser.
    async fn browser(&self, role: Role) -> As {
        let from_page = As::Browser(String::new());
        let got =
            self.form("/login", &[("name", role.name()), ("password", PASSWORD)], &from_page).await.is(303);
        As::Browser(got.header("set-cookie").split(';').next().unwrap().to_owned())
    }
}

/// Writes parameters as a query or a form has them.
fn encoded(fields: &[(&str, &str)]) -> String {
    let encode = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    let pairs: Vec<_> =
        fields.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    pairs.join("&")
}

/// Returns a path with parameters.
fn path(path: &str, fields: &[(&str, &str)]) -> String {
    format!("{path}?{}", encoded(fields))
}
