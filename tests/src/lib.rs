//! What the tests of this workspace share.

#[cfg(feature = "redis")]
pub mod work;

/// The programs in the README compile.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
