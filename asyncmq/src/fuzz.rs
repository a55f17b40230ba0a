//! What reads bytes and texts that others may have written, each as a target for whoever throws garbage at it.
//!
//! A target panics when what it stands for does not hold: that garbage is refused in order, and that whatever is
//! read can be written and read again as the same.

use std::borrow::Cow;

/// One reader.
#[derive(Debug, Clone)]
pub struct Target {
    /// What it is called.
    pub name: &'static str,
    /// Reads some bytes, and panics if the reader does not keep its word.
    pub read: fn(&[u8]),
    /// Bytes that are in order, to begin with.
    pub samples: Vec<Vec<u8>>,
}

/// Lists every target of the stores that are compiled in.
#[must_use]
pub fn targets() -> Vec<Target> {
    #[cfg_attr(
        not(any(feature = "redis", feature = "sqlite")),
        expect(unused_mut, reason = "stores add theirs")
    )]
    let mut targets = vec![
        crate::job::fuzz::options(),
        crate::job::fuzz::names(),
        crate::schedule::fuzz::texts(),
        crate::schedule::fuzz::records(),
        crate::task::fuzz::arguments(),
        crate::settings::fuzz::settings(),
    ];
    #[cfg(feature = "redis")]
    targets.extend(crate::backend::redis::fuzz::targets());
    #[cfg(feature = "sqlite")]
    targets.extend(crate::backend::sql::fuzz::targets());
    targets
}

/// Returns the text of some bytes.
pub(crate) fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// Divides bytes into pieces: before each but the last stands its length in 2 bytes.
pub(crate) fn pieces<const N: usize>(mut bytes: &[u8]) -> [&[u8]; N] {
    std::array::from_fn(|place| match bytes.split_first_chunk() {
        Some((length, rest)) if place + 1 < N => {
            let length = usize::from(u16::from_be_bytes(*length)).min(rest.len());
            let (piece, rest) = rest.split_at(length);
            bytes = rest;
            piece
        }
        _ => std::mem::take(&mut bytes),
    })
}

/// Puts pieces together so that [`pieces`] divides them again.
pub(crate) fn joined(pieces: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (place, piece) in pieces.iter().enumerate() {
        if place + 1 < pieces.len() {
            bytes.extend(u16::try_from(piece.len()).unwrap_or(u16::MAX).to_be_bytes());
        }
        bytes.extend_from_slice(piece);
    }
    bytes
}

/// Fails unless two values look the same. They are not compared themselves, as what is no number equals nothing.
#[track_caller]
pub(crate) fn same(one: impl std::fmt::Debug, other: impl std::fmt::Debug) {
    assert_eq!(format!("{one:?}"), format!("{other:?}"));
}
