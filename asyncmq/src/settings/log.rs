//! Sets the log of a worker binary up.

use std::io::IsTerminal;

use tracing_subscriber::prelude::*;
use tracing_subscriber::{EnvFilter, Layer, fmt, registry};

use crate::client::job_logs;
use crate::settings::{LogFormat, Settings};

impl Settings {
    /// Describes a log as another process has it.
    #[cfg(all(feature = "sandbox", unix))]
    pub(crate) fn of_log(level: &str, is_json: bool, job_level: &str) -> Self {
        let default = Self::default();
        Self {
            log_level: level.into(),
            log_format: if is_json { LogFormat::Json } else { LogFormat::Text },
            job_log_level: job_level.parse().unwrap_or(default.job_log_level),
            ..default
        }
    }

    /// Writes the log to standard error and keeps what handlers log with their jobs, unless the program has set up a log of
    /// its own.
    pub(crate) fn start_log(&self) {
        let filter = EnvFilter::try_new(&self.log_level).unwrap_or_else(|error| {
            eprintln!("warning: log level {:?}: {error}; info is used", self.log_level);
            EnvFilter::new("info")
        });
        let log = fmt::layer().with_writer(std::io::stderr);
        let log = match self.log_format {
            LogFormat::Text => log.with_ansi(std::io::stderr().is_terminal()).boxed(),
            LogFormat::Json => log.json().boxed(),
        };
        // Fails only if there is a log already, which then stays.
        let _ = registry().with(log.with_filter(filter)).with(job_logs(self.job_log_level)).try_init();
    }
}
