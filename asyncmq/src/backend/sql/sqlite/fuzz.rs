//! The targets for garbage of this store alone: datagrams of other processes, and the URL.

use super::SqliteOptions;
use super::wakeup_message::{LONGEST, WakeupMessage};
use crate::backend::Token;
use crate::fuzz::{Target, text};
use crate::job::WorkerId;

/// Lists what reads datagrams, and the URL.
pub(in super::super) fn targets() -> Vec<Target> {
    let message = WakeupMessage {
        wakes: vec![1, i64::MAX],
        schedules: vec![2],
        cancels: vec![(WorkerId::generate(), Token(7))],
        events: true,
        everything: false,
    };
    let urls = ["jobs.db?prefix=a&synchronous=normal", ":memory:", "///var/jobs.db"];
    let urls = urls.iter().map(|text| text.as_bytes().to_vec()).collect();
    vec![
        Target { name: "sqlite_wakeup", read: read_wakeup, samples: vec![message.write(), b"*".to_vec()] },
        Target { name: "sqlite_url", read: read_url, samples: urls },
    ]
}

fn read_wakeup(bytes: &[u8]) {
    let mut message = WakeupMessage::default();
    message.read(bytes);
    if message.everything || LONGEST < bytes.len() {
        return;
    }
    let mut again = WakeupMessage::default();
    again.read(&message.write());
    assert_eq!(again, message);
}

fn read_url(bytes: &[u8]) {
    if let Ok(options) = SqliteOptions::parse(&text(bytes)) {
        let _ = format!("{options:?}");
    }
}
