//! The `asyncmq` command. So far it measures: `asyncmq bench`.

mod bench;

use std::process::ExitCode;

use clap::Command;

fn main() -> ExitCode {
    let matches = command().get_matches();
    let done = match matches.subcommand() {
        Some(("bench", flags)) => bench::run(flags),
        _ => Ok(()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:?}");
            ExitCode::FAILURE
        }
    }
}

fn command() -> Command {
    Command::new("asyncmq")
        .about("Background jobs for Rust: steers and measures a store")
        .version(env!("CARGO_PKG_VERSION"))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(bench::command())
}
