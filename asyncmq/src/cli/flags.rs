//! Flags that several commands have.

use std::ffi::OsString;

use clap::builder::ValueParser;
use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::admin::{KEYS, Query};
use crate::error::{Error, Result};

/// What stands at the end of the first help.
pub(super) const AFTER_HELP: &str = "\
The store is that of --url, else of ASYNCMQ_URL, else of `url` in asyncmq.toml.
Every command takes --json. Exit codes: 0 done, 1 no, 2 misuse.";

/// A flag with a value.
pub(super) fn value(name: &'static str, of: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(of).value_parser(ValueParser::string()).help(help)
}

/// A flag without.
pub(super) fn switch(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}

/// A word that must be there.
pub(super) fn word(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).value_parser(ValueParser::string()).required(true).help(help)
}

pub(super) fn url() -> Arg {
    value("url", "URL", "The store: sqlite:path, redis://host, … [env: ASYNCMQ_URL]")
}

pub(super) fn config() -> Arg {
    value("config", "FILE", "The file to read in place of asyncmq.toml")
}

/// Begins a command that looks into a store.
pub(super) fn leaf(name: &'static str, about: &'static str) -> Command {
    let json = switch("json", "Print JSON (its shape is in docs/cli.md)");
    Command::new(name).about(about).args([url(), config(), json])
}

/// Begins a command that has others below it.
pub(super) fn noun(name: &'static str, about: &'static str) -> Command {
    Command::new(name).about(about).subcommand_required(true).arg_required_else_help(true)
}

pub(super) fn yes() -> Arg {
    switch("yes", "Do it without asking")
}

pub(super) fn dry_run() -> Arg {
    switch("dry-run", "Show what would be done, and change nothing")
}

/// The query of a list: words, so that it needs no quotes.
pub(super) fn query_words() -> Arg {
    Arg::new("query")
        .value_name("QUERY")
        .num_args(0..)
        .value_parser(ValueParser::string())
        .help("Which jobs: state:failed task:app.* -queue:low error:timeout age:>1h tag:x id:…")
}

/// Puts a blank before words such as `-queue:low`, which are terms of a query and no flags; a query does not mind.
pub(super) fn with_terms_apart(words: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let is_term = |word: &OsString| {
        let term =
            word.to_str().and_then(|word| word.strip_prefix('-')).and_then(|term| term.split_once(':'));
        term.is_some_and(|(key, _)| KEYS.iter().any(|(known, _)| *known == key))
    };
    let apart = |word: OsString| {
        if !is_term(&word) {
            return word;
        }
        let mut term = OsString::from(" ");
        term.push(word);
        term
    };
    words.map(apart).collect()
}

/// Says what queries are made of.
pub(super) fn query_help() -> String {
    let keys = KEYS.iter().map(|(key, takes)| format!("  {key:<9} {takes}\n")).collect::<String>();
    format!(
        "A query is a list of key:value terms that must all hold; a comma between values means or, - before a term \
         means not, * stands for anything, and quotes take blanks in. Its keys:\n{keys}"
    )
}

/// Reads the query of a list.
pub(super) fn query_of(flags: &ArgMatches) -> Result<Query> {
    let words: Vec<&str> =
        flags.get_many::<String>("query").into_iter().flatten().map(String::as_str).collect();
    Ok(words.join(" ").parse::<Query>()?)
}

pub(super) fn text<'a>(flags: &'a ArgMatches, name: &str) -> Option<&'a str> {
    flags.get_one::<String>(name).map(String::as_str)
}

pub(super) fn texts<'a>(flags: &'a ArgMatches, name: &str) -> Vec<&'a str> {
    flags.get_many::<String>(name).into_iter().flatten().map(String::as_str).collect()
}

/// Reads a number.
pub(super) fn number<T: std::str::FromStr>(flags: &ArgMatches, name: &str) -> Result<Option<T>> {
    let read = |text: &str| {
        let plain = text.replace('_', "");
        plain
            .parse()
            .map_err(|_| Error::Invalid(format!("--{name} {text:?} is no whole number, or too large")))
    };
    text(flags, name).map(read).transpose()
}

/// Reads a time: `300`, `5m`.
pub(super) fn time(flags: &ArgMatches, name: &str) -> Result<Option<std::time::Duration>> {
    let read = |text: &str| {
        crate::job::parse_duration(text).map_err(|reason| Error::Invalid(format!("--{name}: {reason}")))
    };
    text(flags, name).map(read).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_that_look_like_flags_are_told_from_flags() {
        let words = ["x", "-queue:low", "--json", "-q", "-state:dead age:>1h", "-nothing:x", "--query=-id:7"];
        let apart = with_terms_apart(words.into_iter().map(OsString::from));
        assert_eq!(
            apart,
            ["x", " -queue:low", "--json", "-q", " -state:dead age:>1h", "-nothing:x", "--query=-id:7"]
        );
    }
}
