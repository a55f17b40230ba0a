//! The latest replies to each sender, so that a repeated call is answered as the first one.

use rusqlite::OptionalExtension;
use serde::{Deserialize, Serialize};

use super::super::bytes::micros;
use super::super::statements as sql;
use super::fault::Step;
use super::tx::Tx;
use crate::backend::{CallId, Fenced, Pushed, RECALLED_CALLS};
use crate::job::{JobId, Name};

/// A verb whose replies are remembered.
#[derive(Debug, Clone, Copy)]
pub(super) enum Verb {
    Push = 0,
    Settle = 1,
    Fire = 2,
}

/// Replies of one sender are trimmed at the first call of a verb within as many sequences, whichever of them it uses:
/// calls of other verbs take sequences from the same counter. A power of two.
const TRIM_EVERY: i64 = 32;

impl Tx<'_> {
    /// Returns the reply to a call that was carried out before.
    pub(super) fn recall(&mut self, verb: Verb, call: CallId) -> Step<Option<String>> {
        let sender = call.sender.as_uuid().into_bytes();
        let mut find = self.conn.prepare_cached(sql::REPLY_FIND)?;
        let columns = (sender, verb as i64, sequence(call));
        Ok(find.query_row(columns, |row| row.get(0)).optional()?)
    }

    /// Remembers a reply.
    pub(super) fn keep_reply(&mut self, verb: Verb, call: CallId, reply: &str) -> Step<()> {
        let (sender, number, at) = (call.sender.as_uuid().into_bytes(), self.number(), micros(self.now));
        let (sequence, within) = (sequence(call), TRIM_EVERY - 1);
        let columns = (sender, verb as i64, sequence & !within, sequence | within);
        let is_near_another: bool =
            self.conn.prepare_cached(sql::REPLY_NEAR)?.query_row(columns, |row| row.get(0))?;
        let mut keep = self.conn.prepare_cached(sql::REPLY_KEEP)?;
        keep.execute((sender, verb as i64, sequence, at, number, reply))?;
        if !is_near_another {
            let most = RECALLED_CALLS as i64 + TRIM_EVERY;
            self.conn.prepare_cached(sql::REPLY_TRIM)?.execute((sender, verb as i64, most))?;
        }
        Ok(())
    }
}

/// A sequence in its column: all 64 bits, whatever they mean there.
const fn sequence(call: CallId) -> i64 {
    call.sequence.cast_signed()
}

/// What became of a job that was not just added.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Met {
    /// The task of the job of its id.
    Exists(String),
    Deduplicated {
        id: String,
        task: String,
    },
    Debounced {
        gone: String,
    },
    ParentGone {
        parent: usize,
    },
}

/// Writes the replies to a push: what jobs met, each by its place; nothing of those that were added.
pub(super) fn write_pushes(reply: &[Pushed]) -> serde_json::Result<String> {
    let met = reply.iter().enumerate().filter_map(|(place, pushed)| match pushed {
        Pushed::Added => None,
        Pushed::Exists { task } => Some((place, Met::Exists(task.to_string()))),
        Pushed::Deduplicated { id, task } => {
            Some((place, Met::Deduplicated { id: id.to_string(), task: task.to_string() }))
        }
        Pushed::Debounced { id } => Some((place, Met::Debounced { gone: id.to_string() })),
        Pushed::ParentGone { parent } => Some((place, Met::ParentGone { parent: *parent })),
    });
    serde_json::to_string(&met.collect::<Vec<_>>())
}

pub(super) fn read_pushes(reply: &str, jobs: usize) -> serde_json::Result<Vec<Pushed>> {
    let met: Vec<(usize, Met)> = serde_json::from_str(reply)?;
    let mut pushed = vec![Pushed::Added; jobs];
    for (place, met) in met {
        if let Some(item) = pushed.get_mut(place) {
            *item = match met {
                Met::Exists(task) => Pushed::Exists { task: Name::from_stored(&task) },
                Met::Deduplicated { id, task } => {
                    Pushed::Deduplicated { id: JobId::from_stored(&id), task: Name::from_stored(&task) }
                }
                Met::Debounced { gone } => Pushed::Debounced { id: JobId::from_stored(&gone) },
                Met::ParentGone { parent } => Pushed::ParentGone { parent },
            };
        }
    }
    Ok(pushed)
}

/// Writes the replies to a settle: the places of stale claims.
pub(super) fn write_settles(reply: &[Fenced]) -> serde_json::Result<String> {
    let stale = reply.iter().enumerate().filter(|(_, fenced)| **fenced == Fenced::Stale);
    serde_json::to_string(&stale.map(|(place, _)| place).collect::<Vec<_>>())
}

pub(super) fn read_settles(reply: &str, jobs: usize) -> serde_json::Result<Vec<Fenced>> {
    let stale: Vec<usize> = serde_json::from_str(reply)?;
    Ok((0..jobs).map(|place| if stale.contains(&place) { Fenced::Stale } else { Fenced::Applied }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_come_back_as_they_were() {
        let (id, task) = (JobId::generate(), Name::from_static("t"));
        let pushed = [
            Pushed::Added,
            Pushed::Exists { task: task.clone() },
            Pushed::Deduplicated { id: id.clone(), task },
            Pushed::Debounced { id },
            Pushed::ParentGone { parent: 7 },
            Pushed::Added,
        ];
        assert_eq!(read_pushes(&write_pushes(&pushed).unwrap(), 6).unwrap(), pushed);
        let fenced = [Fenced::Stale, Fenced::Applied, Fenced::Stale];
        assert_eq!(read_settles(&write_settles(&fenced).unwrap(), 3).unwrap(), fenced);
    }
}
