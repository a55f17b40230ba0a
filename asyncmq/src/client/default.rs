//! The client that `enqueue()` uses when it is given none.

use std::cell::RefCell;
use std::future::Future;
use std::sync::{PoisonError, RwLock};

use crate::client::Client;
use crate::error::Result;
use crate::task::Context;

/// Whose client is meant.
#[derive(Clone)]
pub(crate) enum Scope {
    /// That of the running job's worker.
    Job(Context),
    /// This one: of a test, a hook, a duty.
    Of(Client),
}

impl Scope {
    fn client(&self) -> Client {
        match self {
            Self::Job(context) => context.client(),
            Self::Of(client) => client.clone(),
        }
    }
}

tokio::task_local! {
    static CURRENT: Scope;
}

thread_local! {
    /// The same for a handler that blocks its thread.
    static BLOCKING: RefCell<Option<Scope>> = const { RefCell::new(None) };
}

/// What the program said, or what the environment gave at first use.
static GLOBAL: RwLock<Option<Client>> = RwLock::new(None);
/// One maker at a time, so that two first uses do not make two stores.
static MAKING: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Makes this client the default of the process: what `enqueue()` uses outside of handlers and test scopes.
pub fn init(client: Client) {
    *GLOBAL.write().unwrap_or_else(PoisonError::into_inner) = Some(client);
}

/// Returns the default client, if there is one yet.
pub(crate) fn current() -> Option<Client> {
    if let Ok(client) = CURRENT.try_with(Scope::client) {
        return Some(client);
    }
    let blocking = BLOCKING.with_borrow(|scope| scope.as_ref().map(Scope::client));
    blocking.or_else(|| GLOBAL.read().unwrap_or_else(PoisonError::into_inner).clone())
}

/// Asks something about the job whose handler runs here, if one does.
pub(crate) fn with_running<R>(ask: impl FnOnce(&Context) -> R) -> Option<R> {
    let mut ask = Some(ask);
    let mut of = |scope: &Scope| match scope {
        Scope::Job(context) => ask.take().map(|ask| ask(context)),
        Scope::Of(_) => None,
    };
    match CURRENT.try_with(&mut of) {
        Ok(answer) => answer,
        // A thread that is at its end has nothing left to ask.
        Err(_) => BLOCKING.try_with(|scope| scope.borrow().as_ref().and_then(of)).ok().flatten(),
    }
}

/// Makes the default client from the environment, once.
pub(crate) async fn from_environment() -> Result<Client> {
    let _one_maker = MAKING.lock().await;
    if let Some(client) = current() {
        return Ok(client);
    }
    let client = Client::from_env().await?;
    init(client.clone());
    Ok(client)
}

/// Runs a future with the client of this scope as its default.
pub(crate) fn scoped<F: Future>(scope: Scope, future: F) -> impl Future<Output = F::Output> {
    CURRENT.scope(scope, future)
}

/// Runs a function that blocks its thread in this scope.
fn scoped_blocking<R>(scope: Scope, run: impl FnOnce() -> R) -> R {
    struct Restore(Option<Scope>);
    impl Drop for Restore {
        fn drop(&mut self) {
            BLOCKING.set(self.0.take());
        }
    }
    let _restore = Restore(BLOCKING.replace(Some(scope)));
    run()
}

impl Context {
    /// Runs a plain function as the running job, with the worker's own client as its default.
    pub(crate) fn run_blocking<R>(&self, run: impl FnOnce() -> R) -> R {
        scoped_blocking(Scope::Job(self.clone()), run)
    }
}

/// Returns the default client, made from the environment if there is none yet.
pub(crate) async fn current_or_made() -> Result<Client> {
    match current() {
        Some(client) => Ok(client),
        None => from_environment().await,
    }
}
