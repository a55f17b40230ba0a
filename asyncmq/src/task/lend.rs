//! What a parameter borrows, and what is stored in its place.

use std::ffi::OsStr;
use std::path::Path;

use serde_json::value::RawValue;

/// A type that a parameter can borrow. What owns it is known of every type, so that a type without `Clone` is one error.
pub trait Lend {
    /// What is stored.
    type Owner;

    /// Lends what was stored.
    fn lend(owner: &Self::Owner) -> &Self;
}

/// What a type must be so that a stub can take it by reference.
#[diagnostic::on_unimplemented(
    message = "a task cannot take `&{Self}`",
    label = "the stub takes the reference too, and keeps a copy of what is behind it: that needs `Clone`",
    note = "derive `Clone` on the type, or take the argument by value"
)]
pub trait Keep: Lend {
    /// Copies what is to be stored.
    fn keep(&self) -> Self::Owner;
}

impl<T> Lend for T {
    type Owner = T;

    fn lend(owner: &T) -> &T {
        owner
    }
}

impl<T: Clone> Keep for T {
    fn keep(&self) -> T {
        self.clone()
    }
}

impl<T> Lend for [T] {
    type Owner = Vec<T>;

    fn lend(owner: &Vec<T>) -> &Self {
        owner
    }
}

impl<T: Clone> Keep for [T] {
    fn keep(&self) -> Vec<T> {
        self.to_vec()
    }
}

macro_rules! unsized_types {
    ($($borrowed:ty => $owner:ty),*) => {
        $(impl Lend for $borrowed {
            type Owner = $owner;

            fn lend(owner: &$owner) -> &Self {
                owner
            }
        }

        impl Keep for $borrowed {
            fn keep(&self) -> $owner {
                self.to_owned()
            }
        })*
    };
}

unsized_types!(str => String, Path => std::path::PathBuf, OsStr => std::ffi::OsString, RawValue => Box<RawValue>);

/// Copies what a parameter borrows.
pub fn keep<T: Keep + ?Sized>(lent: &T) -> T::Owner {
    lent.keep()
}

/// Copies what a parameter may borrow.
pub fn keep_option<T: Keep + ?Sized>(lent: Option<&T>) -> Option<T::Owner> {
    lent.map(T::keep)
}

/// Lends what was stored to a parameter that borrows.
pub fn lend<T: Lend + ?Sized>(owner: &T::Owner) -> &T {
    T::lend(owner)
}

/// Lends what may have been stored to a parameter that may borrow.
pub fn lend_option<T: Lend + ?Sized>(owner: &Option<T::Owner>) -> Option<&T> {
    owner.as_ref().map(T::lend)
}
