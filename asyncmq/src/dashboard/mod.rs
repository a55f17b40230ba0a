//! The dashboard: web pages, a JSON API and metrics for operators, as an axum router to nest under any path.
//!
//! ```no_run
//! use asyncmq::Client;
//! use asyncmq::dashboard::{self, Config, Role};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::from_env().await?;
//! let hash = std::env::var("DASHBOARD_PASSWORD_HASH")?;             // `asyncmq dashboard --hash-password`
//! let config = Config::new().password_hash("ann", &hash, Role::Admin)?;
//! let app = axum::Router::new().nest("/jobs", dashboard::router(&client, config));
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
//! axum::serve(listener, app).await?;
//! # Ok(()) }
//! ```
//!
//! Pages are written by the server and can be read without JavaScript; with it they look again as things happen. It stands on
//! [`Client::admin`](crate::Client::admin): the same nouns, the same query language and the same shapes as the command line, and
//! the same record of who ordered what. Nothing loads a whole queue. `docs/dashboard.md` says the rest.

mod access;
mod api;
mod assets;
mod chart;
mod config;
mod error;
mod health;
mod layout;
mod live;
mod pages;
mod routes;
mod runs;
mod serve;
mod state;
mod suggest;
mod text;
mod visit;
mod watch;

pub use async_trait::async_trait;
use axum::Router;

pub use access::password::hash_password;
pub use access::{Authenticator, Role, User};
pub use config::Config;
#[doc(hidden)]
pub use routes::__routes;
#[cfg(feature = "cli")]
pub(crate) use serve::check as check_address;
pub use serve::serve;

use crate::client::Client;

/// Returns the dashboard as a router, to be served alone or nested under a path.
///
/// It looks at all counts every five seconds, and listens to events, until the router and all its clones are dropped.
/// Serve it with [`into_make_service_with_connect_info`](Router::into_make_service_with_connect_info) for a
/// [`SocketAddr`](std::net::SocketAddr), so that it knows its visitors' addresses: without, it counts failed logins of all of them
/// together, believes no proxy, and lets nobody in unless the [`Config`] says who may.
///
/// # Panics
///
/// Outside of a tokio runtime.
pub fn router(client: &Client, config: Config) -> Router {
    routes::router(&state::Dashboard::start(client.clone(), config))
}
