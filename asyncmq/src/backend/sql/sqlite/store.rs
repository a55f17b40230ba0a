//! The hot path.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::SqliteStore;
use super::claim::Wanted;
use super::engine::Engine;
use super::inbox::Weight;
use super::watch::SqliteSignals;
use crate::backend::{
    CallId, Claim, Claimed, Extension, Fenced, Leases, Pushed, Report, Settlement, Signals, Store,
    StoreError, Token,
};
use crate::job::{Envelope, Name, WorkerId};

#[async_trait]
impl Store for SqliteStore {
    async fn push(&self, call: CallId, jobs: &[Arc<Envelope>]) -> Result<Vec<Pushed>, StoreError> {
        let (space, jobs) = (self.space, jobs.to_vec());
        self.engine.write(Weight::durable(jobs.len()), move |tx| tx.push(space, call, &jobs)).await
    }

    async fn claim(&self, claim: Claim<'_>) -> Result<Claimed, StoreError> {
        let (space, wanted) = (self.space, Wanted::from(claim));
        self.engine.write(Weight::fleeting(claim.limit), move |tx| tx.claim(space, &wanted)).await
    }

    async fn settle(&self, call: CallId, jobs: &[Settlement]) -> Result<Vec<Fenced>, StoreError> {
        let (space, jobs) = (self.space, jobs.to_vec());
        self.engine.write(Weight::durable(jobs.len()), move |tx| tx.settle(space, call, &jobs)).await
    }

    async fn report(&self, reports: &[(Arc<Envelope>, Token, Report)]) -> Result<Vec<Fenced>, StoreError> {
        let reports = reports.to_vec();
        self.engine
            .write(Weight::fleeting(reports.len()), move |tx| {
                reports.iter().map(|(_, token, report)| tx.report(*token, report)).collect()
            })
            .await
    }

    async fn leases(&self) -> Result<Box<dyn Leases>, StoreError> {
        Ok(Box::new(SqliteLeases { engine: self.engine.clone(), space: self.space }))
    }

    async fn signals(&self, worker: WorkerId, queues: &[Name]) -> Result<Box<dyn Signals>, StoreError> {
        self.engine.listen()?;
        let (space, names) = (self.space, queues.to_vec());
        let queues = self.engine.write(Weight::fleeting(1), move |tx| {
            names.iter().map(|name| tx.queue(space, name)).collect::<Result<Vec<i64>, _>>()
        });
        let watcher = self.engine.process.watchers.add(worker, queues.await?);
        Ok(Box::new(SqliteSignals { watcher, _store: self.engine.clone() }))
    }
}

struct SqliteLeases {
    engine: Arc<Engine>,
    space: i64,
}

#[async_trait]
impl Leases for SqliteLeases {
    async fn extend(
        &mut self,
        worker: WorkerId,
        held: &[(Arc<Envelope>, Token)],
        lease: Duration,
    ) -> Result<Extension, StoreError> {
        let (space, held) = (self.space, held.iter().map(|(_, token)| *token).collect::<Vec<_>>());
        let work = move |tx: &mut super::tx::Tx<'_>| tx.extend(space, worker, &held, tx.now.after(lease));
        self.engine.write(Weight::urgent(1), work).await
    }
}
