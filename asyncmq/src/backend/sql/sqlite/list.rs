//! Lists of places, in the order in which they are shown. Shared by those who look and those who remove.

use rusqlite::{Connection, OptionalExtension, Params};

use super::super::bytes::{micros, time_of};
use super::super::statements as sql;
use super::fault::Step;
use crate::backend::{Counts, Page};
use crate::clock::Timestamp;
use crate::job::{JobState, Name};

/// How a queue stands.
#[derive(Debug, Default)]
pub(super) struct Stands {
    pub(super) queue: i64,
    pub(super) paused: bool,
    pub(super) counts: Counts,
    pub(super) enqueued: u64,
    pub(super) ended: u64,
}

/// Reads how a queue stands, if there is one of this name.
pub(super) fn stands(conn: &Connection, space: i64, name: &Name) -> Step<Option<Stands>> {
    let mut find = conn.prepare_cached(sql::QUEUE_STANDS)?;
    let stands = find.query_row((space, name.as_str()), |row| {
        let count = |column: usize| row.get::<_, i64>(column).map(i64::unsigned_abs);
        let counts = Counts {
            waiting: count(3)?,
            active: count(4)?,
            delayed: count(5)?,
            blocked: count(6)?,
            completed: count(7)?,
            failed: count(8)?,
            expired: count(9)?,
            cancelled: count(10)?,
        };
        let (queue, paused) = (row.get(0)?, row.get(1)?);
        Ok(Stands { queue, paused, counts, enqueued: count(12)?, ended: count(13)? })
    });
    Ok(stands.optional()?)
}

/// Reads numbers of jobs.
pub(super) fn jobs(conn: &Connection, statement: &str, columns: impl Params) -> Step<Vec<i64>> {
    let mut list = conn.prepare_cached(statement)?;
    let jobs = list.query_map(columns, |row| row.get(0))?;
    Ok(jobs.collect::<Result<_, _>>()?)
}

/// Lists the jobs of a state: waiting ones as they will run, delayed ones as they will be due, ended ones newest first.
pub(super) fn list(conn: &Connection, queue: i64, state: JobState, page: Page) -> Step<Vec<i64>> {
    let start = usize::try_from(page.start).unwrap_or(usize::MAX);
    let end = i64::try_from(page.end).unwrap_or(i64::MAX);
    let count = end.saturating_sub(i64::try_from(page.start).unwrap_or(i64::MAX)).max(0);
    let mut places = match state {
        JobState::Waiting => waiting(conn, queue, end)?,
        JobState::Delayed => return jobs(conn, sql::LIST_DELAYED, (queue, count, page.start as i64)),
        JobState::Active => return jobs(conn, sql::LIST_ACTIVE, (queue, count, page.start as i64)),
        JobState::Blocked => return jobs(conn, sql::LIST_BLOCKED, (queue, count, page.start as i64)),
        JobState::Completed | JobState::Failed | JobState::Expired | JobState::Cancelled => {
            ended(conn, queue, state, end)?
        }
    };
    places.truncate(usize::try_from(end).unwrap_or(usize::MAX));
    Ok(places.into_iter().skip(start).collect())
}

