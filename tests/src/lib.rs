//! What the tests of this workspace share.

pub mod flows;
pub mod lab;
#[expect(
    missing_docs,
    clippy::unwrap_used,
    reason = "helpers of tests: their names say it, and what fails there ends the test"
)]
pub mod servers;
#[cfg(feature = "redis")]
pub mod work;

/// The programs in the README compile.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
