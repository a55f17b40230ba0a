//! What is checked when a client connects: that the server answers, and which of its settings put jobs at risk.

use std::time::{Duration, Instant};

use redis::Value;

use super::RedisStore;
use super::error::worded;
use crate::backend::Pause;
use crate::error::{Error, Result};

/// How long a server may take to answer for the first time.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// Waits for the server's first answer, and warns of settings that put jobs at risk.
pub(super) async fn check(store: &RedisStore) -> Result<()> {
    // A program may have both of rustls's providers in it, and then neither is chosen; the second installation fails.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (start, mut pause) = (Instant::now(), Pause::new());
    loop {
        let error = match store.link.dialect().await {
            Ok(_) => break,
            Err(error) => worded(error),
        };
        if !error.is_retryable() || ANSWER_WITHIN < start.elapsed() {
            return Err(Error::Store { store: "redis", action: "be reached", source: error.into_source() });
        }
        pause.wait().await;
    }
    if let Some(saved) = setting(store, "appendonly").await.filter(|value| value == "no") {
        tracing::warn!(
            appendonly = saved,
            "the Redis server keeps no append-only file: jobs since its last snapshot are lost when it stops"
        );
    }
    if let Some(policy) = setting(store, "maxmemory-policy").await.filter(|policy| policy != "noeviction") {
        tracing::warn!(
            policy,
            "the Redis server throws keys away when its memory is full: set maxmemory-policy to noeviction, or jobs are lost"
        );
    }
    Ok(())
}

/// Returns a setting of the server; nothing where that is not to be known.
async fn setting(store: &RedisStore, name: &str) -> Option<String> {
    let mut question = redis::cmd("CONFIG");
    question.arg("GET").arg(name);
    let answer: Value = store.link.send(&question).await.ok()?;
    let settings: std::collections::HashMap<String, String> = redis::from_redis_value(answer).ok()?;
    settings.get(name).cloned()
}
