//! What a program puts around every handler of a worker.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::task::{Context, HandlerFuture, Invocation, TaskDefinition, TaskError};
use crate::worker::execute::call;

/// What a handler gave: its result as JSON, or why it did not succeed.
pub type Handled = Result<Bytes, TaskError>;

/// Something around every handler: it may look, measure, refuse, or change what comes back.
///
/// Closures are middleware. It runs within the attempt: its time counts, its panics are the attempt's.
///
/// # Examples
///
/// ```
/// use asyncmq::{Client, Context, Worker, worker::Next};
///
/// let worker = Worker::new(&Client::memory()).layer(|ctx: Context, next: Next| async move {
///     let start = std::time::Instant::now();
///     let handled = next.run().await;
///     println!("{} took {:?}", ctx.task(), start.elapsed());
///     handled
/// });
/// # let _ = worker;
/// ```
pub trait Middleware: Send + Sync + 'static {
    /// Runs the attempt, as a rule by calling [`Next::run`].
    fn call(&self, ctx: Context, next: Next) -> HandlerFuture;
}

impl<F, R> Middleware for F
where
    F: Fn(Context, Next) -> R + Send + Sync + 'static,
    R: Future<Output = Handled> + Send + 'static,
{
    fn call(&self, ctx: Context, next: Next) -> HandlerFuture {
        Box::pin(self(ctx, next))
    }
}

pub(crate) type Layers = Arc<[Arc<dyn Middleware>]>;

/// The rest of the way to the handler.
#[must_use = "without `next.run().await` the handler does not run"]
pub struct Next {
    layers: Layers,
    place: usize,
    task: &'static TaskDefinition,
    invocation: Invocation,
}

impl Next {
    pub(crate) const fn new(layers: Layers, task: &'static TaskDefinition, invocation: Invocation) -> Self {
        Self { layers, place: 0, task, invocation }
    }

    /// Goes on: through the layers inside this one, to the handler.
    pub fn run(mut self) -> HandlerFuture {
        match self.layers.get(self.place).cloned() {
            Some(layer) => {
                self.place += 1;
                let ctx = self.invocation.context.clone();
                layer.call(ctx, self)
            }
            None => call(self.invocation, self.task),
        }
    }
}

impl fmt::Debug for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Next").field("context", &self.invocation.context).finish_non_exhaustive()
    }
}
