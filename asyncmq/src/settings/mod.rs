//! How a worker binary is set up: flags, then `ASYNCMQ_…` variables, then `asyncmq.toml`, then the defaults.
//!
//! One table (`keys`) names every setting for all three; nothing here starts anything.

mod flags;
#[cfg(feature = "conformance")]
pub(crate) mod fuzz;
mod keys;
mod log;
mod sandbox;
mod shown;
mod sources;

use std::time::Duration;

use tracing::level_filters::LevelFilter;

use crate::client::Client;
use crate::error::{Error, Result};
use crate::job::RateLimit;

#[cfg(feature = "cli")]
pub(crate) use keys::without_password;
pub use sandbox::Sandbox;
pub(crate) use sources::Asked;

/// The longest time that can be set, a hundred years: with more, no clock can say when it is over.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 86_400);

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// Everything that can be set.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Settings {
    pub(crate) url: Option<String>,
    pub(crate) queues: Vec<String>,
    pub(crate) exclude_queues: Vec<String>,
    pub(crate) worker_concurrency: usize,
    pub(crate) rate_limit: Option<RateLimit>,
    pub(crate) rate_interval: Duration,
    pub(crate) scan_interval: Duration,
    pub(crate) heartbeat_interval: Duration,
    pub(crate) lease: Duration,
    pub(crate) drain_timeout: Duration,
    pub(crate) max_payload: usize,
    pub(crate) max_crashes: u32,
    pub(crate) log_level: String,
    pub(crate) log_format: LogFormat,
    pub(crate) job_log_level: LevelFilter,
    pub(crate) burst: bool,
    pub(crate) sandbox: Sandbox,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            url: None,
            queues: Vec::new(),
            exclude_queues: Vec::new(),
            worker_concurrency: 10,
            rate_limit: None,
            rate_interval: Duration::from_secs(1),
            scan_interval: Duration::from_secs(1),
            heartbeat_interval: Duration::from_secs(10),
            lease: Duration::from_secs(30),
            drain_timeout: Duration::from_secs(25),
            max_payload: crate::backend::DEFAULT_MAX_PAYLOAD,
            max_crashes: 3,
            log_level: "info".into(),
            log_format: LogFormat::Text,
            job_log_level: LevelFilter::INFO,
            burst: false,
            sandbox: Sandbox::new(),
        }
    }
}

impl Settings {
    /// Refuses values that cannot be.
    pub(crate) fn check(&self) -> Result<()> {
        let shortest = Duration::from_millis(10);
        let times = [
            ("lease", self.lease),
            ("heartbeat_interval", self.heartbeat_interval),
            ("scan_interval", self.scan_interval),
        ];
        for (key, time) in times {
            if time < shortest {
                return Err(Error::Invalid(format!("`{key}` is {time:?}; the shortest is {shortest:?}")));
            }
        }
        for (key, time) in times.into_iter().chain([("drain_timeout", self.drain_timeout)]) {
            if LONGEST < time {
                return Err(Error::Invalid(format!("`{key}` is {time:?}; the longest is {LONGEST:?}")));
            }
        }
        if self.rate_limit.is_some_and(|limit| limit.interval().is_zero()) {
            return Err(Error::Invalid(
                "`rate_limit` is for a time of zero: say how long, as in `100/1s`, or set `rate_interval`"
                    .into(),
            ));
        }
        self.sandbox.check()?;
        if self.max_crashes == 0 {
            return Err(Error::Invalid(
                "`max_crashes` is 0; 1 makes a job a dead letter with its first crash".into(),
            ));
        }
        Ok(())
    }

    /// Connects to the store of the URL. Where that is what the environment says, it is the process's default client, so
    /// that a worker finds what its program enqueued before.
    pub(crate) async fn connect(&self) -> Result<Client> {
        let client = match &self.url {
            Some(url) if std::env::var("ASYNCMQ_URL").ok().as_ref() != Some(url) => {
                match crate::client::current_client() {
                    Some(client) if client.backend().is_volatile() => return Err(chosen_too_late()),
                    Some(_) => tracing::warn!(
                        "this program has chosen a store before its settings named another one to serve; its own jobs \
                         stay where they are"
                    ),
                    None => {}
                }
                Client::connect(url).await?
            }
            _ => {
                let client = crate::client::current_or_made().await?;
                if self.url.is_none() && client.backend().is_volatile() {
                    crate::client::say_that_jobs_are_in_memory();
                }
                client
            }
        };
        Ok(client.max_payload(self.max_payload))
    }
}

/// Whoever enqueues first and reads the settings then has put jobs where no worker will look for them.
fn chosen_too_late() -> Error {
    Error::Invalid(
        "this program has used the in-memory store before its settings named another one, and what it enqueued would be \
         lost: begin `main` with `let worker = asyncmq::Worker::from_args().await?;` and end it with \
         `worker.run().await`, or set ASYNCMQ_URL"
            .into(),
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn a_worker_serves_the_store_that_its_program_has_enqueued_to() {
        assert!(std::env::var("ASYNCMQ_URL").is_err(), "a test of what happens without it");
        let before = crate::client::current_or_made().await.unwrap();
        let served = Settings::default().connect().await.unwrap();
        assert!(Arc::ptr_eq(before.backend(), served.backend()));

        // What it enqueued would be lost.
        let other = Settings { url: Some("memory:".into()), ..Settings::default() };
        assert!(other.connect().await.unwrap_err().to_string().contains("from_args"));
    }
}
