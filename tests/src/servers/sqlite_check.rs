//! Looks into a file past asyncmq, and finds what does not agree with itself.

use std::path::Path;

use asyncmq::JobState;
use rusqlite::Connection;

/// Makes sure that a file is sound, and that its counters say what is there.
///
/// # Panics
///
/// If it is not, or they do not.
pub fn is_sound(path: &Path) {
    let conn = Connection::open(path).expect("the file can be read");
    let check: String =
        conn.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("the file can be read");
    assert_eq!(check, "ok");
    for state in JobState::ALL.map(JobState::name) {
        let differ = format!(
            "SELECT count(*) FROM queues q WHERE q.{state} <> \
             (SELECT count(*) FROM jobs j WHERE j.queue = q.queue AND j.state = '{state}')"
        );
        assert_eq!(count(&conn, &differ), 0, "the counter of {state} jobs is wrong");
    }
    for (what, rows) in [
        (
            "lanes that count wrong",
            "SELECT count(*) FROM lanes l WHERE l.waiting <> \
             (SELECT count(*) FROM jobs j WHERE j.lane = l.lane AND j.state = 'waiting')",
        ),
        (
            "running jobs that nobody holds",
            "SELECT count(*) FROM jobs WHERE state = 'active' AND (worker IS NULL OR token IS NULL)",
        ),
        ("jobs without a lane", "SELECT count(*) FROM jobs WHERE lane NOT IN (SELECT lane FROM lanes)"),
        (
            "jobs without arguments",
            "SELECT count(*) FROM jobs WHERE args IS NULL AND job NOT IN (SELECT job FROM payloads)",
        ),
        ("arguments without a job", "SELECT count(*) FROM payloads WHERE job NOT IN (SELECT job FROM jobs)"),
        (
            "notes without a job",
            "SELECT count(*) FROM notes WHERE job NOT IN (SELECT job FROM jobs WHERE noted = 1)",
        ),
        (
            "ended jobs without an end",
            "SELECT count(*) FROM jobs WHERE (finished_at IS NULL) <> (state IN ('waiting', 'delayed', 'active', 'blocked'))",
        ),
    ]
    .into_iter()
    .chain(OF_KEYS)
    .chain(OF_WAITS)
    {
        assert_eq!(count(&conn, rows), 0, "there are {what}");
    }
}

/// What there must not be of deduplication keys.
const OF_KEYS: [(&str, &str); 4] = [
    (
        "deduplication keys whose owner has gone",
        "SELECT count(*) FROM dedup_keys WHERE job IS NOT NULL AND job NOT IN \
             (SELECT job FROM jobs WHERE keyed = 1 AND finished_at IS NULL)",
    ),
    (
        "deduplication keys that nobody holds",
        "SELECT count(*) FROM dedup_keys WHERE job IS NULL AND until IS NULL",
    ),
    (
        "blocked jobs that wait for nobody",
        "SELECT count(*) FROM jobs WHERE state = 'blocked' AND job NOT IN \
             (SELECT next FROM dedup_keys WHERE next IS NOT NULL AND job IS NOT NULL) \
             AND job NOT IN (SELECT child FROM edges WHERE stands = 0)",
    ),
    (
        "jobs that others wait for and that are not blocked",
        "SELECT count(*) FROM dedup_keys WHERE next IS NOT NULL AND next NOT IN \
             (SELECT job FROM jobs WHERE state = 'blocked')",
    ),
];

/// What there must not be of jobs that wait for others.
const OF_WAITS: [(&str, &str); 4] = [
    (
        "jobs that wait for one that has ended or is gone",
        "SELECT count(*) FROM edges WHERE stands = 0 AND child IN (SELECT job FROM jobs WHERE finished_at IS NULL) \
             AND NOT EXISTS (SELECT 1 FROM jobs WHERE job = parent AND finished_at IS NULL)",
    ),
    (
        "jobs that go on though they wait for others",
        "SELECT count(*) FROM jobs WHERE state <> 'blocked' AND finished_at IS NULL \
             AND job IN (SELECT child FROM edges WHERE stands = 0)",
    ),
    (
        "blocked jobs that ended with one that they wait for",
        "SELECT count(*) FROM jobs WHERE state = 'blocked' AND job IN (SELECT child FROM edges WHERE stands = 2)",
    ),
    ("waits without a job", "SELECT count(*) FROM edges WHERE child NOT IN (SELECT job FROM jobs)"),
];

/// Looks at the deduplication keys alone, each question at one moment. Returns what is wrong, if anything is.
///
/// # Errors
///
/// Those of the file, which may not have its tables yet.
pub fn broken_keys(conn: &Connection) -> rusqlite::Result<Option<String>> {
    broken(conn, &OF_KEYS)
}

/// Looks at the jobs that wait for others alone, each question at one moment. Returns what is wrong, if anything is.
///
/// # Errors
///
/// Those of the file, which may not have its tables yet.
pub fn broken_waits(conn: &Connection) -> rusqlite::Result<Option<String>> {
    broken(conn, &OF_WAITS)
}

fn broken(conn: &Connection, questions: &[(&str, &str)]) -> rusqlite::Result<Option<String>> {
    for (what, rows) in questions {
        let broken: i64 = conn.query_row(rows, [], |row| row.get(0))?;
        if broken != 0 {
            return Ok(Some(format!("there are {broken} {what}")));
        }
    }
    Ok(None)
}

/// Looks whether more jobs of a task or key run at one moment than its limit lets. Returns what is wrong, if anything is.
///
/// # Errors
///
/// Those of the file, which may not have its tables yet.
pub fn broken_permits(conn: &Connection) -> rusqlite::Result<Option<String>> {
    let above = "SELECT a.grp, a.running FROM limits l JOIN (SELECT queue, grp, count(*) AS running FROM jobs \
                 WHERE state = 'active' AND grp IS NOT NULL GROUP BY queue, grp) a \
                 ON a.queue = l.queue AND l.scope = substr(a.grp, 1, instr(a.grp || char(31), char(31)) - 1) \
                 WHERE json_extract(coalesce(l.ordered, l.declared), '$.concurrency') < a.running";
    let mut found = conn.prepare(above)?;
    let mut rows = found.query([])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let (group, running): (String, i64) = (row.get(0)?, row.get(1)?);
    Ok(Some(format!("{running} jobs of {group:?} run at once")))
}

fn count(conn: &Connection, statement: &str) -> i64 {
    conn.query_row(statement, [], |row| row.get(0)).expect("the statement is one")
}
