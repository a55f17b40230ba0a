//! How a dashboard is set up: who may come in, from where, and what is not shown to them.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::access::password::Passwords;
use super::access::proxy::{Network, is_plain_path};
use super::access::token::Tokens;
use super::access::{Authenticator, Role, User};
use crate::admin::Hidden;
use crate::admin::Pattern;
use crate::error::{Error, Result};

/// How a dashboard is set up.
///
/// Without anybody who may come in, it answers this machine alone: requests over the loopback interface, by a loopback name,
/// through no proxy. Everything else is refused.
///
/// # Examples
///
/// ```
/// use asyncmq::dashboard::{Config, Role};
///
/// # fn example(hash: &str, token: &str) -> asyncmq::Result<()> {
/// let config = Config::new()
///     .password_hash("ann", hash, Role::Admin)?   // from `asyncmq dashboard --hash-password`
///     .token("prometheus", token, Role::Viewer)?
///     .conceal_task("billing.*");
/// # let _ = config; Ok(()) }
/// ```
#[must_use = "nothing is served before it is given to `router` or `serve`"]
pub struct Config {
    pub(super) passwords: Passwords,
    pub(super) tokens: Tokens,
    pub(super) authenticator: Option<Arc<dyn Authenticator>>,
    /// Who everybody is, where the application guards the routes itself.
    pub(super) everybody: Option<Role>,
    pub(super) trusted: Vec<Network>,
    pub(super) prefix: Option<String>,
    pub(super) idle: Duration,
    pub(super) conceal: Hidden,
    pub(super) title: String,
    pub(super) store_url: Option<String>,
    /// Whether it hears what happens; without, it sees only what it looks at.
    pub(super) listens: bool,
    pub(super) secure_cookies: bool,
    pub(super) stop: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            passwords: Passwords::default(),
            tokens: Tokens::default(),
            authenticator: None,
            everybody: None,
            trusted: Vec::new(),
            prefix: None,
            idle: Duration::from_secs(30 * 60),
            conceal: Hidden::default(),
            title: "asyncmq".into(),
            store_url: None,
            listens: true,
            secure_cookies: false,
            stop: None,
        }
    }
}

impl Config {
    /// Describes a dashboard that answers this machine alone.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets somebody log in by name and password, of which only the hash is kept
    /// ([`hash_password`](crate::dashboard::hash_password), `asyncmq dashboard --hash-password`).
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for what is no argon2 hash.
    pub fn password_hash(mut self, name: impl Into<String>, hash: &str, role: Role) -> Result<Self> {
        self.passwords.add(hash, User::new(name, role))?;
        Ok(self)
    }

    /// Lets a program in by the header `Authorization: Bearer …`.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for a token of less than 16 characters.
    pub fn token(mut self, name: impl Into<String>, token: &str, role: Role) -> Result<Self> {
        self.tokens.add(token, User::new(name, role))?;
        Ok(self)
    }

    /// Asks a way of your own who sends a request.
    pub fn authenticator(mut self, authenticator: impl Authenticator) -> Self {
        self.authenticator = Some(Arc::new(authenticator));
        self
    }

    /// Takes everybody who reaches the routes for somebody of this role: for an application that guards them itself.
    pub const fn guarded_elsewhere(mut self, role: Role) -> Self {
        self.everybody = Some(role);
        self
    }

    /// Believes what a proxy at this address, or in this network, says of the sender in `X-Forwarded-…` headers.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for what is no address or network.
    pub fn trusted_proxy(mut self, network: &str) -> Result<Self> {
        self.trusted.push(Network::parse(network)?);
        Ok(self)
    }

    /// Says what stands before the dashboard's own paths, where it cannot tell itself: a proxy that takes it off.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for what is no plain path.
    pub fn prefix(mut self, prefix: &str) -> Result<Self> {
        let prefix = prefix.trim_end_matches('/');
        if !(prefix.is_empty() || is_plain_path(prefix)) {
            return Err(Error::Invalid(format!("the prefix {prefix:?} is no plain path such as /jobs")));
        }
        self.prefix = Some(prefix.to_owned());
        Ok(self)
    }

    /// Ends sessions that nobody used for so long; 30 minutes unless set.
    pub const fn idle_timeout(mut self, time: Duration) -> Self {
        self.idle = time;
        self
    }

    /// Hides the values of arguments, results and headers with this word in their name, beside `password`, `token` and the like.
    pub fn conceal_key(mut self, word: &str) -> Self {
        self.conceal.keys.push(word.to_lowercase().replace('-', "_"));
        self
    }

    /// Hides what jobs of these tasks are given, return, log and say when they fail: `billing.*`, or a name.
    pub fn conceal_task(mut self, pattern: &str) -> Self {
        self.conceal.tasks.push(Pattern::with_gaps(pattern));
        self
    }

    /// Sets what stands at the top of each page, to tell one dashboard from another.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    /// Shows this as the store's URL. Leave passwords out of it.
    pub fn store_url(mut self, url: impl Into<String>) -> Self {
        self.store_url = Some(url.into());
        self
    }

    /// Does not listen to events: stores then need not tell it each step of each job, and it has no event log, no counts by
    /// outcome and no durations.
    pub const fn without_events(mut self) -> Self {
        self.listens = false;
        self
    }

    /// Says that browsers reach it over TLS only, so that cookies never travel without. A trusted proxy's
    /// `X-Forwarded-Proto` says so too.
    pub const fn secure_cookies(mut self) -> Self {
        self.secure_cookies = true;
        self
    }

    /// Ends live pages when this future does. A server that shuts down gracefully waits for them otherwise.
    pub fn stop_when(mut self, stop: impl Future<Output = ()> + Send + 'static) -> Self {
        self.stop = Some(Box::pin(stop));
        self
    }

    /// Tells whether somebody has to say who they are.
    #[must_use]
    pub fn has_access_control(&self) -> bool {
        !self.passwords.is_empty()
            || !self.tokens.is_empty()
            || self.authenticator.is_some()
            || self.everybody.is_some()
    }
}

/// Shows no secret.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("has_access_control", &self.has_access_control())
            .finish_non_exhaustive()
    }
}
