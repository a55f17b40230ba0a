//! The flags of a worker binary: one for each setting, and those that only ask for something to read.

use clap::builder::ValueParser;
use clap::{Arg, ArgAction, Command};

use crate::settings::keys::KEYS;
use crate::settings::sources::{FILE, PREFIX};

pub(super) fn command() -> Command {
    let command = Command::new(env!("CARGO_PKG_NAME"));
    with_flags(command.about("Runs the background jobs of this program's tasks"))
}

/// Adds the flags of every setting to a command.
pub(super) fn with_flags(command: Command) -> Command {
    let mut command = command
        .after_help(format!(
            "Each setting can also stand in {FILE} (`worker_concurrency = 20`) or in a variable \
             (`{PREFIX}WORKER_CONCURRENCY=20`); flags go before variables, and these before the file."
        ))
        .arg(
            Arg::new("config")
                .long("config")
                .value_name("FILE")
                .help(format!("The file to read in place of {FILE}")),
        )
        .arg(switch("list-tasks", "Show the linked tasks and exit"))
        .arg(switch("print-config", "Show every setting with its source and exit"));
    for key in KEYS {
        let arg = match key.value {
            "" => switch(key.flag, key.help),
            value => Arg::new(key.flag)
                .long(key.flag)
                .value_name(value)
                .action(ArgAction::Append)
                .value_parser(ValueParser::string())
                .help(key.help),
        };
        command = command.arg(match key.short {
            Some(short) => arg.short(short),
            None => arg,
        });
    }
    command
}

fn switch(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}
