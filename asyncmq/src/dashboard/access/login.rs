//! The login page, and the way out.

use std::time::Instant;

use axum::Extension;
use axum::extract::State;
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};

use super::guard::cookie;
use super::proxy::Origin;
use super::throttle::sender;
use super::token::fingerprint;
use crate::dashboard::error::{Answer, Refusal};
use crate::dashboard::pages::login_page;
use crate::dashboard::state::Shared;
use crate::dashboard::text::{link, local};
use crate::dashboard::visit::{Fields, Params, Visit, Visitor};

/// What is said to whoever does not get in, whatever was wrong.
const NO: &str = "That name and password do not belong together.";

/// Shows the login page.
pub(in crate::dashboard) async fn show(
    State(dashboard): State<Shared>,
    Extension(origin): Extension<Origin>,
    request: axum::extract::Request,
) -> Answer {
    let (parts, _) = request.into_parts();
    let next = Params::of_query(&parts)?;
    login_page(&dashboard, &origin, next.get("next").and_then(local).unwrap_or_default(), None)
}

/// Lets somebody in.
pub(in crate::dashboard) async fn enter(
    State(dashboard): State<Shared>,
    Extension(origin): Extension<Origin>,
    headers: HeaderMap,
    Fields(fields): Fields,
) -> Answer {
    let (name, password) =
        (fields.get("name").unwrap_or_default(), fields.get("password").unwrap_or_default());
    let name: String = name.chars().take(128).collect();
    let next = fields.get("next").and_then(local).unwrap_or_default();
    let sender = sender(origin.ip, &name);
    let now = Instant::now();
    if let Some(wait) = dashboard.throttle.wait(&sender, now) {
        let seconds = wait.as_secs() + 1;
        let says = format!("Too many tries; the next one counts in {seconds} s.");
        let mut page = login_page(&dashboard, &origin, next, Some(&says))?;
        *page.status_mut() = StatusCode::TOO_MANY_REQUESTS;
        page.headers_mut().insert("retry-after", HeaderValue::from(seconds));
        return Ok(page);
    }
    let full = || Refusal::busy("too many people log in at once; try again in a moment");
    let _place = dashboard.passwords.place().ok_or_else(full)?;
    dashboard.throttle.tried(&sender, now);
    let Some(user) = dashboard.passwords.check(&name, password).await else {
        tracing::warn!(name, from = sender[0], "somebody failed to log in to the dashboard");
        let mut page = login_page(&dashboard, &origin, next, Some(NO))?;
        *page.status_mut() = StatusCode::UNAUTHORIZED;
        return Ok(page);
    };
    dashboard.throttle.succeeded(&sender);
    // A session that was there before, perhaps planted by somebody else, never becomes this one.
    end_old(&dashboard, &headers);
    let secret = dashboard.sessions.begin(user).map_err(Refusal::from)?;
    let to =
        if next.is_empty() { link(&origin.prefix, "/", &[]) } else { format!("{}{next}", origin.prefix) };
    Ok(with_cookie(Redirect::to(&to), &cookie(&dashboard, &origin, Some(&secret))))
}

/// Ends the session.
pub(in crate::dashboard) async fn leave(visit: Visit) -> Response {
    let Visitor { session, .. } = &visit.visitor;
    if let Some(session) = session {
        visit.dashboard.sessions.end(session);
    }
    let to = visit.link("/login", &[]);
    with_cookie(Redirect::to(&to), &cookie(&visit.dashboard, &visit.origin, None))
}

fn end_old(dashboard: &Shared, headers: &HeaderMap) {
    let cookies = headers.get_all("cookie").iter().filter_map(|value| value.to_str().ok());
    for pair in cookies.flat_map(|value| value.split(';')).take(50) {
        if let Some((_, secret)) = pair.trim().split_once('=') {
            dashboard.sessions.end(&fingerprint(secret));
        }
    }
}

fn with_cookie(redirect: Redirect, cookie: &str) -> Response {
    (AppendHeaders([(SET_COOKIE, cookie)]), redirect).into_response()
}
