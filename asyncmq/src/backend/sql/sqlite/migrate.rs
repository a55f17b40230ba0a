//! Brings a file's schema up to what this version knows: forward only, and nothing is dropped.

use rusqlite::{Connection, TransactionBehavior};

use super::fault::{Fault, Step};

/// The migrations, in their order; the schema's version is how many were carried out.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_jobs.sql"),
    include_str!("migrations/0002_audit.sql"),
    include_str!("migrations/0003_orders.sql"),
    include_str!("migrations/0004_schedules.sql"),
    include_str!("migrations/0005_dedup.sql"),
    include_str!("migrations/0006_limits.sql"),
    include_str!("migrations/0007_turns.sql"),
    include_str!("migrations/0008_parents.sql"),
    include_str!("migrations/0009_pins.sql"),
];

/// What tells our files from others': "asmq".
pub(super) const APPLICATION: i64 = 0x6173_6d71;

/// Carries out what is missing. Several processes may at once.
pub(super) fn migrate(conn: &mut Connection) -> Step<()> {
    if is_up_to_date(conn)? {
        return Ok(());
    }
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let done = version(&tx)?;
    for migration in MIGRATIONS.iter().skip(done) {
        tx.execute_batch(migration)?;
    }
    tx.pragma_update(None, "application_id", APPLICATION)?;
    tx.pragma_update(None, "user_version", MIGRATIONS.len() as i64)?;
    Ok(tx.commit()?)
}

/// Tells whether nothing is missing; refuses files that are not ours, or of a later version.
fn is_up_to_date(conn: &Connection) -> Step<bool> {
    let application: i64 = conn.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: i64 = conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application != APPLICATION && (application != 0 || tables != 0) {
        return Err(Fault::Refused("the file belongs to another program: give asyncmq a file of its own"));
    }
    let done = version(conn)?;
    if MIGRATIONS.len() < done {
        return Err(Fault::Refused(
            "the file was written by a later version of asyncmq: bring this program up to date",
        ));
    }
    Ok(done == MIGRATIONS.len())
}

fn version(conn: &Connection) -> Step<usize> {
    let version: i64 = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
    usize::try_from(version).map_err(|_| Fault::Unreadable("a schema version"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_file_gets_the_schema_once() {
        let mut conn = Connection::open_in_memory().unwrap();
        migrate(&mut conn).unwrap();
        migrate(&mut conn).unwrap();
        assert_eq!(version(&conn).unwrap(), MIGRATIONS.len());
    }

    #[test]
    fn a_later_schema_is_refused_and_left_alone() {
        let mut conn = Connection::open_in_memory().unwrap();
        migrate(&mut conn).unwrap();
        conn.pragma_update(None, "user_version", 99).unwrap();
        assert!(migrate(&mut conn).unwrap_err().to_string().contains("later version"));
        assert_eq!(version(&conn).unwrap(), 99);
    }

    #[test]
    fn another_programs_file_is_refused() {
        let mut conn = Connection::open_in_memory().unwrap();
        conn.execute_batch("CREATE TABLE theirs (x)").unwrap();
        assert!(migrate(&mut conn).unwrap_err().to_string().contains("another program"));
    }
}
