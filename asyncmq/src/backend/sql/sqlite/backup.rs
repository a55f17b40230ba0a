//! A copy of the file, made while everybody goes on.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::SqliteStore;
use super::fault::{Fault, Step};
use crate::error::{Error, Result};

impl SqliteStore {
    /// Writes a copy of all that is in the file as it stands at one moment, all prefixes included, to `target`.
    ///
    /// Nobody has to wait: workers and producers go on. The copy is a file of its own, without a log beside it, and has no
    /// free pages. It appears under its name only once it is complete and on the disk.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] when `target` exists already or cannot be written.
    pub async fn backup(&self, target: impl Into<PathBuf>) -> Result<()> {
        let target = target.into();
        let copied = self.engine.read_apart(move |conn| copy(conn, &target)).await;
        copied.map_err(|error| Error::Store {
            store: "sqlite",
            action: "back the file up",
            source: error.into_source(),
        })
    }
}

fn copy(conn: &rusqlite::Connection, target: &Path) -> Step<()> {
    if target.exists() {
        return Err(Fault::Refused("there is a file of that name already"));
    }
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    let partial = target.with_file_name(name);
    let _ = fs::remove_file(&partial);
    let text = partial.to_str().ok_or(Fault::Refused("the name of the copy is not text"))?;
    // SQLite counts the copy as writing, although this file is only read.
    conn.pragma_update(None, "query_only", false)?;
    conn.execute("VACUUM INTO ?1", [text])?;
    File::open(&partial)?.sync_all()?;
    fs::rename(&partial, target)?;
    if let Some(directory) = target.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        File::open(directory)?.sync_all()?;
    }
    Ok(())
}
