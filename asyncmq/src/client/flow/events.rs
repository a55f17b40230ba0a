//! What happens in a flow, as it happens.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Poller, Poll};

use futures_core::Stream;

use super::FlowHandle;
use crate::client::Events;
use crate::error::Result;
use crate::event::{Event, EventFilter};
use crate::job::JobId;

/// The events of the jobs of a flow, also of those that [`Flow::map`](crate::Flow::map) made; it ends with the flow.
pub struct FlowEvents {
    events: Events,
    begins_with: Arc<str>,
    head: JobId,
    is_over: bool,
}

impl FlowHandle {
    /// Listens to what happens in the flow from now on, until it has ended.
    ///
    /// The last event is that of the flow's own job: `job:completed` if all of its jobs completed, `job:failed` if some did not.
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
        let begins_with = format!("{}.", self.id()).into();
        Ok(FlowEvents { events, begins_with, head: self.head.clone(), is_over })
    }
}

impl Stream for FlowEvents {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<Option<Event>> {
        while !self.is_over {
            let Some(event) = std::task::ready!(Pin::new(&mut self.events).poll_next(poller)) else { break };
            let Some(id) = event.job_id().filter(|id| id.starts_with(&*self.begins_with)) else { continue };
            self.is_over = *id == self.head && event.kind().is_terminal();
            return Poll::Ready(Some(event));
        }
        Poll::Ready(None)
    }
}

impl fmt::Debug for FlowEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FlowEvents").field("is_over", &self.is_over).finish_non_exhaustive()
    }
}
