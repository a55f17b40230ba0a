//! Who may see and do what: roles, how a request says who sends it, and where it may come from.
//!
//! Nothing here knows a page. [`guard`] stands before every route and hands on a [`User`], or an answer.

pub(super) mod csrf;
pub(super) mod guard;
pub(super) mod login;
pub(super) mod password;
pub(super) mod proxy;
pub(super) mod session;
pub(super) mod throttle;
pub(super) mod token;

use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;
use axum::http::request::Parts;

use crate::error::Error;

/// What somebody may do, from least to most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Reads everything but secrets.
    Viewer,
    /// Also retries, cancels, promotes and enqueues jobs, and pauses and resumes queues.
    Operator,
    /// Also removes jobs, drains, cleans and obliterates queues, and reveals secrets.
    Admin,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Operator, Self::Admin];

    /// Returns its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Role {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|role| role.name() == name).ok_or_else(|| {
            Error::Invalid(format!("there is no role {name:?}; there are viewer, operator and admin"))
        })
    }
}

/// Somebody who is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The name under which their orders are kept on record.
    pub name: String,
    /// What they may do.
    pub role: Role,
}

impl User {
    /// Describes somebody.
    #[must_use]
    pub fn new(name: impl Into<String>, role: Role) -> Self {
        Self { name: name.into(), role }
    }
}

/// A way of your own to tell who sends a request: a header that your proxy sets, your application's session, a JWT.
///
/// It is asked when neither a bearer token nor a session of the dashboard tells.
///
/// # Examples
///
/// ```
/// use asyncmq::dashboard::{Authenticator, Role, User, async_trait};
/// use axum::http::request::Parts;
///
/// struct OfProxy;
///
/// #[async_trait]
/// impl Authenticator for OfProxy {
///     async fn authenticate(&self, request: &Parts) -> Option<User> {
///         let name = request.headers.get("x-user")?.to_str().ok()?;
///         Some(User::new(name, Role::Viewer))
///     }
/// }
/// ```
#[async_trait]
pub trait Authenticator: Send + Sync + 'static {
    /// Returns who sends this request; nothing if that is not known.
    async fn authenticate(&self, request: &Parts) -> Option<User>;
}
