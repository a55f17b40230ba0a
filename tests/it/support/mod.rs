//! What several tests need.

pub(crate) mod faulty;
pub(crate) mod gate;
pub(crate) mod history;
#[cfg(feature = "redis-cluster")]
pub(crate) mod in_cluster;
pub(crate) mod line;
pub(crate) mod memory;
#[cfg(feature = "redis")]
pub(crate) mod names;
#[cfg(feature = "redis")]
pub(crate) mod redis_cluster;
#[cfg(feature = "redis")]
pub(crate) mod redis_store;
pub(crate) mod severed;
pub(crate) mod sqlite;
pub(crate) mod stage;

use std::future::Future;
use std::path::Path;
use std::time::Duration;

use asyncmq::backend::conformance::Fixture;

/// A fixture of which a test can make as many as it wants.
pub(crate) trait Make: Fixture + Sized + 'static {
    fn make() -> impl Future<Output = Self>;
}

/// How long anything may take that a test waits for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Waits for something, but not for ever.
#[track_caller]
pub(crate) fn soon<F: Future>(what: &str, future: F) -> impl Future<Output = F::Output> {
    let place = std::panic::Location::caller();
    async move {
        match tokio::time::timeout(PATIENCE, future).await {
            Ok(done) => done,
            Err(_) => panic!("waited in vain for {what} at {place}"),
        }
    }
}

/// The URL of the SQLite store in a folder.
pub(crate) fn sqlite_url(folder: &Path) -> String {
    format!("sqlite:{}", folder.join("jobs.db").display())
}

/// Waits until something can be seen that no event tells.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let seen = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    soon(what, seen).await;
}
