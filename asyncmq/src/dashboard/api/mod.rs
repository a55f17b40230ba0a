//! The same for programs: the shapes of `--json` under `/api`, and orders as JSON by POST.

pub(super) mod enqueue;
pub(super) mod flows;
pub(super) mod jobs;
pub(super) mod limits;
pub(super) mod orders;
pub(super) mod queues;
pub(super) mod rest;
pub(super) mod schedules;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::{Answer, Refusal};
use super::state::Shared;

const OPENAPI: &str = include_str!("openapi.json");

/// Describes the API to programs.
pub(super) async fn openapi() -> Response {
    ([(CONTENT_TYPE, "application/json")], OPENAPI).into_response()
}

fn answer(value: &impl Serialize) -> Answer {
    Ok(Json(value).into_response())
}

/// What a program sent, as JSON. Fields that are not known are refused: a misspelt one would change what is ordered.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Shared> for Body<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &Shared) -> Result<Self, Refusal> {
        let kind =
            request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/json") {
            return Err(Refusal::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "orders are sent as JSON, with `Content-Type: application/json`",
            ));
        }
        let bytes = Bytes::from_request(request, state).await;
        let bytes = bytes.map_err(|rejection| {
            Refusal::new(rejection.status(), "this is longer than what is taken here")
        })?;
        serde_json::from_slice(&bytes)
            .map(Body)
            .map_err(|error| Refusal::bad(format!("this cannot be read: {error}")))
    }
}
