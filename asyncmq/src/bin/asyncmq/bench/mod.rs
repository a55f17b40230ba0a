//! `asyncmq bench`: what a store does on this machine, beside what this machine can do without one.
//!
//! Every figure is of no-op jobs with about 100 bytes of arguments, in a namespace of its own that is removed afterwards.

mod load;
mod phases;
mod process;
mod report;
mod server;
mod yardstick;

use asyncmq::{Client, Error, Result};
use clap::builder::ValueParser;
use clap::{Arg, ArgAction, ArgMatches, Command};

use phases::Bench;
use report::Report;
use server::Server;

/// Describes the command's flags.
pub(crate) fn command() -> Command {
    let value = |name, short, value, default, help| {
        Arg::new(name)
            .long(name)
            .short(short)
            .value_name(value)
            .default_value(default)
            .value_parser(ValueParser::string())
            .help(help)
    };
    Command::new("bench")
        .about("Measures a store with no-op jobs of about 100 bytes")
        .arg(value("url", 'u', "URL", "memory:", "The store").env_url())
        .arg(value("jobs", 'n', "N", "200000", "How many jobs each phase has"))
        .arg(value("concurrency", 'c', "N", "100", "How many jobs the worker runs at once"))
        .arg(value("probes", 'p', "N", "1000", "How many lone jobs the latency is taken from"))
        .arg(value(
            "only",
            'o',
            "PHASES",
            "",
            "Only these phases, with commas: one, many, bulk, drain, through, idle, yardstick",
        ))
        .arg(
            Arg::new("discard")
                .long("discard")
                .action(ArgAction::SetTrue)
                .help("Keep no records of completed jobs"),
        )
        .arg(Arg::new("json").long("json").action(ArgAction::SetTrue).help("Print one JSON object"))
}

trait EnvUrl {
    fn env_url(self) -> Self;
}

impl EnvUrl for Arg {
    /// Lets `ASYNCMQ_URL` name the store.
    fn env_url(self) -> Self {
        match std::env::var("ASYNCMQ_URL") {
            Ok(url) => self.default_value(url.leak() as &str),
            Err(_) => self,
        }
    }
}

/// Runs the command.
pub(crate) fn run(flags: &ArgMatches) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::Startup(format!("cannot start a runtime: {error}")))?;
    runtime.block_on(measure(flags))
}

async fn measure(flags: &ArgMatches) -> Result<()> {
    let url = flags.get_one::<String>("url").map_or("memory:", String::as_str);
    let only = flags.get_one::<String>("only").map_or("", String::as_str);
    let bench = Bench {
        client: Client::connect(&own_namespace(url)).await?,
        server: Server::of(url).await,
        jobs: number(flags, "jobs")?,
        concurrency: number(flags, "concurrency")?,
        probes: number(flags, "probes")?,
        discard: flags.get_flag("discard"),
    };
    let mut report = Report::new(url, &bench, flags.get_flag("json"));
    let wanted = |phase: &str| only.is_empty() || only.split(',').any(|name| name.trim() == phase);
    if wanted("yardstick") {
        report.add(yardstick::run(bench.jobs, bench.concurrency).await);
    }
    for phase in phases::PHASES {
        if wanted(phase.name) {
            report.announce(phase.title);
            report.add((phase.run)(&bench).await?);
        }
    }
    bench.clear().await?;
    report.finish();
    Ok(())
}

/// Gives the bench a namespace of its own, so that it can never meet somebody's jobs.
fn own_namespace(url: &str) -> String {
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}prefix=asyncmq-bench-{}", std::process::id())
}

fn number(flags: &ArgMatches, name: &str) -> Result<usize> {
    let text = flags.get_one::<String>(name).map_or("", String::as_str);
    let plain = text.replace('_', "");
    plain.parse().map_err(|_| Error::Invalid(format!("--{name} {text:?} is no whole number")))
}
