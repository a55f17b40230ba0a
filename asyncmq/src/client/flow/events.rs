//! What happens in a flow, as it happens.

use std::collections::HashSet;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context as Poller, Poll};
use std::time::Duration;

use futures_core::Stream;
use futures_util::{StreamExt, stream};

use super::FlowHandle;
use crate::client::Events;
use crate::error::Result;
use crate::event::{Event, EventFilter};
use crate::job::JobId;

/// How often it is looked whether the flow has ended, should the event of that be lost.
const RECHECK: Duration = Duration::from_secs(5);

/// The events of the jobs of a flow, also of those that [`Flow::map`](crate::Flow::map) made; it ends with the flow.
pub struct FlowEvents {
    events: Pin<Box<dyn Stream<Item = Event> + Send>>,
    missed: Arc<AtomicU64>,
}

/// What is listened with.
struct Listening {
    flow: FlowHandle,
    events: Events,
    parts: HashSet<JobId>,
    missed: Arc<AtomicU64>,
    is_over: bool,
}

impl FlowHandle {
    /// Listens to what happens in the flow from now on, until it has ended.
    ///
    /// The last event is that of the flow's own job: `job:completed` if all of its jobs completed, `job:failed` if some did not. A listener
    /// that is too slow may lose it, and hears the end all the same.
    ///
    /// # Errors
    ///
    /// [`Error::Store`](crate::Error::Store) when the store cannot be asked.
    pub async fn events(&self) -> Result<FlowEvents> {
        let queues = self.queues().into_iter();
        let filter = queues.fold(EventFilter::all(), |filter, queue| filter.queue(&*queue));
        let events = self.client.events_where(filter).await?;
        // It may have ended before the store listened.
        let is_over = self.state().await?.is_over();
        let (flow, parts, missed) = (self.clone(), self.ids(), Arc::<AtomicU64>::default());
        let listening = Listening { flow, events, parts, missed: missed.clone(), is_over };
        Ok(FlowEvents { events: Box::pin(stream::unfold(listening, Listening::next)), missed })
    }
}

impl Listening {
    async fn next(mut self) -> Option<(Event, Self)> {
        while !self.is_over {
            let Ok(heard) = tokio::time::timeout(RECHECK, self.events.next()).await else {
                self.is_over = self.flow.state().await.is_ok_and(super::FlowState::is_over);
                continue;
            };
            let event = heard?;
            self.missed.store(self.events.missed(), Ordering::Relaxed);
            let Some(id) = event.job_id().filter(|id| self.is_of_it(id)) else { continue };
            self.is_over = *id == self.flow.head && event.kind().is_terminal();
            return Some((event, self));
        }
        None
    }

    fn is_of_it(&self, id: &JobId) -> bool {
        let maker = id.strip_suffix(']').and_then(|id| Some(id.rsplit_once('[')?.0));
        self.parts.contains(id) || maker.is_some_and(|maker| self.parts.contains(&JobId::from_stored(maker)))
    }
}

impl FlowEvents {
    /// Returns how many events of its queues were lost because the listener was too slow, or its connection was gone.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }
}

impl Stream for FlowEvents {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<Option<Event>> {
        self.events.as_mut().poll_next(poller)
    }
}

impl fmt::Debug for FlowEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FlowEvents").field("missed", &self.missed()).finish_non_exhaustive()
    }
}
