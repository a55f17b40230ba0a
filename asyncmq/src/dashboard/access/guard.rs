//! What stands before every route: finds out who asks, refuses who may not, and dresses every answer.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, COOKIE, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::json;

use super::proxy::Origin;
use super::session::Touch;
use super::token::fingerprint;
use super::{User, csrf};
use crate::dashboard::error::Refusal;
use crate::dashboard::pages::error_page;
use crate::dashboard::routes::{Needs, Route};
use crate::dashboard::state::{Dashboard, Shared};
use crate::dashboard::text::link;
use crate::dashboard::visit::Visitor;

/// The name of the cookie; over TLS one that no other host can set.
const COOKIE_NAME: &str = "asyncmq_session";
const SECURE_COOKIE_NAME: &str = "__Host-asyncmq_session";

/// How somebody is known.
enum Known {
    /// By what a browser sends by itself, also for pages of others.
    Ambient(Visitor),
    /// By a token of the dashboard's own, which only a program sends.
    Bearer(Visitor),
    /// By a token that is nobody's.
    WrongToken,
    Unknown,
}

/// Lets a request through to a route if its sender may use it.
pub(in crate::dashboard) async fn guard(
    State((dashboard, route)): State<(Shared, &'static Route)>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let Some(origin) = parts.extensions.get::<Origin>().cloned() else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    if let Some(refusal) = refuse_stranger(&dashboard, &origin, route) {
        return refusal.into_response();
    }
    let known = know(&dashboard, (&parts, &origin), route).await;
    if parts.method != Method::GET
        && parts.method != Method::HEAD
        && !matches!(known, Known::Bearer(_))
        && let Err(foreign) = csrf::check(&parts.headers, &origin)
    {
        return Refusal::forbidden(foreign.says()).into_response();
    }
    let visitor = match (known, route.needs) {
        (Known::Ambient(visitor) | Known::Bearer(visitor), _) => Some(visitor),
        (_, Needs::Nobody) => None,
        (Known::WrongToken, _) => {
            return unknown(&parts, &origin, "the bearer token is nobody's").into_response();
        }
        (Known::Unknown, Needs::Role(_)) => {
            return unknown(&parts, &origin, "say who you are: log in").into_response();
        }
    };
    if let (Some(visitor), Needs::Role(role)) = (&visitor, route.needs)
        && visitor.user.role < role
    {
        let User { name, role: own } = &visitor.user;
        let mut refusal =
            Refusal::forbidden(format!("this needs the role {role}; {name} has {own}")).into_response();
        refusal.extensions_mut().insert(visitor.clone());
        return refusal;
    }
    if let Some(visitor) = &visitor {
        parts.extensions.insert(visitor.clone());
    }
    let mut response = next.run(Request::from_parts(parts, body)).await;
    if let Some(visitor) = visitor {
        response.extensions_mut().insert(visitor);
    }
    response
}

/// A dashboard that lets anybody in answers this machine alone: no other address, no proxy, and no name that a page elsewhere
/// could have pointed here.
fn refuse_stranger(dashboard: &Dashboard, origin: &Origin, route: &Route) -> Option<Refusal> {
    if dashboard.has_access_control || route.is_probe() {
        return None;
    }
    let is_near = origin.ip.is_some_and(|ip| ip.to_canonical().is_loopback()) && !origin.is_forwarded;
    let host = origin.host.as_deref().unwrap_or_default();
    let name = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()));
    let name = name.map_or(host, |(name, _)| name);
    if is_near && matches!(name, "localhost" | "127.0.0.1" | "[::1]") {
        return None;
    }
    Some(Refusal::forbidden(
        "this dashboard has nobody who may log in, so it answers only requests from its own machine to localhost: give it a \
         password, a token or an authenticator",
    ))
}

async fn know(dashboard: &Dashboard, (parts, origin): (&Parts, &Origin), route: &Route) -> Known {
    if let Some(token) = bearer(&parts.headers) {
        return match dashboard.tokens.whose(token) {
            Some(user) => Known::Bearer(Visitor { user: user.clone(), session: None }),
            // The application around may have tokens of its own. What it goes by need not be the token, but may be what a
            // browser sends by itself.
            None => match ask(dashboard, parts).await.or_else(|| somebody(dashboard)) {
                Some(user) => Known::Ambient(Visitor { user, session: None }),
                None => Known::WrongToken,
            },
        };
    }
    let touch = if is_by_itself(parts, route) { Touch::Page } else { Touch::Person };
    for secret in cookies(&parts.headers, cookie_name(dashboard, origin).0) {
        let key = fingerprint(secret);
        if let Some(user) = dashboard.sessions.whose(&key, touch) {
            return Known::Ambient(Visitor { user, session: Some(key) });
        }
    }
    let user = match ask(dashboard, parts).await {
        Some(user) => Some(user),
        None if !dashboard.has_access_control => Some(User::new("somebody@localhost", super::Role::Admin)),
        None => somebody(dashboard),
    };
    user.map_or(Known::Unknown, |user| Known::Ambient(Visitor { user, session: None }))
}

/// Whoever reaches a dashboard that is guarded elsewhere.
fn somebody(dashboard: &Dashboard) -> Option<User> {
    dashboard.everybody.map(|role| User::new("somebody", role))
}

