//! Looks for jobs that are a worker's by the server's account and not by its own.
//!
//! A server that dies may forget what it had answered: with `appendfsync everysec` the last moments, with an unreplicated
//! failover what the replica had not heard. A job whose end is forgotten so would stay with its worker for ever, as
//! the worker goes on and its lease with it. Nothing is forgotten while the connection lasts, so there is no look without a
//! new one, and it comes late enough that every reply to a claim has been seen.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::codec::id_bytes;
use super::error::worded;
use super::inspect::queues;
use super::keys::Keys;
use super::link::Link;
use super::micros;
use super::reply::{bytes, next, number, opened, parts};
use super::script::{Call, STRAYS};
use crate::backend::{StoreError, Token};
use crate::job::{Envelope, WorkerId};

/// When to look.
#[derive(Debug, Default)]
pub(super) struct Strays {
    /// The connection that was used last.
    connection: Option<u64>,
    look_at: Option<Instant>,
}

impl Strays {
    /// Takes note of the connection that was used last. Tells whether it is time to look.
    pub(super) fn is_time(&mut self, connection: Option<u64>, lease: Duration) -> bool {
        if self.connection.is_some() && self.connection != connection {
            self.look_at = Some(Instant::now() + 2 * lease);
        }
        self.connection = connection;
        self.look_at.is_some_and(|time| time <= Instant::now())
    }

    /// Releases what the server has and the worker has not, and is done until the next connection.
    pub(super) async fn release(
        &mut self,
        ask: Ask<'_>,
        worker: WorkerId,
        held: &[(Arc<Envelope>, Token)],
        lease: Duration,
    ) -> Result<(), StoreError> {
        for queue in &queues(ask.link, ask.keys).await? {
            let (mut cursor, mut released) = (b"0".to_vec(), 0);
            loop {
                let bases = [ask.keys.shared(queue), ask.keys.queue(queue)];
                let dialect = ask.link.dialect().await.map_err(worded)?;
                let mut script = Call::new(&STRAYS, dialect, &bases);
                script.arg(ask.time);
                script.arg(worker.as_uuid().as_bytes()).number(micros(lease)).arg(&cursor);
                for (envelope, _) in held.iter().filter(|(envelope, _)| envelope.queue == *queue) {
                    script.arg(id_bytes(&envelope.id));
                }
                // What this leaves for other queues is carried by a duty.
                let (answer, _) = opened(script.send(ask.link).await.map_err(worded)?);
                let mut answer = parts(answer)?.into_iter();
                released += number(&next(&mut answer)?)?;
                cursor = bytes(next(&mut answer)?)?;
                if cursor == b"0" {
                    break;
                }
            }
            if released != 0 {
                tracing::warn!(
                    queue = queue.as_str(),
                    jobs = released,
                    "the server has forgotten how jobs of this worker ended, and they run again"
                );
            }
        }
        self.look_at = None;
        Ok(())
    }
}

/// What it takes to ask the server.
#[derive(Clone, Copy)]
pub(super) struct Ask<'a> {
    pub(super) link: &'a Link,
    pub(super) keys: &'a Keys,
    /// The time, empty for the server's own.
    pub(super) time: &'a str,
}
