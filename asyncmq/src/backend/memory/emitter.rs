//! Tells listeners what happened, in the order in which it happened. Without listeners nothing is built.

use foldhash::{HashMap, HashMapExt};
use futures_util::StreamExt;
use futures_util::stream::unfold;
use std::sync::Weak;
use tokio::sync::{broadcast, mpsc};

use super::MemoryStore;
use crate::backend::{EventStream, Heard};
use crate::event::{Event, EventFilter};
use crate::job::{JobId, Name};

/// How many events are kept for a listener that is slow.
const KEPT_EVENTS: usize = 8_192;

type Subject = (Name, JobId);

/// The listeners.
#[derive(Debug)]
pub(super) struct Emitter {
    all: broadcast::Sender<Event>,
    /// Those that wait for one job, apart, so that a thousand waiting producers do not each read everything.
    of_jobs: HashMap<Subject, Vec<mpsc::UnboundedSender<Event>>>,
}

impl Default for Emitter {
    fn default() -> Self {
        Self { all: broadcast::Sender::new(KEPT_EVENTS), of_jobs: HashMap::new() }
    }
}

impl Emitter {
    /// Tells whether anybody listens.
    pub(super) fn is_heard(&self) -> bool {
        !self.of_jobs.is_empty() || self.all.receiver_count() != 0
    }

    pub(super) fn emit(&self, event: Event) {
        if !self.of_jobs.is_empty()
            && let (Some(queue), Some(id)) = (event.queue(), event.job_id())
            && let Some(listeners) = self.of_jobs.get(&(Name::from_stored(queue), id.clone()))
        {
            for listener in listeners {
                let _ = listener.send(event.clone());
            }
        }
        let _ = self.all.send(event);
    }

    /// Listens to everything and passes on what the filter wants.
    pub(super) fn listen(&self, filter: EventFilter) -> EventStream {
        let wanted = unfold(self.all.subscribe(), |mut events| async move {
            let heard = match events.recv().await {
                Ok(event) => Heard::Event(Box::new(event)),
                Err(broadcast::error::RecvError::Lagged(count)) => Heard::Missed(count),
                Err(broadcast::error::RecvError::Closed) => return None,
            };
            Some((heard, events))
        });
        let wanted = wanted.filter(move |heard| {
            let wants = match heard {
                Heard::Event(event) => filter.wants(event),
                Heard::Missed(_) => true,
            };
            std::future::ready(wants)
        });
        Box::pin(wanted)
    }

    /// Listens to one job.
    pub(super) fn listen_to(
        &mut self,
        subject: Subject,
        filter: EventFilter,
        store: Weak<MemoryStore>,
    ) -> EventStream {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.of_jobs.entry(subject.clone()).or_default().push(sender);
        let listening = Listening { receiver, subject, store };
        let wanted = unfold(listening, |mut listening| async move {
            let event = listening.receiver.recv().await?;
            Some((event, listening))
        });
        let wanted = wanted.filter(move |event| std::future::ready(filter.wants(event)));
        Box::pin(wanted.map(|event| Heard::Event(Box::new(event))))
    }

    /// Forgets the listeners of a job that have gone.
    fn tidy(&mut self, subject: &Subject) {
        if let Some(listeners) = self.of_jobs.get_mut(subject) {
            listeners.retain(|listener| !listener.is_closed());
            if listeners.is_empty() {
                self.of_jobs.remove(subject);
            }
        }
    }
}

struct Listening {
    receiver: mpsc::UnboundedReceiver<Event>,
    subject: Subject,
    store: Weak<MemoryStore>,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.receiver.close();
        if let Some(store) = self.store.upgrade() {
            store.state().emitter.tidy(&self.subject);
        }
    }
}
