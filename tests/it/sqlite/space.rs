//! Space that ended jobs took: it goes back to the file system.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use asyncmq::backend::{Control, Inspect, Upkeep};
use asyncmq::job::{Envelope, Name};
use asyncmq::lifecycle::Limits;
use asyncmq::{Drain, JobId};
use bytes::Bytes;
use rusqlite::Connection;
use tempfile::TempDir;

use super::{QUEUE, is_sound, open, push};

/// How large the file is once the log is copied into it.
fn size(path: &Path) -> u64 {
    let conn = Connection::open(path).unwrap();
    conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    fs::metadata(path).unwrap().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_shrinks_when_its_jobs_have_gone() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("jobs.db");
    let store = open(&path).await;
    let args = Bytes::from(vec![b'1'; 8_000]);
    for _ in 0..3 {
        let job = || Envelope::new(JobId::generate(), QUEUE, Name::from_static("t"), args.clone());
        let jobs: Vec<Arc<Envelope>> = (0..1_000).map(|_| Arc::new(job())).collect();
        push(&store, &jobs).await;
    }
    let full = size(&path);
    assert!(24_000_000 < full);
    while store.drain(&QUEUE, Drain::Waiting, 1_000).await.unwrap() != 0 {}
    assert_eq!(store.queue(&QUEUE).await.unwrap().counts.waiting, 0);
    // Each round of the duty gives a part back; what it leaves is room for what comes next.
    let mut before = full;
    loop {
        store.prune(&Limits::default(), 1_000).await.unwrap();
        let now = size(&path);
        if now == before {
            break;
        }
        assert!(now < before);
        before = now;
    }
    assert!(before < full / 3, "{full} bytes became {before}");
    drop(store);
    is_sound(&path);
}
