//! What machines ask: is it there, does it work, and how much is there of everything.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use tokio::time::timeout;

use super::error::Answer;
use super::state::Shared;
use super::visit::Visit;
use super::watch::prometheus;

/// A store that takes longer to tell its time does not work.
const PATIENCE: Duration = Duration::from_secs(2);

/// Says that the process answers.
pub(super) async fn health() -> &'static str {
    "ok\n"
}

/// Says whether every loop made progress lately and the store answers; nothing else, as anybody may ask.
pub(super) async fn ready(State(dashboard): State<Shared>) -> Response {
    let store = timeout(PATIENCE, dashboard.client.backend().now());
    if dashboard.watch.is_alive() && matches!(store.await, Ok(Ok(_))) {
        return "ready\n".into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, "not ready\n").into_response()
}

/// Writes the metrics.
pub(super) async fn metrics(visit: Visit) -> Answer {
    let admin = visit.admin();
    let (queues, workers) = (admin.queues().await?, admin.workers().await?);
    let live = visit.dashboard.live_pages();
    let text = prometheus::write((&queues, &workers), &visit.dashboard.watch.tally(), live);
    Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}
