//! What all requests share.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::watch;

use super::access::password::Passwords;
use super::access::proxy::Network;
use super::access::session::Sessions;
use super::access::throttle::Throttle;
use super::access::token::Tokens;
use super::access::{Authenticator, Role};
use super::config::Config;
use super::runs::Runs;
use super::watch::Watch;
use crate::admin::Hidden;
use crate::client::Client;
use crate::clock::Timestamp;
use crate::error::Result;

/// More live pages than this are turned away: each holds a connection.
const MOST_LIVE: usize = 1_000;

/// A dashboard. Its loops end when it is dropped.
pub(super) struct Dashboard {
    pub(super) client: Client,
    pub(super) passwords: Passwords,
    pub(super) tokens: Tokens,
    pub(super) authenticator: Option<Arc<dyn Authenticator>>,
    pub(super) everybody: Option<Role>,
    pub(super) trusted: Vec<Network>,
    pub(super) prefix: Option<String>,
    pub(super) conceal: Arc<Hidden>,
    pub(super) title: String,
    pub(super) store_url: Option<String>,
    pub(super) secure_cookies: bool,
    pub(super) has_access_control: bool,
    pub(super) sessions: Sessions,
    pub(super) throttle: Throttle,
    pub(super) watch: Arc<Watch>,
    /// What orders about many jobs are under way.
    pub(super) runs: Runs,
    /// True once live pages are to end.
    pub(super) stop: watch::Sender<bool>,
    live: Arc<AtomicUsize>,
}

/// The one dashboard behind all its routes.
pub(super) type Shared = Arc<Dashboard>;

/// A place among the live pages, until it is dropped.
#[derive(Debug)]
pub(super) struct LivePlace(Arc<AtomicUsize>);

impl Drop for LivePlace {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Dashboard {
    /// Sets one up and starts its loops on the runtime that is there.
    pub(super) fn start(client: Client, config: Config) -> Shared {
        let (stop, stopped) = watch::channel(false);
        let conceal = Arc::new(config.conceal.clone());
        let watch = Watch::start(&client, &conceal, config.listens, &stopped);
        let has_access_control = config.has_access_control();
        let dashboard = Arc::new(Self {
            client,
            passwords: config.passwords,
            tokens: config.tokens,
            authenticator: config.authenticator,
            everybody: config.everybody,
            trusted: config.trusted,
            prefix: config.prefix,
            conceal,
            title: config.title,
            store_url: config.store_url,
            secure_cookies: config.secure_cookies,
            has_access_control,
            sessions: Sessions::new(config.idle),
            throttle: Throttle::default(),
            watch,
            runs: Runs::default(),
            stop,
            live: Arc::default(),
        });
        if let Some(future) = config.stop {
            // It must not keep alive what it is to stop.
            let weak = Arc::downgrade(&dashboard);
            tokio::spawn(async move {
                tokio::select! {
                    () = future => {
                        if let Some(dashboard) = weak.upgrade() {
                            dashboard.stop.send_replace(true);
                        }
                    }
                    () = gone(stopped) => {}
                }
            });
        }
        dashboard
    }

    /// Returns the store's time.
    pub(super) async fn store_time(&self) -> Result<Timestamp> {
        self.client.handle.ask("tell its time", self.client.backend().now()).await
    }

    /// Returns a place for one more live page, if there is any.
    pub(super) fn live_place(&self) -> Option<LivePlace> {
        let place = LivePlace(self.live.clone());
        (self.live.fetch_add(1, Ordering::Relaxed) < MOST_LIVE).then_some(place)
    }

    /// Returns how many pages are live.
    pub(super) fn live_pages(&self) -> usize {
        self.live.load(Ordering::Relaxed)
    }
}

/// Waits until a dashboard stops or is dropped.
pub(super) async fn gone(mut stopped: watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stopped| *stopped).await;
}
