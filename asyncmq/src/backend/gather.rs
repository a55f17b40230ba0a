//! Lets pushes that come at the same time travel together: while one call is in flight the next batch gathers.
//!
//! A lone push leaves at once, and nothing is spawned for it. One call of a sender is under way at a time, so the store
//! has few replies to remember.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::backend::{MAX_BATCH, Pushed, StoreError};
use crate::job::Envelope;

type Reply = Result<Vec<Pushed>, StoreError>;

/// Pushes of one sender.
#[derive(Debug, Default)]
pub(crate) struct Gather(Mutex<Gathered>);

#[derive(Debug, Default)]
struct Gathered {
    under_way: bool,
    waiting: VecDeque<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    jobs: Vec<Arc<Envelope>>,
    /// What they weigh together.
    weight: usize,
    reply: oneshot::Sender<Reply>,
}

impl Gather {
    fn gathered(&self) -> MutexGuard<'_, Gathered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Pushes jobs, which weigh so much and fit in one call, with whatever else is pushed in the meantime. `alone` sends
    /// them by themselves, `send` makes one call with any.
    ///
    /// Whoever comes while no call is under way makes one, and leaves those who came meanwhile to a task of their own.
    pub(crate) async fn push<A, S, F>(
        self: &Arc<Self>,
        (jobs, weight): (&[Arc<Envelope>], usize),
        alone: A,
        send: S,
    ) -> Reply
    where
        A: Future<Output = Reply>,
        S: Fn(Vec<Arc<Envelope>>) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Reply> + Send + 'static,
    {
        let reply = {
            let mut gathered = self.gathered();
            if gathered.under_way {
                let (reply, replied) = oneshot::channel();
                gathered.waiting.push_back(Waiting { jobs: jobs.to_vec(), weight, reply });
                Some(replied)
            } else {
                gathered.under_way = true;
                None
            }
        };
        match reply {
            Some(replied) => {
                replied.await.unwrap_or_else(|_| Err(StoreError::unanswered("the runtime is shutting down")))
            }
            None => {
                // Also when this future is dropped half-way: the others must not wait for ever.
                let _next = PassOn { gather: self, send: &send };
                alone.await
            }
        }
    }

    /// Takes what has gathered, as much as one call carries; ends the call under way if there is nothing.
    fn next_batch(&self) -> Vec<Waiting> {
        let mut gathered = self.gathered();
        let (mut batch, mut load) = (Vec::new(), 0);
        while let Some(next) = gathered.waiting.front()
            && (batch.is_empty() || load + next.weight <= MAX_BATCH)
        {
            load += next.weight;
            batch.extend(gathered.waiting.pop_front());
        }
        gathered.under_way = !batch.is_empty();
        batch
    }
}

