//! Tells listeners in this process what happened in any. While nobody listens, scripts build nothing.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use foldhash::{HashMap, HashMapExt};
use futures_util::StreamExt;
use futures_util::stream::unfold;
use tokio::sync::{broadcast, mpsc};

use super::RedisStore;
use super::codec::{id_bytes, read_events};
use super::ear::{Hearer, Sound};
use super::error::worded;
use super::keys::Keys;
use super::script::{EARS, LISTEN};
use crate::backend::{EventStream, Heard, Inspect, StoreError};
use crate::event::{Event, EventFilter};
use crate::job::{JobId, Name, WorkerId};

/// How many events are kept for a listener that is slow.
const KEPT_EVENTS: usize = 8_192;
/// How often scripts are told that somebody listens; they believe it for three times as long.
const TELL_EVERY: Duration = Duration::from_secs(10);

type Subject = (Name, JobId);

/// The listeners of this process.
pub(super) struct Listeners {
    keys: Keys,
    all: broadcast::Sender<Heard>,
    of_jobs: Mutex<HashMap<Subject, Vec<mpsc::UnboundedSender<Heard>>>>,
    /// Who this process is to the scripts.
    process: WorkerId,
    /// Held by whoever says that a job is waited for, and alone by whoever says that it no longer is.
    saying: tokio::sync::RwLock<()>,
    telling: Mutex<bool>,
}

impl Listeners {
    pub(super) fn new(keys: Keys) -> Self {
        Self {
            keys,
            all: broadcast::Sender::new(KEPT_EVENTS),
            of_jobs: Mutex::new(HashMap::new()),
            process: WorkerId::generate(),
            saying: tokio::sync::RwLock::default(),
            telling: Mutex::default(),
        }
    }

    fn of_jobs(&self) -> std::sync::MutexGuard<'_, HashMap<Subject, Vec<mpsc::UnboundedSender<Heard>>>> {
        self.of_jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell_one(&self, event: Event) {
        let (Some(queue), Some(id)) = (event.queue(), event.job_id()) else { return };
        if let Some(listeners) = self.of_jobs().get(&(Name::from_stored(queue), id.clone())) {
            for listener in listeners {
                let _ = listener.send(Heard::Event(Box::new(event.clone())));
            }
        }
    }

    fn tell_gap(&self, is_public: bool) {
        if is_public {
            let _ = self.all.send(Heard::Missed(1));
            return;
        }
        for listener in self.of_jobs().values().flatten() {
            let _ = listener.send(Heard::Missed(1));
        }
    }

    /// Forgets the listeners of a job that have gone; tells whether there are no others.
    fn tidy(&self, subject: &Subject) -> bool {
        let mut of_jobs = self.of_jobs();
        let Some(listeners) = of_jobs.get_mut(subject) else { return true };
        listeners.retain(|listener| !listener.is_closed());
        if listeners.is_empty() {
            of_jobs.remove(subject);
            return true;
        }
        false
    }
}

impl Hearer for Listeners {
    fn hear(&self, channel: &[u8], sound: Sound<'_>) {
        let is_public = channel.ends_with(b":ev");
        let Sound::Message(message) = sound else { return self.tell_gap(is_public) };
        match read_events(message, |base| self.keys.queue_of(base)) {
            Ok(events) if is_public => {
                for event in events {
                    let _ = self.all.send(Heard::Event(Box::new(event)));
                }
            }
            Ok(events) => events.into_iter().for_each(|event| self.tell_one(event)),
            Err(error) => {
                tracing::warn!(%error, "events cannot be read: is another version of asyncmq at work?");
                self.tell_gap(is_public);
            }
        }
    }
}

impl RedisStore {
    /// Listens to everything, and passes on what the filter wants.
    pub(super) async fn listen_to_all(&self, filter: EventFilter) -> Result<EventStream, StoreError> {
        let events = self.listeners.all.subscribe();
        let hearer: Arc<dyn Hearer> = self.listeners.clone();
        self.hear_all(&hearer).await?;
        self.keep_telling();
        let wanted = unfold(events, |mut events| async move {
            let heard = match events.recv().await {
                Ok(heard) => heard,
                Err(broadcast::error::RecvError::Lagged(count)) => Heard::Missed(count),
                Err(broadcast::error::RecvError::Closed) => return None,
            };
            Some((heard, events))
        });
        Ok(Box::pin(wanted.filter(move |heard| std::future::ready(wants(&filter, heard)))))
    }

