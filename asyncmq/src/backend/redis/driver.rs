//! What moves a connection's bytes: a task, and whoever sends a command lends it a hand.
//!
//! Handed to a task on another thread, a lone command costs a wake-up of that thread, which is more than what the server takes for it. So
//! whoever sends one has it written at once, on his own thread. The task reads the answers, and does all that is left over: no
//! command ever waits for somebody who sent another one and is not polled any more.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::task::AtomicWaker;
use tokio::task::AbortHandle;

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The work of a connection, for as long as it is used.
pub(super) struct Driver {
    shared: Arc<Shared>,
    task: AbortHandle,
}

struct Shared {
    /// Nothing once it is done.
    work: Mutex<Option<Work>>,
    bell: Arc<Bell>,
    waker: Waker,
}

/// Rings when there is work to be done. The task hears it, unless somebody is at it anyway.
#[derive(Default)]
struct Bell {
    helpers: AtomicUsize,
    rang: AtomicBool,
    task: AtomicWaker,
}

impl Bell {
    fn pass_on(&self) {
        if self.rang.swap(false, Ordering::SeqCst) {
            self.task.wake();
        }
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rang.store(true, Ordering::SeqCst);
        // A helper that leaves meanwhile hears it: he looks once he is none any more.
        if self.helpers.load(Ordering::SeqCst) == 0 {
            self.pass_on();
        }
    }
}

/// Somebody who will do what there is to be done.
struct Helper<'a>(&'a Bell);

impl<'a> Helper<'a> {
    fn of(bell: &'a Bell) -> Self {
        bell.helpers.fetch_add(1, Ordering::SeqCst);
        Self(bell)
    }
}

impl Drop for Helper<'_> {
    fn drop(&mut self) {
        if self.0.helpers.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.pass_on();
        }
    }
}

impl Shared {
    fn work(&self) -> MutexGuard<'_, Option<Work>> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does what there is to be done now. Tells whether that was the last.
    fn advance(&self, work: &mut Option<Work>) -> bool {
        let Some(left) = work else { return true };
        // What rings from here on is either met on the way, or rings for somebody.
        self.bell.rang.store(false, Ordering::SeqCst);
        let is_done = left.as_mut().poll(&mut Context::from_waker(&self.waker)).is_ready();
        if is_done {
            *work = None;
        }
        is_done
    }

    /// Does what there is to be done now, unless somebody else is at it: then the task looks after him.
    fn help(&self) {
        let mut work = match self.work.try_lock() {
            Ok(work) => work,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        if self.advance(&mut work) {
            self.bell.task.wake();
        }
    }
}

/// The task. Without it nobody would read, so the work ends with it, also if that is because the runtime does.
struct Task(Arc<Shared>);

impl Task {
    fn poll(&self, context: &Context<'_>) -> Poll<()> {
        self.0.bell.task.register(context.waker());
        if self.0.advance(&mut self.0.work()) { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        let work = self.0.work().take();
        drop(work);
    }
}

impl Driver {
    /// Starts to do the work in the runtime of the caller.
    pub(super) fn start(work: impl Future<Output = ()> + Send + 'static) -> Self {
        let bell: Arc<Bell> = Arc::default();
        let waker = bell.clone().into();
        let shared = Arc::new(Shared { work: Mutex::new(Some(Box::pin(work))), bell, waker });
        let task = Task(shared.clone());
        let task = tokio::spawn(async move { poll_fn(|context| task.poll(context)).await });
        Self { shared, task: task.abort_handle() }
    }

    /// Makes a call that hands the work something to do, and lends it a hand with that.
    pub(super) async fn with<T>(&self, call: impl Future<Output = T>) -> T {
        let mut call = pin!(call);
        let begun = poll_fn(|context| {
            let _helper = Helper::of(&self.shared.bell);
            let begun = call.as_mut().poll(context);
            self.shared.help();
            Poll::Ready(begun)
        });
        match begun.await {
            Poll::Ready(answer) => answer,
            Poll::Pending => call.await,
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt;
    use tokio::sync::{mpsc, oneshot};

    use super::*;

    type Question = (u32, oneshot::Sender<u32>);

    #[derive(Clone)]
    struct Asker(mpsc::UnboundedSender<Question>);

    impl Asker {
        async fn ask(&self, number: u32) -> Option<u32> {
            let (reply, replied) = oneshot::channel();
            self.0.send((number, reply)).ok()?;
            replied.await.ok()
        }
    }

    /// Work that answers questions, and somebody who asks them.
    fn work() -> (impl Future<Output = ()>, Asker) {
        let (ask, mut asked) = mpsc::unbounded_channel::<Question>();
        let work = async move {
            while let Some((number, reply)) = asked.recv().await {
                let _ = reply.send(number + 1);
            }
        };
        (work, Asker(ask))
    }

    #[tokio::test]
    async fn whoever_asks_has_it_done_at_once() {
        let (work, asker) = work();
        let driver = Driver::start(work);
        for number in 0..500 {
            let mut asking = pin!(driver.with(asker.ask(number)));
            // The runtime has but this thread: no task has run between these two looks.
            let first = asking.as_mut().now_or_never();
            let second = if first.is_some() { first } else { asking.now_or_never() };
            assert_eq!(second, Some(Some(number + 1)));
            if number % 50 == 0 {
                // Whoever does too much without a break is held up by tokio.
                tokio::task::yield_now().await;
            }
        }
    }

    #[tokio::test]
    async fn what_comes_while_somebody_else_is_at_it_is_done_by_the_task() {
        let (work, asker) = work();
        let driver = Driver::start(work);
        // The task has looked before, and waits to be called.
        tokio::task::yield_now().await;
        assert_eq!(driver.with(asker.ask(0)).await, Some(1));
        let mut asking = pin!(driver.with(asker.ask(1)));
        let other = driver.shared.work();
        assert_eq!(asking.as_mut().now_or_never(), None);
        drop(other);
        let answer = tokio::time::timeout(Duration::from_secs(10), asking).await;
        assert_eq!(answer.expect("somebody does it"), Some(2));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn nothing_is_lost_among_many_that_ask() {
        let (work, asker) = work();
        let driver = Arc::new(Driver::start(work));
        let askers: Vec<_> = (0..8)
            .map(|first| {
                let (driver, asker) = (driver.clone(), asker.clone());
                tokio::spawn(async move {
                    for number in (first..40_000).step_by(8) {
                        assert_eq!(driver.with(asker.ask(number)).await, Some(number + 1));
                    }
                })
            })
            .collect();
        for asker in askers {
            asker.await.unwrap();
        }
    }

    #[test]
    fn the_work_ends_with_the_runtime() {
        let (work, asker) = work();
        let of = || tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (first, second) = (of(), of());
        let driver = first.block_on(async { Driver::start(work) });
        assert_eq!(first.block_on(driver.with(asker.ask(1))), Some(2));
        drop(first);
        assert_eq!(second.block_on(driver.with(asker.ask(1))), None);
    }

    #[tokio::test]
    async fn work_that_nobody_needs_any_more_ends() {
        let (over, mut is_over) = oneshot::channel::<()>();
        drop(Driver::start(async move {
            let _over = over;
            std::future::pending::<()>().await;
        }));
        assert!((&mut is_over).await.is_err());
    }
}
