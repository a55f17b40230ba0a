//! From a URL to a client.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::backend::memory::MemoryStore;
use crate::client::Client;
use crate::error::{Error, Result};

/// The stores of this process that have a name.
static NAMED: Mutex<Option<HashMap<String, Weak<MemoryStore>>>> = Mutex::new(None);

impl Client {
    /// Makes a client with an in-memory store of its own, which lives and dies with the process.
    #[must_use]
    pub fn memory() -> Self {
        Self::with_backend(MemoryStore::new())
    }

    /// Connects to the store that a URL names: `memory:` (a new one at each connect), `memory:name` (one shared within the
    /// process), `sqlite:path`, `redis:// rediss:// redis+cluster:// redis+sentinel:// unix:`, `postgres://`.
    /// `?prefix=` gives it a namespace. `sqlite:path?synchronous=normal` is faster, and a power cut may take the last seconds of
    /// what was confirmed; without it nothing that was confirmed is lost.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for a URL that is none, [`Error::Unsupported`] for a store that is not compiled in.
    pub async fn connect(url: &str) -> Result<Self> {
        let (scheme, rest) = url.split_once(':').ok_or_else(|| unknown_scheme(url))?;
        match scheme {
            "memory" => connect_memory(rest),
            #[cfg(feature = "sqlite")]
            "sqlite" => connect_sqlite(rest).await,
            #[cfg(not(feature = "sqlite"))]
            "sqlite" => Err(not_compiled_in(scheme, "sqlite")),
            #[cfg(feature = "redis")]
            "redis" | "rediss" | "redis+cluster" | "redis+sentinel" | "unix" => {
                Ok(Self::with_backend(crate::backend::redis::RedisStore::connect(url).await?))
            }
            #[cfg(not(feature = "redis"))]
            "redis" | "rediss" | "redis+cluster" | "redis+sentinel" | "unix" => {
                Err(not_compiled_in(scheme, "redis"))
            }
            "postgres" | "postgresql" => {
                Err(Error::Unsupported("there is no PostgreSQL store in this version of asyncmq yet".into()))
            }
            _ => Err(unknown_scheme(scheme)),
        }
    }

    /// Connects to the store that `ASYNCMQ_URL` names; without it, makes an in-memory store and says so.
    ///
    /// # Errors
    ///
    /// What [`Client::connect`] says.
    pub async fn from_env() -> Result<Self> {
        match std::env::var("ASYNCMQ_URL") {
            Ok(url) => Self::connect(&url).await,
            Err(_) => {
                say_that_jobs_are_in_memory();
                Ok(Self::memory())
            }
        }
    }
}

/// Says once that jobs end with the process; not before there is a log that takes it.
pub(crate) fn say_that_jobs_are_in_memory() {
    static SAID: AtomicBool = AtomicBool::new(false);
    if tracing::enabled!(tracing::Level::INFO) && !SAID.swap(true, Ordering::Relaxed) {
        tracing::info!(
            "no ASYNCMQ_URL is set: jobs are kept in memory, in this process alone, and end with it"
        );
    }
}

fn connect_memory(rest: &str) -> Result<Client> {
    let (name, query) = rest.split_once('?').unwrap_or((rest, ""));
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let key = pair.split('=').next().unwrap_or_default();
        if key != "prefix" {
            return Err(Error::Invalid(format!("`memory:` has no parameter {key:?}; it takes `prefix`")));
        }
    }
    if name.is_empty() {
        return Ok(Client::memory());
    }
    Ok(Client::with_backend(named(format!("{name}?{query}"))))
}

#[cfg(feature = "sqlite")]
async fn connect_sqlite(rest: &str) -> Result<Client> {
    let store = crate::backend::sql::sqlite::SqliteOptions::parse(rest)?.open().await?;
    Ok(Client::with_backend(store))
}

/// Finds or makes the store of this name; it lives as long as somebody holds it.
fn named(key: String) -> Arc<MemoryStore> {
    let mut stores = NAMED.lock().unwrap_or_else(PoisonError::into_inner);
    let stores = stores.get_or_insert_default();
    if let Some(store) = stores.get(&key).and_then(Weak::upgrade) {
        return store;
    }
    let store = MemoryStore::new();
    stores.retain(|_, store| store.strong_count() != 0);
    stores.insert(key, Arc::downgrade(&store));
    store
}

#[cfg(not(all(feature = "sqlite", feature = "redis")))]
fn not_compiled_in(scheme: &str, feature: &str) -> Error {
    Error::Unsupported(format!(
        "`{scheme}:` needs the crate's feature {feature:?}, which this program was built without: \
         `cargo add asyncmq --features {feature}`"
    ))
}

fn unknown_scheme(scheme: &str) -> Error {
    Error::Invalid(format!(
        "{:?} is no store's URL: write memory:, sqlite:path, redis://host, rediss://host, redis+cluster://host, \
         redis+sentinel://host, unix:path or postgres://host",
        scheme.chars().take(20).collect::<String>()
    ))
}
