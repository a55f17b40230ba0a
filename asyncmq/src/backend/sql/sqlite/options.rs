//! How a store is opened: from a URL, or in code.

use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::OptionalExtension;

use super::super::statements as sql;
use super::SqliteStore;
use super::engine::Engine;
use super::fault::Fault;
use super::file::{Place, Synchronous};
use super::inbox::Weight;
use crate::backend::StoreError;
use crate::clock::Clock;
use crate::error::{Error, Result};

/// What a store in a file is to be like.
///
/// # Examples
///
/// ```
/// # async fn example() -> asyncmq::Result<()> {
/// use asyncmq::Client;
/// use asyncmq::backend::sql::sqlite::SqliteOptions;
///
/// let store = SqliteOptions::file("jobs.db").open().await?;
/// let client = Client::with_backend(store);
/// # let _ = client; Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    place: Place,
    synchronous: Synchronous,
    prefix: String,
    clock: Option<Clock>,
}

impl SqliteOptions {
    /// A store in this file, which is made when there is none.
    #[must_use]
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self::at(Place::File(path.into()))
    }

    /// A store in this process's memory, which lives and dies with it.
    #[must_use]
    pub const fn memory() -> Self {
        Self::at(Place::Memory)
    }

    const fn at(place: Place) -> Self {
        Self { place, synchronous: Synchronous::Full, prefix: String::new(), clock: None }
    }

    /// Sets how much a commit survives.
    #[must_use]
    pub const fn synchronous(mut self, synchronous: Synchronous) -> Self {
        self.synchronous = synchronous;
        self
    }

    /// Sets the namespace inside the file: stores of different prefixes do not see each other.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Sets the clock, for tests; otherwise it is the machine's.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Reads what stands behind `sqlite:` in a URL: a path or `:memory:`, then `?prefix=` and `?synchronous=`.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for a URL without a path, or with a parameter that there is not.
    pub fn parse(rest: &str) -> Result<Self> {
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        // `sqlite:///var/jobs.db` is what others write for `sqlite:/var/jobs.db`.
        let path = path.strip_prefix("//").unwrap_or(path);
        let mut options = match path {
            "" => return Err(Error::Invalid("write the file behind `sqlite:`, or `sqlite::memory:`".into())),
            ":memory:" => Self::memory(),
            path => Self::file(path),
        };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            options = match (key, value) {
                ("prefix", prefix) => options.prefix(prefix),
                ("synchronous", "full") => options.synchronous(Synchronous::Full),
                ("synchronous", "normal") => options.synchronous(Synchronous::Normal),
                ("synchronous", _) => {
                    return Err(Error::Invalid(format!(
                        "`synchronous` is `full` or `normal`, not {value:?}"
                    )));
                }
                _ => {
                    return Err(Error::Invalid(format!(
                        "`sqlite:` has no parameter {key:?}; it takes `prefix` and `synchronous`"
                    )));
                }
            };
        }
        Ok(options)
    }

    /// Opens the store. Stores of this process on the same file share its connections.
    ///
    /// # Errors
    ///
    /// [`Error::Store`]: the file cannot be opened or made, is damaged, belongs to another program or to a later
    /// version, or lies on a network file system.
    pub async fn open(self) -> Result<Arc<SqliteStore>> {
        let Self { place, synchronous, prefix, clock } = self;
        let opened = tokio::task::spawn_blocking(move || Engine::open(place, synchronous, clock)).await;
        let engine = opened.unwrap_or(Err(Fault::Closed)).map_err(|fault| worded(fault.into()))?;
        let space = engine.write(Weight::durable(1), move |tx| {
            let mut find = tx.conn.prepare_cached(sql::SPACE_FIND)?;
            if let Some(space) = find.query_row([&prefix], |row| row.get(0)).optional()? {
                return Ok(space);
            }
            Ok(tx.conn.prepare_cached(sql::SPACE_ADD)?.query_row([&prefix], |row| row.get(0))?)
        });
        let space = space.await.map_err(worded)?;
        Ok(Arc::new(SqliteStore { engine, space }))
    }
}

fn worded(error: StoreError) -> Error {
    Error::Store { store: "sqlite", action: "open the file", source: error.into_source() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_say_where_and_how() {
        let options = SqliteOptions::parse("jobs.db?prefix=a&synchronous=normal").unwrap();
        assert_eq!(options.place, Place::File("jobs.db".into()));
        assert_eq!((options.prefix.as_str(), options.synchronous), ("a", Synchronous::Normal));
        let absolute = SqliteOptions::parse("///var/jobs.db").unwrap();
        assert_eq!(absolute.place, Place::File("/var/jobs.db".into()));
        assert_eq!(SqliteOptions::parse(":memory:").unwrap().place, Place::Memory);
        for bad in ["", "?prefix=x", "x.db?sync=off", "x.db?synchronous=off"] {
            assert!(SqliteOptions::parse(bad).is_err(), "{bad:?}");
        }
    }
}
