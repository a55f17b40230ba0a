//! The figures, as a table for people or as JSON.

use std::io::IsTerminal;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::phases::Bench;
use super::process;

/// One phase's figures.
pub(crate) struct Row {
    name: &'static str,
    title: &'static str,
    figures: Vec<(&'static str, f64)>,
}

impl Row {
    /// A phase that did `jobs` jobs in `time`.
    #[expect(clippy::cast_precision_loss, reason = "a rate needs no exact count")]
    pub(super) fn rate(name: &'static str, title: &'static str, jobs: usize, time: Duration) -> Self {
        let seconds = time.as_secs_f64().max(1e-9);
        Self { name, title, figures: vec![("jobs_per_s", jobs as f64 / seconds)] }
    }

    /// A phase of single jobs that took these times.
    pub(super) fn latencies(name: &'static str, title: &'static str, mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let at = |part: f64| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::cast_precision_loss,
                reason = "a place in a list"
            )]
            let place = ((times.len() as f64 * part) as usize).min(times.len().saturating_sub(1));
            times.get(place).copied().unwrap_or_default().as_secs_f64() * 1e6
        };
        Self {
            name,
            title,
            figures: vec![("p50_us", at(0.5)), ("p99_us", at(0.99)), ("p99_9_us", at(0.999))],
        }
    }

    /// Adds a figure.
    pub(super) fn with(mut self, name: &'static str, figure: f64) -> Self {
        self.figures.push((name, figure));
        self
    }
}

/// All figures of a run.
pub(super) struct Report {
    url: String,
    jobs: usize,
    concurrency: usize,
    discard: bool,
    json: bool,
    rows: Vec<Row>,
}

impl Report {
    pub(super) fn new(url: &str, bench: &Bench, json: bool) -> Self {
        let store = url.split(':').next().unwrap_or_default().to_owned();
        let (jobs, concurrency, discard) = (bench.jobs, bench.concurrency, bench.discard);
        Self { url: store, jobs, concurrency, discard, json, rows: Vec::new() }
    }

    /// Says what is being measured, to a person who waits.
    pub(super) fn announce(&self, title: &str) {
        if std::io::stderr().is_terminal() {
            eprint!("\r\x1b[2K… {title}");
        }
    }

    pub(super) fn add(&mut self, row: Row) {
        self.rows.push(row);
    }

    pub(super) fn finish(self) {
        if std::io::stderr().is_terminal() {
            eprint!("\r\x1b[2K");
        }
        if self.json {
            println!("{}", self.to_json());
        } else {
            self.print();
        }
    }

    fn to_json(&self) -> Value {
        let phases: Map<String, Value> = self
            .rows
            .iter()
            .map(|row| {
                let figures: Map<String, Value> =
                    row.figures.iter().map(|(name, figure)| ((*name).to_owned(), json!(figure))).collect();
                (row.name.to_owned(), Value::Object(figures))
            })
            .collect();
        json!({
            "store": self.url,
            "jobs": self.jobs,
            "concurrency": self.concurrency,
            "records_kept": !self.discard,
            "peak_memory_kib": process::peak_memory(),
            "phases": phases,
        })
    }

    fn print(&self) {
        let kept = if self.discard { "no records kept" } else { "records kept as by default" };
        println!("{} store, {} jobs a phase, concurrency {}, {kept}", self.url, self.jobs, self.concurrency);
        for row in &self.rows {
            let figures: Vec<String> =
                row.figures.iter().map(|(name, figure)| shown(name, *figure)).collect();
            println!("  {:<52} {}", row.title, figures.join("   "));
        }
        println!("  {:<52} {:.1} MiB", "peak memory of this process", process::peak_memory() as f64 / 1024.0);
    }
}

fn shown(name: &str, figure: f64) -> String {
    match name {
        "jobs_per_s" => format!("{:>10} jobs/s", grouped(figure)),
        _ => match name.strip_suffix("_us") {
            Some(what) => format!("{} {figure:.1} µs", what.replace('_', ".")),
            None => format!("{} {figure:.2}", name.replace('_', " ")),
        },
    }
}

/// Writes a whole number with thin groups of three.
fn grouped(figure: f64) -> String {
    let digits = format!("{figure:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place != 0 && (digits.len() - place) % 3 == 0 {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}