async fn ask(dashboard: &Dashboard, parts: &Parts) -> Option<User> {
    dashboard.authenticator.as_ref()?.authenticate(parts).await
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Tells whether a page sends this while nobody need be there: it looks again, hears what happens, or goes on by itself.
fn is_by_itself(parts: &Parts, route: &Route) -> bool {
    let goes_on = parts.uri.query().is_some_and(|query| query.split('&').any(|one| one == "by=page"));
    goes_on || route.is_by_itself() || parts.headers.contains_key("x-asyncmq-live")
}

/// Returns the cookie's name, and what else is said of it. Over TLS the name that a neighbour could set too is not read.
fn cookie_name(dashboard: &Dashboard, origin: &Origin) -> (&'static str, &'static str) {
    let is_secure = dashboard.secure_cookies || origin.is_tls;
    if is_secure { (SECURE_COOKIE_NAME, "; Secure") } else { (COOKIE_NAME, "") }
}

/// Returns what cookies of this name say of sessions; a page of a neighbour may have added some.
fn cookies<'a>(headers: &'a HeaderMap, ours: &'static str) -> impl Iterator<Item = &'a str> {
    let all = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = all.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(move |(name, _)| *name == ours).map(|(_, secret)| secret).take(4)
}

/// Returns the header that sets the cookie, or with nothing takes it away.
pub(in crate::dashboard) fn cookie(dashboard: &Dashboard, origin: &Origin, secret: Option<&str>) -> String {
    let (name, secure) = cookie_name(dashboard, origin);
    let age = if secret.is_some() { "" } else { "; Max-Age=0" };
    format!("{name}={}; Path=/; HttpOnly; SameSite=Lax{secure}{age}", secret.unwrap_or_default())
}

/// Sends people to the login, and tells programs that they are not known.
fn unknown(parts: &Parts, origin: &Origin, says: &str) -> Response {
    let path = parts.uri.path();
    let is_page =
        parts.method == Method::GET && !is_data(path) && !parts.headers.contains_key("x-asyncmq-live");
    if is_page {
        let here = parts.uri.path_and_query().map_or("/", |here| here.as_str());
        let here = if here == "/" { "" } else { here };
        return Redirect::to(&link(&origin.prefix, "/login", &[("next", here)])).into_response();
    }
    let mut response = Refusal::new(StatusCode::UNAUTHORIZED, says).into_response();
    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}

/// Tells whether programs read a path, and not people.
pub(in crate::dashboard) fn is_data(path: &str) -> bool {
    ["/api/", "/live", "/suggest", "/metrics", "/health", "/ready", "/assets/"]
        .iter()
        .any(|start| path.starts_with(start))
}

/// Stands before everything: finds out where a request comes from, and gives each answer its shape and its headers.
pub(in crate::dashboard) async fn dress(
    State(dashboard): State<Shared>,
    mut request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let origin = Origin::of(&parts, &dashboard.trusted, dashboard.prefix.as_deref());
    parts.extensions.insert(origin.clone());
    let path = parts.uri.path().to_owned();
    request = Request::from_parts(parts, body);
    let mut response = next.run(request).await;
    let refusal = response.extensions().get::<Refusal>().cloned().or_else(|| refusal_of(&response));
    if let Some(refusal) = refusal {
        response = shape(&dashboard, &origin, &path, (refusal, response));
    }
    add_headers(&mut response, &path, origin.is_tls || dashboard.secure_cookies);
    response
}

/// What the router itself refuses says nothing.
fn refusal_of(response: &Response) -> Option<Refusal> {
    let says = match response.status() {
        StatusCode::NOT_FOUND => "there is no such page",
        StatusCode::METHOD_NOT_ALLOWED => "this address does not take that method: orders are sent by POST",
        StatusCode::PAYLOAD_TOO_LARGE => "this is longer than what is taken here",
        _ => return None,
    };
    Some(Refusal::new(response.status(), says))
}

/// Gives a refusal the shape that its reader wants.
fn shape(
    dashboard: &Dashboard,
    origin: &Origin,
    path: &str,
    (refusal, plain): (Refusal, Response),
) -> Response {
    let visitor = plain.extensions().get::<Visitor>();
    let mut shaped = if is_data(path) {
        (refusal.status, Json(json!({ "error": refusal.says }))).into_response()
    } else {
        error_page(dashboard, origin, visitor, &refusal)
    };
    for name in ["retry-after", "allow", "www-authenticate"] {
        if let Some(value) = plain.headers().get(name) {
            shaped.headers_mut().insert(name, value.clone());
        }
    }
    shaped
}

const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

fn add_headers(response: &mut Response, path: &str, is_tls: bool) {
    let headers = response.headers_mut();
    let mut set = |name: &'static str, value: &'static str| {
        headers.insert(name, HeaderValue::from_static(value));
    };
    set("content-security-policy", POLICY);
    set("x-content-type-options", "nosniff");
    set("x-frame-options", "DENY");
    set("referrer-policy", "same-origin");
    set("cross-origin-opener-policy", "same-origin");
    set("cross-origin-resource-policy", "same-origin");
    set("permissions-policy", "camera=(), geolocation=(), microphone=()");
    if is_tls {
        set("strict-transport-security", "max-age=31536000");
    }
    if !path.starts_with("/assets/") || !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("text/plain; charset=utf-8"));
}
