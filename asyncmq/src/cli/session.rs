//! What every command begins with: the store that is meant, and where its answers go.

use clap::ArgMatches;

use super::flags::text;
use super::out::Out;
use crate::admin::{Actor, Admin};
use crate::client::Client;
use crate::error::{Error, Result};
use crate::settings::{Settings, without_password};

/// A store, and where the answers go.
pub(super) struct Session {
    pub(super) admin: Admin,
    pub(super) out: Out,
    /// The store's URL as it can be shown.
    pub(super) url: String,
}

impl Session {
    /// Connects to the store that flags, variables or the file name.
    pub(super) async fn open(root: &ArgMatches, flags: &ArgMatches) -> Result<Self> {
        let flag = |name: &str| text(flags, name).or_else(|| text(root, name));
        let out = Out::new(flags.get_flag("json"));
        let url = match flag("url") {
            Some(url) => {
                warn_of_password(url);
                Some(url.to_owned())
            }
            None => Settings::url_of_process(flag("config"))?,
        };
        let url = url.ok_or_else(|| {
            Error::Invalid(
                "which store? Give --url sqlite:jobs.db or --url redis://host, set ASYNCMQ_URL, or write `url = \"…\"` \
                 into asyncmq.toml"
                    .into(),
            )
        })?;
        if url.starts_with("memory:") {
            return Err(Error::Invalid(
                "an in-memory store lives and dies with its process, so this command cannot see into it: use \
                 sqlite:FILE or redis://HOST for a store that several processes share"
                    .into(),
            ));
        }
        // An operator who mistypes a path must not find an empty store there, nor leave one.
        refuse_missing_file(&url)?;
        start_log();
        let client = Client::connect(&url).await?;
        let who = Actor::of_process().who;
        Ok(Self { admin: client.admin().acting_as(who, "cli"), out, url: without_password(&url) })
    }
}

fn refuse_missing_file(url: &str) -> Result<()> {
    let Some(rest) = url.strip_prefix("sqlite:") else { return Ok(()) };
    let path = rest.split('?').next().unwrap_or_default();
    let path = path.strip_prefix("//").unwrap_or(path);
    if path.is_empty()
        || path.contains(":memory:")
        || path.contains('%')
        || std::path::Path::new(path).exists()
    {
        return Ok(());
    }
    Err(Error::Invalid(format!(
        "there is no file {path:?}: it is made when the first job is enqueued, not by looking"
    )))
}

/// What a program was started with can be read by every user of its machine.
fn warn_of_password(url: &str) {
    if without_password(url) != url {
        eprintln!(
            "warning: the password in --url can be read by every user of this machine (ps): put the URL into \
             ASYNCMQ_URL or into asyncmq.toml"
        );
    }
}

/// Only what must be known goes to standard error beside the answers.
fn start_log() {
    use std::io::IsTerminal;
    let filter = tracing_subscriber::EnvFilter::new("error,asyncmq::admin=warn");
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).without_time();
    // Fails only if there is a log already, which then stays.
    let _ = log.with_ansi(std::io::stderr().is_terminal()).try_init();
}
