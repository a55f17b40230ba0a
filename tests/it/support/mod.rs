//! What several tests need.

pub(crate) mod faulty;
pub(crate) mod history;
pub(crate) mod memory;
pub(crate) mod sqlite;

use asyncmq::backend::conformance::Fixture;

/// A fixture of which a test can make as many as it wants.
pub(crate) trait Make: Fixture + Sized + 'static {
    fn make() -> impl Future<Output = Self>;
}
