//! What processes on one file write to each other: which queues to look at, which jobs to cancel, that there are events.

use uuid::Uuid;

use crate::backend::Token;
use crate::job::WorkerId;

/// The longest message; what does not fit becomes "look at everything".
pub(super) const LONGEST: usize = 4_096;

/// One message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct WakeupMessage {
    /// Queues of which a claim may give something now.
    pub(super) wakes: Vec<i64>,
    /// Queues of which a schedule was made or changed.
    pub(super) schedules: Vec<i64>,
    /// Claims whose jobs somebody wants cancelled.
    pub(super) cancels: Vec<(WorkerId, Token)>,
    /// Whether there are events to be read.
    pub(super) events: bool,
    /// Whether there was too much to say.
    pub(super) everything: bool,
}

const WAKE: u8 = b'w';
const SCHEDULES: u8 = b's';
const CANCEL: u8 = b'c';
const EVENTS: u8 = b'e';
const EVERYTHING: u8 = b'*';

impl WakeupMessage {
    pub(super) fn is_empty(&self) -> bool {
        let is_of_queues = !(self.wakes.is_empty() && self.schedules.is_empty());
        !(is_of_queues || self.events || self.everything) && self.cancels.is_empty()
    }

    pub(super) fn write(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for queue in &self.wakes {
            bytes.push(WAKE);
            bytes.extend(queue.to_be_bytes());
        }
        for queue in &self.schedules {
            bytes.push(SCHEDULES);
            bytes.extend(queue.to_be_bytes());
        }
        for (worker, token) in &self.cancels {
            bytes.push(CANCEL);
            bytes.extend(worker.as_uuid().as_bytes());
            bytes.extend(token.0.to_be_bytes());
        }
        if self.events {
            bytes.push(EVENTS);
        }
        if self.everything || LONGEST < bytes.len() {
            bytes = vec![EVERYTHING];
        }
        bytes
    }

    /// Adds what a message says; one that cannot be read says "look at everything".
    pub(super) fn read(&mut self, bytes: &[u8]) {
        if self.read_all(bytes).is_none() {
            self.everything = true;
        }
    }

    fn read_all(&mut self, mut bytes: &[u8]) -> Option<()> {
        while let Some((kind, rest)) = bytes.split_first() {
            bytes = rest;
            match *kind {
                WAKE => {
                    let (queue, rest) = bytes.split_first_chunk()?;
                    self.wakes.push(i64::from_be_bytes(*queue));
                    bytes = rest;
                }
                SCHEDULES => {
                    let (queue, rest) = bytes.split_first_chunk()?;
                    self.schedules.push(i64::from_be_bytes(*queue));
                    bytes = rest;
                }
                CANCEL => {
                    let (worker, rest) = bytes.split_first_chunk()?;
                    let (token, rest) = rest.split_first_chunk()?;
                    let worker = WorkerId::from(Uuid::from_bytes(*worker));
                    self.cancels.push((worker, Token(u128::from_be_bytes(*token))));
                    bytes = rest;
                }
                EVENTS => self.events = true,
                _ => return None,
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_what_was_written() {
        let message = WakeupMessage {
            wakes: vec![1, i64::MAX],
            schedules: vec![2],
            cancels: vec![(WorkerId::generate(), Token(u128::MAX))],
            events: true,
            everything: false,
        };
        let mut read = WakeupMessage::default();
        read.read(&message.write());
        assert_eq!(read, message);
    }

    #[test]
    fn what_is_too_long_or_unreadable_means_everything() {
        let long = WakeupMessage { wakes: vec![7; LONGEST], ..WakeupMessage::default() };
        for bytes in [long.write(), b"wxyz".to_vec(), b"?".to_vec()] {
            let mut read = WakeupMessage::default();
            read.read(&bytes);
            assert!(read.everything);
        }
    }
}
