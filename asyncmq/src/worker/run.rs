//! The whole `main` of a worker: serves until a signal, then drains.

use std::time::Duration;

use crate::client::Queue;
use crate::error::{Error, Result};
use crate::settings::{Asked, Settings};
use crate::worker::builder::Worker;
use crate::worker::handle::{StopReport, WorkerHandle};
use crate::worker::signals::Signals;

/// How long a program has to end by itself after its worker, when a handler still blocks a thread.
const END_WITHIN: Duration = Duration::from_secs(1);

/// Runs a worker as the whole `main` of a binary: reads flags, environment and file, connects, serves every task that is
/// linked, and stops in order on SIGTERM or SIGINT; a second signal hurries.
///
/// The process ends here if the flags ask only for text (`--help`, `--list-tasks`, `--print-config`).
///
/// # Errors
///
/// What [`Worker::from_args`] and [`Worker::run`] say.
pub async fn run() -> Result<()> {
    Worker::from_args().await?.serve_to_the_end().await
}

/// Begins the work of a sandbox's child, if this process is one.
pub(crate) fn begin() {
    #[cfg(all(feature = "sandbox", unix))]
    crate::worker::sandbox::init();
}

impl Worker {
    /// Begins to describe a worker as flags, environment (`ASYNCMQ_…`) and `asyncmq.toml` say, with the client of the URL in
    /// them as the process's default. Sets the log up, unless the program has set up one of its own.
    ///
    /// The process ends here if the flags ask only for text (`--help`, `--list-tasks`, `--print-config`), or are wrong.
    ///
    /// # Errors
    ///
    /// What [`Client::connect`](crate::Client::connect) says, and [`Error::Invalid`] for settings that cannot be.
    pub async fn from_args() -> Result<Self> {
        begin();
        Self::of_settings(Settings::from_process()?).await
    }

    /// The same, with flags that were read already.
    #[cfg(feature = "cli")]
    pub(crate) async fn from_matches(matches: &clap::ArgMatches) -> Result<Self> {
        Self::of_settings(Settings::from_matches(matches)?).await
    }

    async fn of_settings(asked: Asked) -> Result<Self> {
        let settings = match asked {
            Asked::ToRun(settings) => *settings,
            Asked::ForText(text) => {
                print!("{text}");
                std::process::exit(0);
            }
        };
        settings.start_log();
        let client = settings.connect().await?;
        crate::client::init(client.clone());
        Ok(Self::with_settings(&client, settings))
    }

    /// Serves until SIGTERM or SIGINT, then stops in order; a second signal skips the wait.
    ///
    /// If a handler then still blocks a thread, which the end of a runtime would wait for, the process ends a second later.
    ///
    /// # Errors
    ///
    /// What [`Worker::start`] says, and that of an `on_stop` hook.
    pub async fn run(self) -> Result<()> {
        let report = self.serve().await?;
        if report.blocked {
            tracing::warn!(within = ?END_WITHIN, "a handler still blocks its thread; the process ends without it");
            std::thread::spawn(|| {
                std::thread::sleep(END_WITHIN);
                std::process::exit(0);
            });
        }
        Ok(())
    }

    /// Serves until SIGTERM or SIGINT, in a process that has nothing else to do.
    pub(crate) async fn serve_to_the_end(self) -> Result<()> {
        let report = self.serve().await?;
        if report.blocked {
            // Nothing stops a thread but the end of its process, and the runtime would wait for it.
            tracing::warn!("a handler still blocks its thread; the process ends without it");
            std::process::exit(0);
        }
        Ok(())
    }

    /// Serves until `until` is ready, then stops in order. Installs no signal handlers.
    ///
    /// # Errors
    ///
    /// What [`Worker::start`] says, and that of an `on_stop` hook.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is ready, the worker stops in order all the same, in the background.
    pub async fn run_until(self, until: impl Future<Output = ()>) -> Result<StopReport> {
        let serving = Serving(Some(self.start().await?));
        until.await;
        serving.into_handle().stop().await
    }

    /// Serves until nothing waits in its queues and nothing runs, then stops. Jobs that are not yet due are not waited for.
    ///
    /// # Errors
    ///
    /// What [`Worker::start`] says, and that of an `on_stop` hook.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is ready, the worker stops in order all the same, in the background.
    pub async fn run_until_idle(self) -> Result<StopReport> {
        let serving = Serving(Some(self.start().await?));
        serving.idle().await;
        serving.into_handle().stop().await
    }

    async fn serve(self) -> Result<StopReport> {
        let (drain, burst) = (self.settings.drain_timeout, self.settings.burst);
        let mut signals = Signals::install(drain)?;
        let volatile = self.client.backend().is_volatile().then(|| self.client.clone());
        let serving = self.start().await?;
        signals.watch_over(serving.shared.clone());
        let serving = Serving(Some(serving));
        let why = tokio::select! {
            why = signals.next() => why,
            () = serving.idle(), if burst => "nothing waits and nothing runs",
        };
        let handle = serving.into_handle();
        tracing::info!(why, running = handle.status().running, ?drain, "the worker stops");
        let report = stop(handle, drain, signals).await?;
        if let Some(client) = volatile {
            tell_unfinished(&client).await;
        }
        tracing::info!(given_back = report.given_back.len(), "the worker has stopped");
        Ok(report)
    }
}

/// A worker that stops when the future that serves it is dropped.
struct Serving(Option<WorkerHandle>);

impl Serving {
    async fn idle(&self) {
        if let Some(handle) = &self.0 {
            handle.idle().await;
        }
    }

    fn into_handle(mut self) -> WorkerHandle {
        self.0.take().expect("it is taken only here and when it is dropped")
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        if let Some(handle) = self.0.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(handle.stop());
        }
    }
}

async fn stop(handle: WorkerHandle, drain: Duration, mut signals: Signals) -> Result<StopReport> {
    let hurry = async move {
        let why = signals.next().await;
        tracing::warn!(why, "the worker does not wait any longer");
    };
    handle.stop_within(drain, hurry).await
}

/// Says what ends with this process, as its jobs are kept nowhere else.
async fn tell_unfinished(client: &crate::Client) {
    let Ok(queues) = client.queues().await else { return };
    for queue in queues {
        if let Ok(counts) = client.queue(queue.as_str()).counts().await
            && counts.unfinished() != 0
        {
            tracing::warn!(
                queue = queue.as_str(),
                jobs = counts.unfinished(),
                "unfinished jobs end with this process, as they are kept in its memory: set ASYNCMQ_URL to keep them"
            );
        }
    }
}

impl Queue {
    /// Serves this queue as its builder says, until this future is dropped. Installs no signal handlers.
    ///
    /// # Errors
    ///
    /// What [`Worker::start`] says.
    pub async fn run(&self) -> Result<()> {
        Worker::for_queue(self).run_until(std::future::pending()).await.map(|_| ())
    }

    /// Serves this queue from a thread without a runtime until SIGTERM or SIGINT.
    ///
    /// # Errors
    ///
    /// What [`Worker::run`] says.
    ///
    /// # Panics
    ///
    /// Inside of a tokio runtime.
    pub fn run_blocking(&self) -> Result<()> {
        let runtime = tokio::runtime::Runtime::new()
            .map_err(|error| Error::Startup(format!("cannot start a runtime: {error}")))?;
        let report = runtime.block_on(Worker::for_queue(self).serve())?;
        if report.blocked {
            runtime.shutdown_background();
        }
        Ok(())
    }
}
