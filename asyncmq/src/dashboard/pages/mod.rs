//! The pages, written by the server. What all of them share is here: the frame, and the ways out of it.

pub(super) mod audit;
pub(super) mod bulk;
mod charts;
pub(super) mod clear;
pub(super) mod doctor;
pub(super) mod events;
pub(super) mod flow;
mod flow_graph;
pub(super) mod flow_orders;
mod flow_rows;
pub(super) mod flows;
mod frame;
pub(super) mod job;
pub(super) mod job_orders;
pub(super) mod jobs;
pub(super) mod keys;
mod kin;
pub(super) mod limits;
pub(super) mod overview;
pub(super) mod queue;
pub(super) mod queues;
pub(super) mod rows;
pub(super) mod schedule;
pub(super) mod schedule_form;
pub(super) mod schedule_orders;
pub(super) mod schedules;
pub(super) mod stats;
pub(super) mod tasks;
pub(super) mod timeline;
pub(super) mod workers;

use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};

use super::access::proxy::Origin;
use super::error::{Answer, Refusal};
use super::state::Dashboard;
use super::visit::{Visit, Visitor};
pub(super) use frame::Shell;

/// Writes a page.
fn page(template: &impl Template) -> Answer {
    Ok(Html(template.render()?).into_response())
}

/// A part of a list that can be chosen.
struct Tab {
    name: &'static str,
    count: String,
    link: String,
    is_chosen: bool,
}

/// Goes to a place in the dashboard after an order, with a word about it.
fn done(visit: &Visit, (path, params): (&str, &[(&str, &str)]), word: &str) -> Response {
    Redirect::to(&visit.link(path, &[params, &[("done", word)]].concat())).into_response()
}

#[derive(Template)]
#[template(path = "login.html")]
struct Login<'a> {
    site: &'a str,
    prefix: &'a str,
    next: &'a str,
    says: Option<&'a str>,
    has_passwords: bool,
}

/// Writes the login page.
pub(super) fn login_page(dashboard: &Dashboard, origin: &Origin, next: &str, says: Option<&str>) -> Answer {
    let (site, prefix) = (dashboard.title.as_str(), origin.prefix.as_str());
    page(&Login { site, prefix, next, says, has_passwords: !dashboard.passwords.is_empty() })
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    shell: Shell,
    heading: &'a str,
    says: &'a str,
}

#[derive(Template)]
#[template(path = "stranger.html")]
struct StrangerPage<'a> {
    prefix: &'a str,
    heading: &'a str,
    says: &'a str,
}

/// Writes what was refused as a page; within the frame only for those who are known.
pub(super) fn error_page(
    dashboard: &Dashboard,
    origin: &Origin,
    visitor: Option<&Visitor>,
    refusal: &Refusal,
) -> Response {
    let heading = match refusal.status {
        StatusCode::NOT_FOUND => "There is no such thing here",
        StatusCode::FORBIDDEN => "Not allowed",
        StatusCode::BAD_REQUEST => "That cannot be read",
        StatusCode::CONFLICT => "That cannot be done",
        StatusCode::SERVICE_UNAVAILABLE => "Not now",
        status => status.canonical_reason().unwrap_or("That did not work"),
    };
    let (says, prefix) = (refusal.says.as_str(), origin.prefix.as_str());
    let html = match visitor {
        Some(visitor) => {
            ErrorPage { shell: Shell::of(dashboard, origin, visitor, ("", heading)), heading, says }.render()
        }
        None => StrangerPage { prefix, heading, says }.render(),
    };
    (refusal.status, Html(html.unwrap_or_default())).into_response()
}

/// Answers for every address that there is not.
pub(super) async fn nowhere() -> Response {
    Refusal::new(StatusCode::NOT_FOUND, "there is no such page").into_response()
}
