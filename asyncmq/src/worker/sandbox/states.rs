//! The states of a child: made in it, as nothing of the worker's own reaches it but bytes.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;

use crate::caught::caught;
use crate::error::BoxError;
use crate::task::{States, tasks};

type Making = Pin<Box<dyn Future<Output = Result<Put, BoxError>> + Send>>;
type Make = Box<dyn FnOnce() -> Making + Send>;
/// Puts a state that was made to the others.
type Put = Box<dyn FnOnce(&mut States) + Send>;

/// A program's beginning, where it may turn out to be a child of its own worker; [`child`] makes one.
#[must_use = "a child does not begin before `.init()`"]
#[derive(Default)]
pub struct ChildBuilder(Makers);

/// What makes the states of a child.
#[derive(Default)]
pub(super) struct Makers(Vec<(&'static str, Make)>);

/// Says what a child of this program is to have; in all other processes nothing comes of it.
///
/// # Examples
///
/// ```no_run
/// # struct Database;
/// # impl Database { async fn connect() -> Result<Self, std::io::Error> { Ok(Self) } }
/// # struct Config;
/// // Before everything else in `main`:
/// asyncmq::sandbox::child().state(|| Config).state_async(|| Database::connect()).init();
/// ```
pub fn child() -> ChildBuilder {
    ChildBuilder::default()
}

impl ChildBuilder {
    /// Gives the child's handlers a value, which they take as [`State<T>`](crate::State). It is made once in each child.
    pub fn state<T: Any + Send + Sync>(self, make: impl FnOnce() -> T + Send + 'static) -> Self {
        self.state_async(|| async move { Ok::<_, BoxError>(make()) })
    }

    /// The same for a value that has to be waited for, or cannot be had: then the child does not begin, and the worker says why.
    pub fn state_async<T, E, F, R>(mut self, make: F) -> Self
    where
        T: Any + Send + Sync,
        E: Into<BoxError>,
        F: FnOnce() -> R + Send + 'static,
        R: Future<Output = Result<T, E>> + Send,
    {
        let making = || {
            let made: Making = Box::pin(async move {
                let state = make().await.map_err(Into::into)?;
                let put: Put = Box::new(move |states| states.insert(state));
                Ok(put)
            });
            made
        };
        self.0.0.push((std::any::type_name::<T>(), Box::new(making)));
        self
    }

    /// Begins the child's work if this process is one, and never returns then. In all other processes it does nothing.
    pub fn init(self) {
        super::begin(self.0);
    }
}

impl std::fmt::Debug for ChildBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ChildBuilder({} states)", self.0.0.len())
    }
}

impl Makers {
    /// Makes the states, and says what the tasks at these places would miss.
    pub(super) async fn make(self, places: &[usize]) -> Result<States, String> {
        let mut states = States::default();
        for (name, make) in self.0 {
            let cannot = |why: String| {
                format!("the state {name} cannot be made in the sandbox's child process: {why}")
            };
            let making = tokio::spawn(async move { make().await });
            match making.await {
                Ok(Ok(put)) => put(&mut states),
                Ok(Err(error)) => return Err(cannot(error.to_string())),
                Err(error) if error.is_panic() => {
                    let message = caught(|| std::panic::resume_unwind(error.into_panic())).err();
                    return Err(cannot(message.unwrap_or_default()));
                }
                Err(error) => return Err(cannot(error.to_string())),
            }
        }
        let linked: Vec<_> = tasks().collect();
        for task in places.iter().filter_map(|place| linked.get(*place)) {
            if let Some(state) = task.states().iter().find(|state| !states.has((state.id)())) {
                return Err(format!(
                    "task {:?} at {} takes `State<{}>`, which the sandbox's child process was not given\n  \
                     make it there too: begin `main` with `asyncmq::sandbox::child().state(|| …).init()`",
                    task.name(),
                    task.source(),
                    state.type_name
                ));
            }
        }
        Ok(states)
    }
}
