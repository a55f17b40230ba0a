//! `asyncmq dashboard`: serves the web pages. Who may come in stands in a file or in the environment, never in the arguments.

use std::io::{IsTerminal, Read};
use std::net::SocketAddr;
use std::path::Path;

use clap::{Arg, ArgAction, ArgMatches, Command};
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use super::Ended;
use super::flags::{leaf, switch, text, texts, value};
use super::session::Session;
use crate::dashboard::{Config, Role, hash_password, serve};
use crate::error::{Error, Result};

/// Where it listens unless told otherwise.
const LISTEN: &str = "127.0.0.1:7878";

const HELP: &str = "\
Without a password, a token or a file of users it answers this machine alone.

ASYNCMQ_DASHBOARD_PASSWORD  the password of the user `admin`, or its hash
ASYNCMQ_DASHBOARD_TOKEN     a bearer token of the role admin

A file of users (chmod 600):

  [[user]]
  name = \"ann\"
  role = \"operator\"                  # viewer, operator or admin
  password_hash = \"$argon2id$v=19$…\" # from `asyncmq dashboard --hash-password`

  [[token]]
  name = \"prometheus\"
  role = \"viewer\"
  token = \"…\"                        # from `openssl rand -hex 32`";

/// Describes the command.
pub(super) fn command() -> Command {
    let repeated = |arg: Arg| arg.action(ArgAction::Append);
    leaf("dashboard", "Serves web pages, a JSON API and metrics")
        .arg(value("listen", "ADDRESS", "Where: 127.0.0.1:7878 unless said").default_value(LISTEN))
        .arg(value("users", "FILE", "Who may come in"))
        .arg(switch("hash-password", "Reads a password and prints its hash for the file of users"))
        .arg(value("prefix", "PATH", "What a proxy takes off the path: /jobs"))
        .arg(repeated(value(
            "trust-proxy",
            "NETWORK",
            "Whose X-Forwarded-… headers count: 10.0.0.0/8; may be repeated",
        )))
        .arg(repeated(value(
            "conceal-key",
            "WORD",
            "Hides values with this word in their name too; may be repeated",
        )))
        .arg(repeated(value(
            "conceal-task",
            "TASK",
            "Hides what jobs of these tasks hold: billing.*; may be repeated",
        )))
        .arg(value("title", "TEXT", "What stands at the top of each page"))
        .arg(switch("secure-cookies", "Says that browsers reach it over TLS only"))
        .arg(switch("no-events", "Does not listen to events: costs the store nothing, shows less"))
        .after_help(HELP)
}

/// Reads a password and prints its hash; needs no store.
pub(super) fn hash(flags: &ArgMatches) -> Option<Result<Ended>> {
    flags.get_flag("hash-password").then(|| {
        println!("{}", hash_password(&read_password()?)?);
        Ok(Ended::Done)
    })
}

fn read_password() -> Result<String> {
    let failed = |error: std::io::Error| Error::Invalid(format!("the password cannot be read: {error}"));
    if std::io::stdin().is_terminal() {
        eprint!("Password: ");
        return console::Term::stderr().read_secure_line().map_err(failed);
    }
    let mut line = String::new();
    std::io::stdin().lock().take(4_096).read_to_string(&mut line).map_err(failed)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// Runs it, until SIGTERM or Ctrl-C.
pub(super) async fn run(session: &Session, flags: &ArgMatches) -> Result<Ended> {
    let config = configure(flags)?.store_url(session.url.as_str());
    let address = text(flags, "listen").unwrap_or(LISTEN);
    let address: SocketAddr = address.parse().map_err(|_| {
        Error::Invalid(format!("--listen {address:?} is no address and port such as {LISTEN} or [::1]:7878"))
    })?;
    let who = if config.has_access_control() { "" } else { ", for this machine alone" };
    let failed = |error| Error::Startup(format!("cannot listen on {address}: {error}"));
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let prefix = text(flags, "prefix").unwrap_or_default();
    let stop = signals()?;
    crate::dashboard::check_address(&config, address)?;
    eprintln!("Dashboard of {} at http://{address}{prefix}{who}; Ctrl-C ends it.", session.url);
    serve(session.admin.client(), config, listener, stop).await?;
    Ok(Ended::Done)
}

fn signals() -> Result<impl Future<Output = ()>> {
    let listen =
        |kind| signal(kind).map_err(|error| Error::Startup(format!("cannot listen for signals: {error}")));
    let (mut term, mut int) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
    })
}

fn configure(flags: &ArgMatches) -> Result<Config> {
    let mut config = of_environment(Config::new())?;
    if let Some(path) = text(flags, "users") {
        config = of_file(config, Path::new(path))?;
    }
    if let Some(prefix) = text(flags, "prefix") {
        config = config.prefix(prefix)?;
    }
    for network in texts(flags, "trust-proxy") {
        config = config.trusted_proxy(network)?;
    }
    for word in texts(flags, "conceal-key") {
        config = config.conceal_key(word);
    }
    for task in texts(flags, "conceal-task") {
        config = config.conceal_task(task);
    }
    if let Some(title) = text(flags, "title") {
        config = config.title(title);
    }
    if flags.get_flag("secure-cookies") {
        config = config.secure_cookies();
    }
    if flags.get_flag("no-events") {
        config = config.without_events();
    }
    Ok(config)
}

fn of_environment(mut config: Config) -> Result<Config> {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    if let Some(password) = variable("ASYNCMQ_DASHBOARD_PASSWORD") {
        let hash = if password.starts_with("$argon2") { password } else { hash_password(&password)? };
        config = config.password_hash("admin", &hash, Role::Admin)?;
    }
    if let Some(token) = variable("ASYNCMQ_DASHBOARD_TOKEN") {
        config = config.token("token", &token, Role::Admin)?;
    }
    Ok(config)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Users {
    #[serde(default)]
    user: Vec<OfPassword>,
    #[serde(default)]
    token: Vec<OfToken>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfPassword {
    name: String,
    role: String,
    password_hash: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfToken {
    name: String,
    role: String,
    token: String,
}

fn of_file(mut config: Config, path: &Path) -> Result<Config> {
    warn_of_readers(path);
    let text = std::fs::read_to_string(path)
        .map_err(|error| Error::Invalid(format!("--users {}: cannot be read: {error}", path.display())))?;
    // The message of the parser shows the line, which may hold a secret.
    let users: Users = toml::from_str(&text).map_err(|error: toml::de::Error| {
        let line =
            error.span().map_or(1, |span| 1 + text[..span.start.min(text.len())].matches('\n').count());
        Error::Invalid(format!("--users {}: line {line}: {}", path.display(), error.message()))
    })?;
    if users.user.is_empty() && users.token.is_empty() {
        return Err(Error::Invalid(format!("--users {}: there is nobody in it", path.display())));
    }
    for user in users.user {
        config = config.password_hash(user.name, &user.password_hash, user.role.parse()?)?;
    }
    for token in users.token {
        config = config.token(token.name, &token.token, token.role.parse()?)?;
    }
    Ok(config)
}

fn warn_of_readers(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(path).map(|file| file.permissions().mode());
    if mode.is_ok_and(|mode| mode & 0o077 != 0) {
        eprintln!("warning: {} can be read by others on this machine: chmod 600 it", path.display());
    }
}