/// Lists the first waiting jobs, of all lanes together.
fn waiting(conn: &Connection, queue: i64, limit: i64) -> Step<Vec<i64>> {
    let mut places: Vec<(i64, i64, i64)> = Vec::new();
    for lane in lanes(conn, queue)? {
        let mut list = conn.prepare_cached(sql::LIST_WAITING)?;
        let rows = list.query_map([lane, limit], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        for row in rows {
            places.push(row?);
        }
    }
    places.sort_unstable();
    Ok(places.into_iter().map(|(.., job)| job).collect())
}

/// Lists the first places of a state behind one: its rank, its number, and the job.
pub(super) fn behind(
    conn: &Connection,
    queue: i64,
    state: JobState,
    after: Option<(i64, i64)>,
    limit: usize,
) -> Step<Vec<(i64, i64, i64)>> {
    let (rank, number) = after.unwrap_or((-1, -1));
    let before = after.map_or(i64::MAX, |(_, number)| number);
    let most = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut places = Vec::new();
    match state {
        JobState::Waiting => {
            for lane in lanes(conn, queue)? {
                places.extend(triples(conn, sql::SCAN_WAITING, (lane, rank, number, most))?);
            }
        }
        JobState::Delayed => places = triples(conn, sql::SCAN_DELAYED, (queue, rank, number, most))?,
        JobState::Active => {
            places = triples(conn, sql::SCAN_ACTIVE, [queue])?;
            places.retain(|place| after.is_none_or(|after| after < (place.0, place.1)));
        }
        JobState::Blocked => places = triples(conn, sql::SCAN_BLOCKED, (queue, number, most))?,
        JobState::Completed | JobState::Failed | JobState::Expired | JobState::Cancelled => {
            places = triples(conn, sql::SCAN_COUNTED, (queue, state.name(), before, most))?;
            places.extend(triples(conn, sql::SCAN_EXACTLY, (queue, state.name(), before, most))?);
        }
    }
    if state.is_terminal() {
        places.sort_unstable_by(|one, other| other.cmp(one));
    } else {
        places.sort_unstable();
    }
    places.truncate(limit);
    Ok(places)
}

fn triples(conn: &Connection, statement: &str, columns: impl Params) -> Step<Vec<(i64, i64, i64)>> {
    let mut list = conn.prepare_cached(statement)?;
    let rows = list.query_map(columns, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn lanes(conn: &Connection, queue: i64) -> Step<Vec<i64>> {
    jobs(conn, sql::LANES_WAITING, [queue])
}

/// Lists the latest jobs that ended in a state.
fn ended(conn: &Connection, queue: i64, state: JobState, limit: i64) -> Step<Vec<i64>> {
    let place = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let mut counted = conn.prepare_cached(sql::LIST_COUNTED)?;
    let rows = counted.query_map((queue, state.name(), limit), place)?;
    let mut places: Vec<(i64, i64)> = rows.collect::<Result<_, _>>()?;
    let mut exactly = conn.prepare_cached(sql::LIST_EXACTLY)?;
    for row in exactly.query_map((queue, state.name(), limit), place)? {
        places.push(row?);
    }
    places.sort_unstable_by(|one, other| other.cmp(one));
    Ok(places.into_iter().map(|(_, job)| job).collect())
}

/// Lists jobs of a state that ended (or, if they have not, were due) before a time: at most `limit`.
pub(super) fn older(
    conn: &Connection,
    queue: i64,
    state: JobState,
    before: Timestamp,
    limit: usize,
) -> Step<Vec<i64>> {
    let before = micros(before);
    let statements: &[(&str, bool)] = match state {
        JobState::Waiting => return older_waiting(conn, queue, before, limit),
        JobState::Delayed => &[(sql::OLDER_DELAYED, false)],
        JobState::Completed | JobState::Failed | JobState::Expired | JobState::Cancelled => {
            &[(sql::OLDER_COUNTED, true), (sql::OLDER_EXACTLY, true)]
        }
        JobState::Blocked => {
            let most = i64::try_from(limit).unwrap_or(i64::MAX);
            return jobs(conn, sql::OLDER_BLOCKED, (queue, before, most));
        }
        JobState::Active => &[],
    };
    let mut older = Vec::new();
    for (statement, by_state) in statements {
        let mut list = conn.prepare_cached(statement)?;
        let mut rows = match by_state {
            true => list.query((queue, state.name()))?,
            false => list.query([queue])?,
        };
        // They come oldest first: behind the first that is too young there are none.
        while let Some(row) = rows.next()?
            && older.len() < limit
            && row.get::<_, i64>(1)? < before
        {
            older.push(row.get(0)?);
        }
    }
    Ok(older)
}

fn older_waiting(conn: &Connection, queue: i64, before: i64, limit: usize) -> Step<Vec<i64>> {
    let mut older = Vec::new();
    for lane in lanes(conn, queue)? {
        let mut list = conn.prepare_cached(sql::OLDER_WAITING)?;
        let mut rows = list.query([lane, before])?;
        while let Some(row) = rows.next()?
            && older.len() < limit
        {
            older.push(row.get(0)?);
        }
    }
    Ok(older)
}

/// Returns since when the oldest waiting job of a queue has been due: it stands at the head of some priority.
pub(super) fn oldest_waiting(conn: &Connection, queue: i64) -> Step<Option<Timestamp>> {
    let mut oldest: Option<i64> = None;
    for lane in lanes(conn, queue)? {
        let mut next = conn.prepare_cached(sql::NEXT_PRIORITY)?;
        let mut priority: i64 = -1;
        while let Some((level, run_at)) =
            next.query_row([lane, priority], |row| Ok((row.get(0)?, row.get(1)?))).optional()?
        {
            priority = level;
            oldest = Some(oldest.map_or(run_at, |oldest: i64| oldest.min(run_at)));
        }
    }
    Ok(oldest.map(time_of))
}
