//! Keeps a worker's lease over a connection of its own, opened in the runtime of the thread that keeps it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::codec::{claim_of, id_bytes};
use super::error::worded;
use super::keys::Keys;
use super::link::Link;
use super::reply::{bytes, strange};
use super::script::{Call, EXTEND};
use super::strays::{Ask, Strays};
use super::{RedisStore, micros};
use crate::backend::{Extension, Leases, MAX_BATCH, StoreError, Token};
use crate::clock::Clock;
use crate::job::{Envelope, Name, WorkerId};
use crate::seeded::{Bug, is_seeded};

pub(super) struct RedisLeases {
    link: Link,
    keys: Keys,
    clock: Option<Clock>,
    strays: Strays,
}

impl RedisLeases {
    pub(super) fn new(store: &RedisStore) -> Self {
        let link = Link::new(store.link.settings().clone());
        Self { link, keys: store.keys.clone(), clock: store.clock.clone(), strays: Strays::default() }
    }

    /// Returns the time that scripts are told; empty for the server's own.
    fn time(&self) -> String {
        if is_seeded(Bug::ClientClock) {
            return Clock::system().now().as_micros().to_string();
        }
        self.clock.as_ref().map(|clock| clock.now().as_micros().to_string()).unwrap_or_default()
    }

    /// Extends the lease and checks all that is held.
    async fn extend_all(
        &self,
        worker: WorkerId,
        held: &[(Arc<Envelope>, Token)],
        lease: Duration,
    ) -> Result<Extension, StoreError> {
        let mut extension = Extension::default();
        if !self.keys.is_cluster() {
            let all: Vec<_> = held.iter().collect();
            let mut chunks = all.chunks(MAX_BATCH);
            self.extend_together(worker, chunks.next().unwrap_or_default(), lease, &mut extension).await?;
            for chunk in chunks {
                self.extend_together(worker, chunk, lease, &mut extension).await?;
            }
            return Ok(extension);
        }
        let mut held: Vec<_> = held.iter().collect();
        held.sort_by_key(|(envelope, _)| &envelope.queue);
        for of_queue in held.chunk_by(|(one, _), (other, _)| one.queue == other.queue) {
            for chunk in of_queue.chunks(MAX_BATCH) {
                self.extend_together(worker, chunk, lease, &mut extension).await?;
            }
        }
        Ok(extension)
    }

    /// Extends the lease and checks claims of queues that share a slot.
    async fn extend_together(
        &self,
        worker: WorkerId,
        held: &[&(Arc<Envelope>, Token)],
        lease: Duration,
        extension: &mut Extension,
    ) -> Result<(), StoreError> {
        let mut held: Vec<_> =
            held.iter().map(|(envelope, token)| (&envelope.queue, envelope, token)).collect();
        held.sort_by_key(|(queue, ..)| *queue);
        let mut queues: Vec<&Name> = held.iter().map(|(queue, ..)| *queue).collect();
        queues.dedup();
        let mut bases =
            vec![queues.first().map_or_else(|| self.keys.common(), |queue| self.keys.shared(queue))];
        bases.extend(queues.iter().map(|queue| self.keys.queue(queue)));
        let time = self.time();
        let dialect = self.link.dialect().await.map_err(worded)?;
        let mut script = Call::new(&EXTEND, dialect, &bases);
        script.arg(&time);
        script.arg(worker.as_uuid().as_bytes()).number(micros(lease));
        for (queue, envelope, token) in &held {
            let place = queues.iter().position(|known| known == queue).unwrap_or_default();
            let id = id_bytes(&envelope.id);
            script.number(place + 2).arg(&id).arg(claim_of(**token, &id));
        }
        let letters = bytes(script.send(&self.link).await.map_err(worded)?)?;
        if letters.len() != held.len() {
            return Err(strange());
        }
        for ((_, _, token), letter) in held.iter().zip(letters) {
            match letter {
                b'L' => extension.lost.push(**token),
                b'C' => extension.cancelled.push(**token),
                _ => {}
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Leases for RedisLeases {
    async fn extend(
        &mut self,
        worker: WorkerId,
        held: &[(Arc<Envelope>, Token)],
        lease: Duration,
    ) -> Result<Extension, StoreError> {
        let extension = self.extend_all(worker, held, lease).await?;
        if self.strays.is_time(self.link.connection(), lease) {
            let time = self.time();
            let ask = Ask { link: &self.link, keys: &self.keys, time: &time };
            if let Err(error) = self.strays.release(ask, worker, held, lease).await {
                tracing::warn!(%error, "whether the server has forgotten how jobs ended could not be found out yet");
            }
        }
        Ok(extension)
    }
}
