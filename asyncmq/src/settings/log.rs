//! Sets the log of a worker binary up.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::settings::{LogFormat, Settings};

impl Settings {
    /// Writes the log to standard error, unless the program has set up one of its own.
    pub(crate) fn start_log(&self) {
        let filter = EnvFilter::try_new(&self.log_level).unwrap_or_else(|error| {
            eprintln!("warning: log level {:?}: {error}; info is used", self.log_level);
            EnvFilter::new("info")
        });
        let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
        // Fails only if there is a log already, which then stays.
        let _ = match self.log_format {
            LogFormat::Text => log.with_ansi(std::io::stderr().is_terminal()).try_init(),
            LogFormat::Json => log.json().try_init(),
        };
    }
}