struct PassOn<
    'a,
    S: Fn(Vec<Arc<Envelope>>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Reply> + Send + 'static,
> {
    gather: &'a Arc<Gather>,
    send: &'a S,
}

impl<
    S: Fn(Vec<Arc<Envelope>>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Reply> + Send + 'static,
> Drop for PassOn<'_, S, F>
{
    fn drop(&mut self) {
        let batch = self.gather.next_batch();
        if batch.is_empty() {
            return;
        }
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => {
                runtime.spawn(send_all(self.gather.clone(), self.send.clone(), batch));
            }
            // The runtime is gone, and with it those who wait.
            Err(_) => self.gather.gathered().under_way = false,
        }
    }
}

/// Sends one batch after the other until nothing has gathered.
async fn send_all<S, F>(gather: Arc<Gather>, send: S, mut batch: Vec<Waiting>)
where
    S: Fn(Vec<Arc<Envelope>>) -> F + Send + Sync,
    F: Future<Output = Reply> + Send + 'static,
{
    while !batch.is_empty() {
        send_batch(&send, batch).await;
        batch = gather.next_batch();
    }
}

async fn send_batch<S, F>(send: &S, batch: Vec<Waiting>)
where
    S: Fn(Vec<Arc<Envelope>>) -> F,
    F: Future<Output = Reply>,
{
    let jobs = batch.iter().flat_map(|waiting| waiting.jobs.iter().cloned()).collect();
    match send(jobs).await {
        Ok(mut replies) => {
            for waiting in batch.into_iter().rev() {
                let own = replies.split_off(replies.len().saturating_sub(waiting.jobs.len()));
                let _ = waiting.reply.send(Ok(own));
            }
        }
        // What one of them is refused for must not harm the others.
        Err(error) if !error.is_retryable() && 1 < batch.len() => {
            for waiting in batch {
                let _ = waiting.reply.send(send(waiting.jobs).await);
            }
        }
        Err(error) => {
            let error = Arc::new(error);
            for waiting in batch {
                let _ = waiting.reply.send(Err(StoreError::shared(&error)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::Semaphore;

    use super::*;
    use crate::job::{JobId, Name};

    fn job(id: &str) -> Vec<Arc<Envelope>> {
        let name = Name::from_static("x");
        vec![Arc::new(Envelope::new(JobId::from_stored(id), name.clone(), name, Default::default()))]
    }

    /// A store that answers when it is let, and notes the sizes of the calls.
    #[derive(Clone, Default)]
    struct Store(Arc<(Mutex<Vec<usize>>, Gate)>);

    struct Gate(Semaphore);

    impl Default for Gate {
        fn default() -> Self {
            Self(Semaphore::new(0))
        }
    }

    impl Store {
        fn send(
            &self,
        ) -> impl Fn(Vec<Arc<Envelope>>) -> futures::future::BoxFuture<'static, Reply> + Clone + 'static
        {
            let store = self.0.clone();
            move |jobs| {
                let store = store.clone();
                Box::pin(async move {
                    store.0.lock().unwrap().push(jobs.len());
                    store.1.0.acquire().await.unwrap().forget();
                    if jobs.iter().any(|job| job.id == "bad") {
                        return Err(StoreError::refused("bad"));
                    }
                    Ok(vec![Pushed::Added; jobs.len()])
                })
            }
        }

        fn sizes(&self) -> Vec<usize> {
            self.0.0.lock().unwrap().clone()
        }
    }

    async fn push<S, F>(gather: &Arc<Gather>, id: &str, send: S) -> Reply
    where
        S: Fn(Vec<Arc<Envelope>>) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Reply> + Send + 'static,
    {
        let jobs = job(id);
        gather.push((&jobs, jobs.len()), send(jobs.clone()), send).await
    }

    async fn settle() {
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn what_comes_while_a_call_is_in_flight_travels_together() {
        let (store, gather) = (Store::default(), Arc::new(Gather::default()));
        let pushes: Vec<_> = (0..10)
            .map(|number| {
                let (gather, send) = (gather.clone(), store.send());
                tokio::spawn(async move { push(&gather, &number.to_string(), send).await })
            })
            .collect();
        settle().await;
        store.0.1.0.add_permits(2);
        for push in pushes {
            assert_eq!(push.await.unwrap().unwrap(), [Pushed::Added]);
        }
        assert_eq!(store.sizes(), [1, 9]);
    }

    #[tokio::test]
    async fn a_push_that_is_dropped_leaves_the_others_their_turn() {
        let (store, gather) = (Store::default(), Arc::new(Gather::default()));
        let first = tokio::spawn({
            let (gather, send) = (gather.clone(), store.send());
            async move { push(&gather, "a", send).await }
        });
        settle().await;
        let second = tokio::spawn({
            let (gather, send) = (gather.clone(), store.send());
            async move { push(&gather, "b", send).await }
        });
        settle().await;
        first.abort();
        store.0.1.0.add_permits(1);
        assert!(second.await.unwrap().is_ok());
        store.0.1.0.add_permits(1);
        assert!(push(&gather, "c", store.send()).await.is_ok());
    }

    #[tokio::test]
    async fn one_that_is_refused_harms_no_other() {
        let (store, gather) = (Store::default(), Arc::new(Gather::default()));
        let push_soon = |id: &'static str| {
            let (gather, send) = (gather.clone(), store.send());
            tokio::spawn(async move { push(&gather, id, send).await })
        };
        let first = push_soon("a");
        settle().await;
        let (good, bad) = (push_soon("b"), push_soon("bad"));
        settle().await;
        store.0.1.0.add_permits(10);
        assert!(first.await.unwrap().is_ok());
        assert!(good.await.unwrap().is_ok());
        assert!(!bad.await.unwrap().unwrap_err().is_retryable());
    }
}
