//! What the store finds when it looks at its file.

use rusqlite::Connection;

use super::super::statements as sql;
use super::fault::Step;
use super::file::Place;
use crate::backend::Finding;

/// From here on a log is larger than a checkpoint leaves it.
const LARGE_LOG: u64 = 268_435_456;

/// Looks at everything; each check is one function.
pub(super) fn look(conn: &Connection, place: &Place) -> Step<Vec<Finding>> {
    let mut findings = vec![version(), schema(conn)?, persistence(conn, place)?, space(conn)?];
    findings.extend(log(place));
    findings.extend(permissions(place));
    Ok(findings)
}

fn version() -> Finding {
    Finding::good("version", format!("SQLite {}", rusqlite::version()))
}

fn schema(conn: &Connection) -> Step<Finding> {
    let version: i64 = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let shared = conn.prepare_cached(sql::STORE_READ)?.exists([])?;
    Ok(match shared {
        true => Finding::good("schema", format!("version {version}")),
        false => Finding::problem(
            "schema",
            "the file has lost the row that all processes share",
            "stop every process and put the latest backup back",
        ),
    })
}

fn persistence(conn: &Connection, place: &Place) -> Step<Finding> {
    if place.file().is_none() {
        return Ok(Finding::warning(
            "persistence",
            "jobs are kept in the memory of this process, and end with it",
            "give the URL a file: sqlite:jobs.db",
        ));
    }
    let mode: String = conn.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
    Ok(match mode.as_str() {
        "wal" => Finding::good("persistence", "what is confirmed survives the death of any process"),
        other => Finding::problem(
            "persistence",
            format!("another program has set the file's journal mode to {other}"),
            "stop every process that is not asyncmq and start again: the mode must be wal",
        ),
    })
}

fn space(conn: &Connection) -> Step<Finding> {
    let pragma = |name: &str| conn.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let (pages, free, size) = (pragma("page_count")?, pragma("freelist_count")?, pragma("page_size")?);
    let mebibytes = |pages: i64| pages.saturating_mul(size) / 1_048_576;
    Ok(Finding::good("space", format!("{} MiB, of which {} MiB are free", mebibytes(pages), mebibytes(free))))
}

fn log(place: &Place) -> Option<Finding> {
    let mut log = place.file()?.as_os_str().to_owned();
    log.push("-wal");
    let size = std::fs::metadata(log).ok()?.len();
    let says = format!("the log beside the file has {} MiB", size / 1_048_576);
    Some(match LARGE_LOG < size {
        true => Finding::warning(
            "log",
            says,
            "a reader holds it up: end programs that keep the file open in a transaction",
        ),
        false => Finding::good("log", says),
    })
}

#[cfg(unix)]
fn permissions(place: &Place) -> Option<Finding> {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(place.file()?).ok()?.permissions().mode() & 0o777;
    let says = format!("the file's mode is {mode:03o}");
    Some(match mode & 0o002 {
        0 => Finding::good("access", says),
        _ => Finding::warning(
            "access",
            format!("{says}: every user of this machine can enqueue any task with any arguments"),
            "take the right to write from others: chmod o-w on the file and those beside it",
        ),
    })
}

#[cfg(not(unix))]
fn permissions(_: &Place) -> Option<Finding> {
    None
}
