//! The dashboard on a port of its own.

use std::future::Future;
use std::net::SocketAddr;

use tokio::net::TcpListener;
use tokio::sync::watch;

use super::config::Config;
use super::router;
use crate::client::Client;
use crate::error::{Error, Result};

/// Serves the dashboard until `stop` ends; requests that are under way are answered, and live pages end at once.
///
/// # Errors
///
/// [`Error::Invalid`] for an address that others can reach, unless the [`Config`] says who may come in;
/// [`Error::Startup`] when it cannot be listened on.
pub async fn serve(
    client: &Client,
    config: Config,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<()> {
    let failed = |error| Error::Startup(format!("cannot serve the dashboard: {error}"));
    let address = listener.local_addr().map_err(failed)?;
    check(&config, address)?;
    let (tell, told) = watch::channel(());
    let stopped = async move {
        stop.await;
        drop(tell);
    };
    let wait = |mut told: watch::Receiver<()>| async move { while told.changed().await.is_ok() {} };
    let config = config.stop_when(wait(told.clone()));
    let service = router(client, config).into_make_service_with_connect_info::<SocketAddr>();
    let serving = axum::serve(listener, service).with_graceful_shutdown(wait(told));
    let (served, ()) = tokio::join!(serving, stopped);
    served.map_err(failed)
}

/// Refuses to show everything to everybody.
pub(crate) fn check(config: &Config, address: SocketAddr) -> Result<()> {
    if config.has_access_control() || address.ip().to_canonical().is_loopback() {
        return Ok(());
    }
    Err(Error::Invalid(format!(
        "{address} can be reached from other machines, and nobody has to log in: say who may come in by a password, a token or \
         an authenticator, or listen on 127.0.0.1"
    )))
}
