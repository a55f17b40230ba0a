//! What all statements have in common, and what a claim costs.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rusqlite::Connection;

use super::super::statements::ALL;
use super::inbox::Weight;
use super::migrate::migrate;
use super::{SqliteOptions, SqliteStore};
use crate::backend::{CallId, Claim, RECALLED_CALLS, Store, TaskSet};
use crate::clock::Clock;
use crate::job::{Envelope, JobId, Name, WorkerId};

fn schema() -> Connection {
    let mut conn = Connection::open_in_memory().unwrap();
    migrate(&mut conn).unwrap();
    conn
}

#[test]
fn parameters_are_numbered_as_they_first_appear() {
    let conn = schema();
    for (name, statement) in ALL {
        let prepared = conn.prepare(statement).unwrap_or_else(|error| panic!("{name}: {error}"));
        for place in 1..=prepared.parameter_count() {
            assert_eq!(prepared.parameter_name(place), Some(format!("${place}").as_str()), "{name}");
        }
    }
}

/// Lists of jobs that people ask for, and that go by an index of running jobs only.
const SCANS: [&str; 2] = ["list_active", "scan_active"];

#[test]
fn no_statement_searches_all_jobs() {
    let conn = schema();
    for (name, statement) in ALL.iter().filter(|(name, _)| !SCANS.contains(name)) {
        let mut explain = conn.prepare(&format!("EXPLAIN QUERY PLAN {statement}")).unwrap();
        let nulls = vec![rusqlite::types::Null; explain.parameter_count()];
        let steps = explain.query_map(rusqlite::params_from_iter(nulls), |row| row.get::<_, String>(3));
        for step in steps.unwrap() {
            let step = step.unwrap();
            assert!(!step.starts_with("SCAN jobs") && step != "SCAN j", "{name}: {step}");
            assert!(!step.contains("TEMP B-TREE") || !statement.contains("FROM jobs"), "{name}: {step}");
        }
    }
}

/// Adds jobs that a claim must not meet: a half that has completed, a half that is delayed for a day.
const CROWD: &str = "
    WITH RECURSIVE n (n) AS (SELECT 1000000 UNION ALL SELECT n + 1 FROM n WHERE n < 1000000 + 39999)
    INSERT INTO jobs (job, queue, id, lane, state, priority, seq, attempt, crashes, max_attempts, created_at, run_at,
                      finished_at, args)
    SELECT n, queue, CAST(n AS BLOB), lane, iif(n % 2, 'completed', 'delayed'), 128, n, n % 2, 0, 3, now, now + 86400000000,
           iif(n % 2, now, NULL), x'7b7d'
    FROM n, store, (SELECT queue, lane FROM lanes LIMIT 1)";

/// Pushes and claims a hundred jobs. Returns how many steps SQLite's machine took for the claim.
async fn steps_of_a_claim(store: &SqliteStore, worker: WorkerId, sequence: u64) -> i32 {
    let (queue, task) = (Name::from_static("q"), Name::from_static("t"));
    let job = || Envelope::new(JobId::generate(), queue.clone(), task.clone(), Bytes::from_static(b"{}"));
    let jobs: Vec<Arc<Envelope>> = (0..100).map(|_| Arc::new(job())).collect();
    let (call, tasks) = (CallId { sender: worker, sequence }, TaskSet::from_iter([(task, 1)]));
    store.push(call, &jobs).await.unwrap();
    reset(store).await;
    let queues = [queue];
    let lease = Duration::from_secs(30);
    let claimed =
        store.claim(Claim { call, queues: &queues, tasks: &tasks, limit: 100, lease }).await.unwrap();
    assert_eq!(claimed.jobs.len(), 100);
    reset(store).await
}

/// Returns how many steps all statements took since the last time.
async fn reset(store: &SqliteStore) -> i32 {
    let steps = store.engine.write(Weight::durable(1), |tx| {
        let steps = ALL.iter().map(|(_, statement)| {
            Ok(tx.conn.prepare_cached(statement)?.reset_status(rusqlite::StatementStatus::VmStep))
        });
        Ok(steps.collect::<Result<Vec<i32>, rusqlite::Error>>()?.into_iter().sum())
    });
    steps.await.unwrap()
}

#[tokio::test]
async fn a_claim_costs_the_same_however_many_jobs_have_ended_or_are_delayed() {
    let store = SqliteOptions::memory().clock(Clock::manual()).open().await.unwrap();
    let worker = WorkerId::generate();
    steps_of_a_claim(&store, worker, 0).await;
    let alone = steps_of_a_claim(&store, worker, 1).await;
    store.engine.write(Weight::durable(1), |tx| Ok(tx.conn.execute_batch(CROWD)?)).await.unwrap();
    let among_many = steps_of_a_claim(&store, worker, 2).await;
    assert!(100 < alone && among_many <= alone + alone / 50, "{among_many} steps instead of {alone}");
}

/// Returns how many replies to a sender are kept, and how many of its calls from a sequence on.
async fn replies(store: &SqliteStore, sender: WorkerId, from: u64) -> (i64, i64) {
    let count = "SELECT count(*), count(*) FILTER (WHERE sequence >= $1) FROM replies WHERE sender = $2";
    let counted = store.engine.write(Weight::durable(1), move |tx| {
        let columns = (from.cast_signed(), sender.as_uuid().into_bytes());
        Ok(tx.conn.query_row(count, columns, |row| Ok((row.get(0)?, row.get(1)?)))?)
    });
    counted.await.unwrap()
}

/// How many replies to a sender are kept at most: some more than promised, so that they need not be trimmed each time.
const MOST_REPLIES: i64 = PROMISED + 2 * 32 + 1;
const PROMISED: i64 = RECALLED_CALLS as i64;

#[tokio::test]
async fn replies_are_trimmed_whichever_sequences_a_verb_uses() {
    let store = SqliteOptions::memory().clock(Clock::manual()).open().await.unwrap();
    // Claims take the sequences between: only odd ones are left for settles, or one in many.
    for (first, step) in [(1, 2), (0, 1), (7, 33)] {
        let sender = WorkerId::generate();
        for settled in 1..=300_u32 {
            let sequence = first + u64::from(settled - 1) * step;
            store.settle(CallId { sender, sequence }, &[]).await.unwrap();
            let kept = replies(&store, sender, 0).await.0;
            assert!(PROMISED.min(settled.into()) <= kept && kept <= MOST_REPLIES, "{kept} of {settled}");
        }
        let latest = first + (300 - RECALLED_CALLS as u64) * step;
        assert_eq!(replies(&store, sender, latest).await.1, PROMISED);
    }
}
