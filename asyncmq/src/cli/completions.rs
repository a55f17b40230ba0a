//! `asyncmq completions`: what a shell needs to complete commands.

use clap::builder::ValueParser;
use clap::{Arg, ArgMatches, Command};
use clap_complete::Shell;

use super::Ended;
use super::flags::text;
use crate::error::{Error, Result};

/// Describes the command.
pub(super) fn command() -> Command {
    let shell = Arg::new("SHELL")
        .required(true)
        .value_parser(ValueParser::string())
        .help("bash, zsh, fish, elvish or powershell");
    Command::new("completions")
        .about("Prints a script that completes commands in a shell")
        .arg(shell)
        .after_help("Example: asyncmq completions bash > ~/.local/share/bash-completion/completions/asyncmq")
}

/// Runs it.
pub(super) fn run(command: &Command, flags: &ArgMatches) -> Result<Ended> {
    let name = text(flags, "SHELL").unwrap_or_default();
    let shell: Shell = name.parse().map_err(|_| {
        Error::Invalid(format!(
            "there is no completion for {name:?}: there are bash, zsh, fish, elvish and powershell"
        ))
    })?;
    let mut command = command.clone();
    let name = command.get_bin_name().unwrap_or("asyncmq").to_owned();
    clap_complete::generate(shell, &mut command, name, &mut std::io::stdout());
    Ok(Ended::Done)
}
