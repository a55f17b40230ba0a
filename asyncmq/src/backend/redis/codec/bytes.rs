//! Reading and writing of plain bytes: big-endian numbers, lengths before texts. Whatever is read may be garbage.

use std::time::Duration;

use crate::clock::Timestamp;

/// Bytes that are not what this version writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the store holds bytes that this version of asyncmq cannot read ({0})")]
pub(in super::super) struct Garbled(pub(in super::super) &'static str);

pub(super) type Result<T> = std::result::Result<T, Garbled>;

/// The bytes that are still to be read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Garbled("too short"))?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(Garbled("too short"))?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(super) fn u8(&mut self) -> Result<u8> {
        Ok(self.array::<1>()?[0])
    }

    pub(super) fn u16(&mut self) -> Result<u16> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    pub(super) fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    pub(super) fn u64(&mut self) -> Result<u64> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    /// A time in 7 bytes, as scripts write it.
    pub(super) fn moment(&mut self) -> Result<Timestamp> {
        let mut bytes = [0; 8];
        bytes[1..].copy_from_slice(self.take(7)?);
        Ok(Timestamp::from_micros(u64::from_be_bytes(bytes)))
    }

    pub(super) fn duration(&mut self) -> Result<Duration> {
        let seconds = self.u64()?;
        let nanos = self.u32()?;
        if 1_000_000_000 <= nanos {
            return Err(Garbled("a duration"));
        }
        Ok(Duration::new(seconds, nanos))
    }

    pub(super) fn option<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<Option<T>> {
        match self.u8()? {
            0 => Ok(None),
            1 => read(self).map(Some),
            _ => Err(Garbled("an option")),
        }
    }

    pub(super) fn float(&mut self) -> Result<f64> {
        Ok(f64::from_bits(self.u64()?))
    }

    /// Bytes behind a length of 4 bytes.
    pub(super) fn long(&mut self) -> Result<&'a [u8]> {
        let length = self.u32()? as usize;
        self.take(length)
    }

    /// A text behind a length of 2 bytes.
    pub(super) fn text(&mut self) -> Result<&'a str> {
        let length = usize::from(self.u16()?);
        text(self.take(length)?)
    }

    pub(super) fn texts(&mut self) -> Result<Vec<String>> {
        let count = self.u16()?;
        (0..count).map(|_| self.text().map(str::to_owned)).collect()
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

pub(super) fn text(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|_| Garbled("a text"))
}

/// Bytes that are being written.
pub(super) trait Writer {
    fn put(&mut self, bytes: &[u8]);

    fn put_u16(&mut self, number: usize) {
        self.put(&u16::try_from(number).unwrap_or(u16::MAX).to_be_bytes());
    }

    fn put_u32(&mut self, number: u32) {
        self.put(&number.to_be_bytes());
    }

    fn put_u64(&mut self, number: u64) {
        self.put(&number.to_be_bytes());
    }

    fn put_duration(&mut self, duration: Duration) {
        self.put_u64(duration.as_secs());
        self.put_u32(duration.subsec_nanos());
    }

    fn put_option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        match value {
            None => self.put(&[0]),
            Some(value) => {
                self.put(&[1]);
                write(self, value);
            }
        }
    }

    fn put_long(&mut self, bytes: &[u8]) {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.put_u32(length);
        self.put(&bytes[..length as usize]);
    }

    /// Texts longer than 64 KiB are cut; nothing that callers may store is so long.
    fn put_text(&mut self, text: &str) {
        let length = text.floor_char_boundary(usize::from(u16::MAX));
        self.put_u16(length);
        self.put(&text.as_bytes()[..length]);
    }

    fn put_texts(&mut self, texts: &[String]) {
        let count = texts.len().min(usize::from(u16::MAX));
        self.put_u16(count);
        for text in &texts[..count] {
            self.put_text(text);
        }
    }
}

impl Writer for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}
