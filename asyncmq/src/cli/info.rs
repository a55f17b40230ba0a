//! `asyncmq info`: which store this is, and what is in it.

use clap::Command;

use super::Ended;
use super::flags::leaf;
use super::out::Tone;
use super::out::text::{clean, grouped};
use super::out::{Fields, object};
use super::session::Session;
use crate::error::Result;
use crate::job::JobState;

/// Describes the command.
pub(super) fn command() -> Command {
    leaf("info", "Shows which store this is, and what is in it")
}

/// Runs it.
pub(super) async fn run(session: &Session) -> Result<Ended> {
    let (queues, workers) = (session.admin.queues().await?, session.admin.workers().await?);
    let live = workers.iter().filter(|worker| worker.alive).count();
    let sum = |state: JobState| queues.iter().map(|queue| queue.info.counts.of(state)).sum::<u64>();
    let counts: Vec<_> = JobState::ALL.iter().map(|state| (state.name(), sum(*state))).collect();
    let (version, store) = (env!("CARGO_PKG_VERSION"), session.admin.client().backend().kind());
    if session.out.json {
        let jobs = Fields(counts.as_slice());
        session
            .out
            .json(&object!({ version: version, store: store, url: &session.url, queues: queues.len(),
                                  workers: live, jobs: jobs }))?;
        return Ok(Ended::Done);
    }
    let mut facts = vec![
        ("asyncmq", version.to_owned()),
        ("store", store.to_owned()),
        ("url", clean(&session.url)),
        ("queues", queues.len().to_string()),
        ("workers", format!("{live} live, {} silent", workers.len() - live)),
    ];
    facts.extend(counts.into_iter().map(|(name, count)| (name, grouped(count))));
    for (label, text) in facts {
        let label = session.out.style.tint(Tone::Faint, &format!("{label:<10}"));
        session.out.line(&format!("{label} {text}"))?;
    }
    Ok(Ended::Done)
}
