//! Keeps what handlers log through `tracing` with their job, as `Context::log` keeps what it is told.

use std::fmt::{self, Write};

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use crate::client::with_running;

/// Returns a layer that keeps what handlers log with their job: events of this level and graver ones.
///
/// [`asyncmq::worker::run`](crate::worker::run) installs it by itself, with the setting `job_log_level`. A program with a subscriber of its
/// own adds it. What a handler logs while it is polled is kept, up to 100 lines and 32 KiB an attempt; what tasks log that it
/// has spawned is not. A job that logs nothing costs nothing. Values of fields whose names speak of secrets are left out.
///
/// # Examples
///
/// ```
/// use tracing::level_filters::LevelFilter;
/// use tracing_subscriber::prelude::*;
///
/// tracing_subscriber::registry()
///     .with(tracing_subscriber::fmt::layer())
///     .with(asyncmq::worker::job_logs(LevelFilter::INFO))
///     .init();
/// ```
pub fn job_logs<S>(from: LevelFilter) -> impl Layer<S> + Send + Sync + 'static
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    // Spans are nothing to it: nobody should make them for its sake.
    JobLogs.with_filter(from.and(filter_fn(|metadata| metadata.is_event())))
}

/// The layer, without its filter.
struct JobLogs;

impl<S: Subscriber> Layer<S> for JobLogs {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        with_running(|context| context.0.keep_event(|| line_of(event)));
    }
}

/// Writes an event as a line: its level, what it says, and its fields.
fn line_of(event: &Event<'_>) -> String {
    let mut line = Line { message: String::new(), fields: String::new() };
    event.record(&mut line);
    format!("{:<5} {}{}", event.metadata().level(), line.message, line.fields)
}

struct Line {
    message: String,
    fields: String,
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.message.push_str(value)
        } else {
            self.record_debug(field, &value)
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a text does not fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name if crate::job::names_secret(name) => write!(self.fields, " {name}=[redacted]"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}
