//! The command line: `asyncmq` itself, and the same for a binary of your own, which adds `worker`.
//!
//! ```no_run
//! use asyncmq::{State, task};
//!
//! struct Database;
//!
//! #[task]
//! async fn send_welcome(State(database): State<Database>, to: String) {
//!     # let _ = (database, to);
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     asyncmq::cli::Cli::new().worker(|worker| worker.state(Database)).main()
//! }
//! ```
//!
//! `docs/cli.md` has the commands, the shape of `--json` and the exit codes: 0 done, 1 no, 2 misuse.

#![expect(
    non_camel_case_types,
    reason = "each field that `object!` makes has a type of its own, named like it"
)]

mod audit;
mod bulk;
mod completions;
mod confirm;
#[cfg(feature = "dashboard")]
mod dashboard;
mod dead;
mod doctor;
mod events;
mod flags;
mod flow;
mod info;
mod job;
mod job_add;
mod job_inspect;
mod out;
mod queue;
mod queue_limit;
mod schedule;
mod session;
mod tasks;
mod worker;

use std::fmt;
use std::process::ExitCode;

use clap::{ArgMatches, Command};

use crate::error::{Error, Result};
use crate::worker::Worker;
use session::Session;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It did what it was asked.
    Done,
    /// The answer is no: there is none, it was not confirmed, something is wrong.
    No,
    /// It was asked for what cannot be.
    Misuse,
}

impl From<Ended> for ExitCode {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Done => Self::SUCCESS,
            Ended::No => Self::from(1),
            Ended::Misuse => Self::from(2),
        }
    }
}

type Configure = Box<dyn FnOnce(Worker) -> Worker + Send>;
type Extra = (Command, fn(&ArgMatches) -> Result<()>);

/// The command line of a binary.
#[must_use = "nothing happens before `main` or `run`"]
pub struct Cli {
    configure: Option<Configure>,
    extra: Vec<Extra>,
}

/// Runs the command line of a binary with tasks: the whole `main`.
///
/// # Panics
///
/// Inside of a tokio runtime; there, await [`Cli::run`].
pub fn main() -> ExitCode {
    Cli::new().main()
}

impl Default for Cli {
    fn default() -> Self {
        Self::new()
    }
}

impl Cli {
    /// Describes the command line of a binary with tasks.
    pub fn new() -> Self {
        Self { configure: Some(Box::new(|worker| worker)), extra: Vec::new() }
    }

    /// Describes one for a binary without tasks, which cannot be a worker.
    #[doc(hidden)]
    pub fn without_tasks() -> Self {
        Self { configure: None, extra: Vec::new() }
    }

    /// Adds a command of the binary's own, which runs outside of any runtime.
    #[doc(hidden)]
    pub fn command(mut self, command: Command, run: fn(&ArgMatches) -> Result<()>) -> Self {
        self.extra.push((command, run));
        self
    }

    /// Says what the worker is given beyond flags and settings: states, layers, hooks.
    pub fn worker(mut self, configure: impl FnOnce(Worker) -> Worker + Send + 'static) -> Self {
        self.configure = Some(Box::new(configure));
        self
    }

    /// Runs it, on a runtime of its own.
    ///
    /// # Panics
    ///
    /// Inside of a tokio runtime; there, await [`Cli::run`].
    #[must_use]
    pub fn main(self) -> ExitCode {
        crate::worker::begin();
        let matches = self.clap().get_matches_from(flags::with_terms_apart(std::env::args_os()));
        if let Some((name, flags)) = matches.subcommand()
            && let Some((_, run)) = self.extra.iter().find(|(command, _)| command.get_name() == name)
        {
            return exit(run(flags).map(|()| Ended::Done));
        }
        let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return exit(Err(Error::Startup(format!("cannot start a runtime: {error}")))),
        };
        runtime.block_on(self.of_matches(&matches))
    }

    /// Runs it on the runtime that is there. Wrong flags, and `--help`, end the process here.
    pub async fn run(self) -> ExitCode {
        crate::worker::begin();
        let matches = self.clap().get_matches_from(flags::with_terms_apart(std::env::args_os()));
        self.of_matches(&matches).await
    }

    async fn of_matches(self, matches: &ArgMatches) -> ExitCode {
        exit(self.dispatch(matches).await)
    }

    async fn dispatch(self, matches: &ArgMatches) -> Result<Ended> {
        let Some((noun, of_noun)) = matches.subcommand() else { return Ok(Ended::Misuse) };
        let (verb, flags) = of_noun.subcommand().unwrap_or(("", of_noun));
        match (noun, verb) {
            ("completions", _) => return completions::run(&self.clap(), flags),
            ("worker", "" | "start") => {
                let configure = self.configure.unwrap_or_else(|| Box::new(|worker| worker));
                return worker::start(flags, configure).await;
            }
            #[cfg(feature = "dashboard")]
            ("dashboard", _) => {
                if let Some(ended) = dashboard::hash(flags) {
                    return ended;
                }
            }
            _ => {}
        }
        let session = Session::open(matches, flags).await?;
        match noun {
            "queue" => queue::run(&session, verb, flags).await,
            "flow" => flow::run(&session, verb, flags).await,
            "schedule" => schedule::run(&session, verb, flags).await,
            "job" => job::run(&session, verb, flags).await,
            "dead" => dead::run(&session, verb, flags).await,
            "worker" => worker::run(&session, verb, flags).await,
            "events" => events::run(&session, flags).await,
            "tasks" => tasks::run(&session).await,
            "audit" => audit::run(&session, flags).await,
            "info" => info::run(&session).await,
            "doctor" => doctor::run(&session).await,
            #[cfg(feature = "dashboard")]
            "dashboard" => dashboard::run(&session, flags).await,
            other => Err(Error::Invalid(format!("there is no command {other:?}"))),
        }
    }

    /// Describes every command.
    fn clap(&self) -> Command {
        let name = std::env::args_os().next().map(std::path::PathBuf::from);
        let name = name.as_deref().and_then(std::path::Path::file_stem).and_then(|name| name.to_str());
        let mut command = Command::new("asyncmq")
            .bin_name(name.unwrap_or("asyncmq").to_owned())
            .about("Background jobs: looks into a store and steers it")
            .version(env!("CARGO_PKG_VERSION"))
            .subcommand_required(true)
            .arg_required_else_help(true)
            .args([flags::url(), flags::config()])
            .after_help(flags::AFTER_HELP)
            .subcommands([queue::command(), job::command(), flow::command(), schedule::command()])
            .subcommand(dead::command())
            .subcommand(worker::command(self.configure.is_some()))
            .subcommands([events::command(), tasks::command(), audit::command()])
            .subcommands([info::command(), doctor::command(), completions::command()]);
        #[cfg(feature = "dashboard")]
        {
            command = command.subcommand(dashboard::command());
        }
        for (extra, _) in &self.extra {
            command = command.subcommand(extra.clone());
        }
        command
    }
}

impl fmt::Debug for Cli {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cli").field("has_worker", &self.configure.is_some()).finish_non_exhaustive()
    }
}

/// Says what went wrong, and what the exit code is for it.
fn exit(outcome: Result<Ended>) -> ExitCode {
    let ended = outcome.unwrap_or_else(|error| {
        let message = out::text::lines(&format!("{error:?}"));
        eprintln!("error: {message}");
        match error {
            Error::Invalid(_) | Error::InvalidName { .. } | Error::Unsupported(_) => Ended::Misuse,
            _ => Ended::No,
        }
    });
    ended.into()
}