    /// Listens to the public channel, and tells scripts so; in a cluster those of each queue.
    async fn hear_all(&self, hearer: &Arc<dyn Hearer>) -> Result<(), StoreError> {
        let channel = format!("{}:ev", self.link.settings().prefix).into_bytes();
        self.ear.join(&[channel], hearer).await.map_err(worded)?;
        let queues = if self.keys.is_cluster() { self.queues().await? } else { Vec::new() };
        for shared in std::iter::once(&[] as &[Name]).chain(queues.chunks(1)) {
            let call = self.call(&EARS, shared).await.map_err(worded)?;
            call.send(&self.link).await.map_err(worded)?;
        }
        Ok(())
    }

    /// Goes on telling it while there are listeners.
    fn keep_telling(&self) {
        let mut telling = self.listeners.telling.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::replace(&mut *telling, true) {
            return;
        }
        let telling = Telling(self.this.clone());
        let every = if self.keys.is_cluster() { TELL_EVERY / 10 } else { TELL_EVERY };
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(every).await;
                let Some(store) = telling.0.upgrade() else { return };
                if store.listeners.all.receiver_count() == 0 {
                    return;
                }
                // The next time comes soon enough.
                let hearer: Arc<dyn Hearer> = store.listeners.clone();
                let _ = store.hear_all(&hearer).await;
            }
        });
    }

    /// Listens to one job.
    pub(super) async fn listen_to_one(
        &self,
        subject: Subject,
        filter: EventFilter,
    ) -> Result<EventStream, StoreError> {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.listeners.of_jobs().entry(subject.clone()).or_default().push(sender);
        let listening = Listening { receiver, subject: subject.clone(), store: self.this.clone() };
        let mut channel = format!("{}ev", self.keys.shared(&subject.0)).into_bytes();
        channel.extend(self.listeners.process.as_uuid().as_bytes());
        let hearer: Arc<dyn Hearer> = self.listeners.clone();
        self.ear.join(&[channel], &hearer).await.map_err(worded)?;
        let saying = self.listeners.saying.read().await;
        self.say(&subject, "1").await?;
        drop(saying);
        let wanted = unfold(listening, |mut listening| async move {
            let heard = listening.receiver.recv().await?;
            Some((heard, listening))
        });
        Ok(Box::pin(wanted.filter(move |heard| std::future::ready(wants(&filter, heard)))))
    }

    /// Says that this process waits for a job, or that it no longer does.
    async fn say(&self, (queue, id): &Subject, what: &str) -> Result<(), StoreError> {
        let mut call = self.call(&LISTEN, std::slice::from_ref(queue)).await.map_err(worded)?;
        call.arg(id_bytes(id)).arg(self.listeners.process.as_uuid().as_bytes()).arg(what);
        call.send(&self.link).await.map_err(worded)?;
        Ok(())
    }
}

fn wants(filter: &EventFilter, heard: &Heard) -> bool {
    match heard {
        Heard::Event(event) => filter.wants(event),
        Heard::Missed(_) => true,
    }
}

/// The task that tells scripts that somebody listens; should its runtime go, the next listener starts another.
struct Telling(Weak<RedisStore>);

impl Drop for Telling {
    fn drop(&mut self) {
        if let Some(store) = self.0.upgrade() {
            *store.listeners.telling.lock().unwrap_or_else(PoisonError::into_inner) = false;
        }
    }
}

struct Listening {
    receiver: mpsc::UnboundedReceiver<Heard>,
    subject: Subject,
    store: Weak<RedisStore>,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.receiver.close();
        let Some(store) = self.store.upgrade() else { return };
        let last_was_heard = !store.listeners.tidy(&self.subject);
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if last_was_heard {
            return;
        }
        let subject = self.subject.clone();
        runtime.spawn(async move {
            let _alone = store.listeners.saying.write().await;
            if store.listeners.tidy(&subject) {
                let _ = store.say(&subject, "0").await;
            }
        });
    }
}
