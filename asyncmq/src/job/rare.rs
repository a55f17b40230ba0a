//! A value that few have: it takes a word until it is written to.

use std::fmt;
use std::ops::{Deref, DerefMut};

/// What a value is before anybody writes to it.
pub trait Blank: Default + 'static {
    /// Returns the value of all those that have none of their own: the default.
    fn blank() -> &'static Self;
}

/// A value that is blank for most. Reading it costs nothing; the first write gives it a place of its own.
#[derive(Clone)]
pub struct Rare<T: Blank>(Option<Box<T>>);

impl<T: Blank> Rare<T> {
    /// Returns a blank value, which takes no place.
    #[must_use]
    pub const fn new() -> Self {
        Self(None)
    }

    /// Tells whether nobody has written to it.
    #[must_use]
    pub const fn is_blank(&self) -> bool {
        self.0.is_none()
    }
}

impl<T: Blank> Default for Rare<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Blank> Deref for Rare<T> {
    type Target = T;

    fn deref(&self) -> &T {
        match &self.0 {
            Some(written) => written,
            None => T::blank(),
        }
    }
}

impl<T: Blank> DerefMut for Rare<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.get_or_insert_default()
    }
}

/// One that was written to and is as it was before equals one that was not.
impl<T: Blank + PartialEq> PartialEq for Rare<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Blank + fmt::Debug> fmt::Debug for Rare<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Blank for u32 {
        fn blank() -> &'static Self {
            &0
        }
    }

    #[test]
    fn reading_leaves_it_blank_and_writing_does_not() {
        let mut rare = Rare::<u32>::new();
        assert_eq!((*rare, rare.is_blank()), (0, true));
        *rare += 7;
        assert_eq!((*rare, rare.is_blank()), (7, false));
        *rare = 0;
        assert_eq!(rare, Rare::new());
    }
}
