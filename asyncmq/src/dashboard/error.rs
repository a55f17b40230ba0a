//! Answers that say no: one shape for programs, a page for people.

use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::error::Error;

/// A refusal. What stands before the routes turns it into a page or into JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) says: String,
    /// After how many seconds it is worth asking again.
    pub(super) retry_after: Option<u64>,
}

/// What handlers give.
pub(super) type Answer = Result<Response, Refusal>;

impl Refusal {
    pub(super) fn new(status: StatusCode, says: impl Into<String>) -> Self {
        Self { status, says: says.into(), retry_after: None }
    }

    pub(super) fn bad(says: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, says)
    }

    pub(super) fn forbidden(says: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, says)
    }

    pub(super) fn busy(says: impl Into<String>) -> Self {
        Self { retry_after: Some(5), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, says) }
    }
}

impl From<Error> for Refusal {
    /// Shows the message alone: causes may hold addresses of servers, so they go to the log.
    fn from(error: Error) -> Self {
        let status = match &error {
            Error::NotFound { .. } | Error::ScheduleNotFound { .. } | Error::FlowNotFound { .. } => {
                StatusCode::NOT_FOUND
            }
            Error::IllegalMove { .. } | Error::OtherTask { .. } => StatusCode::CONFLICT,
            Error::Invalid(_)
            | Error::InvalidName { .. }
            | Error::Payload { .. }
            | Error::Bulk { .. }
            | Error::Unsupported(_) => StatusCode::BAD_REQUEST,
            Error::Store { .. } | Error::Unconfirmed { .. } => {
                tracing::warn!(error = ?error, "the dashboard could not ask the store");
                return Self::busy(error.to_string());
            }
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::new(status, error.to_string())
    }
}

impl From<askama::Error> for Refusal {
    fn from(error: askama::Error) -> Self {
        tracing::error!(%error, "a page of the dashboard could not be written");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "this page could not be written")
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert("retry-after", HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(self);
        response
    }
}
