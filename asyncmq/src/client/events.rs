//! Listening to what happens.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context as Poller, Poll};

use futures_core::Stream;
use futures_util::{FutureExt, StreamExt};
use tokio::sync::watch;

use crate::backend::{EventStream, Heard, Pause};
use crate::caught::caught;
use crate::client::Client;
use crate::error::{Error, Result};
use crate::event::{Event, EventFilter};

/// What happens from now on, in any process on the same store, as a stream.
///
/// The store keeps a bounded number of events for a listener; one that is slower loses the oldest of them,
/// and [`Events::missed`] counts those.
pub struct Events {
    stream: EventStream,
    missed: u64,
}

impl Events {
    /// Returns how many events were lost because the listener was too slow, or its connection was gone.
    #[must_use]
    pub const fn missed(&self) -> u64 {
        self.missed
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<Option<Event>> {
        loop {
            match std::task::ready!(self.stream.as_mut().poll_next(poller)) {
                Some(Heard::Event(event)) => return Poll::Ready(Some(*event)),
                Some(Heard::Missed(count)) => self.missed += count,
                None => return Poll::Ready(None),
            }
        }
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("missed", &self.missed).finish_non_exhaustive()
    }
}

/// A handler that listens until it is switched off; dropping this does not switch it off.
///
/// Await it to be sure that the store has taken the subscription in: what happens after that is heard.
#[derive(Debug, Clone)]
pub struct Subscription {
    off: watch::Sender<bool>,
    ready: watch::Receiver<bool>,
}

impl Subscription {
    /// Ends the listening: no handler begins once this has returned.
    pub fn off(&self) {
        self.off.send_replace(true);
    }
}

impl IntoFuture for Subscription {
    type Output = Result<Self>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<Self>> + Send>>;

    fn into_future(mut self) -> Self::IntoFuture {
        Box::pin(async move {
            let ready = self.ready.wait_for(|ready| *ready).await.is_ok();
            if ready {
                Ok(self)
            } else {
                Err(Error::Invalid("the listener ended before it could listen".into()))
            }
        })
    }
}

impl Client {
    /// Listens to everything.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] when the store cannot be asked.
    pub async fn events(&self) -> Result<Events> {
        self.events_where(EventFilter::all()).await
    }

    /// Listens to what the filter wants: a kind, several kinds, or an [`EventFilter`].
    ///
    /// # Errors
    ///
    /// [`Error::Store`] when the store cannot be asked.
    pub async fn events_where(&self, filter: impl Into<EventFilter>) -> Result<Events> {
        let subscribe = self.backend().subscribe(filter.into());
        let stream = self.handle.ask("listen", subscribe).await?;
        Ok(Events { stream, missed: 0 })
    }

    /// Calls `handler` for each event that the filter wants, one after the other, until [`Subscription::off`].
    ///
    /// A handler that panics is called for the next event all the same. It runs in a task of the runtime: one
    /// that takes long delays only itself.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn on(
        &self,
        filter: impl Into<EventFilter>,
        handler: impl Fn(Event) + Send + Sync + 'static,
    ) -> Subscription {
        let (off, mut is_off) = watch::channel(false);
        let (set_ready, ready) = watch::channel(false);
        let (client, filter, heard_off) = (self.clone(), filter.into(), is_off.clone());
        let mut listening = Box::pin(async move { client.listen(filter).await });
        // A store in this process answers at once: then nothing that happens from here on is missed.
        let first = (&mut listening).now_or_never();
        set_ready.send_replace(first.is_some());
        tokio::spawn(async move {
            let hear = async {
                let mut events = match first {
                    Some(events) => events,
                    None => listening.await,
                };
                set_ready.send_replace(true);
                while let Some(event) = events.next().await {
                    if *heard_off.borrow() {
                        return;
                    }
                    tell(&handler, event);
                }
            };
            let switched_off = async {
                if is_off.wait_for(|off| *off).await.is_err() {
                    // The subscription was dropped, which does not switch it off.
                    std::future::pending::<()>().await;
                }
            };
            tokio::select! {
                () = hear => {}
                () = switched_off => {}
            }
        });
        Subscription { off, ready }
    }

    async fn listen(&self, filter: EventFilter) -> Events {
        let mut pause = Pause::new();
        loop {
            match self.events_where(filter.clone()).await {
                Ok(events) => return events,
                Err(error) => tracing::warn!(%error, "cannot listen to events yet; trying again"),
            }
            pause.wait().await;
        }
    }
}

/// A listener that fails harms nobody.
fn tell(handler: &impl Fn(Event), event: Event) {
    let kind = event.kind();
    if let Err(panic) = caught(|| handler(event)) {
        tracing::error!(
            event = kind.name(),
            panic,
            "an event handler panicked; it goes on with the next event"
        );
    }
}
