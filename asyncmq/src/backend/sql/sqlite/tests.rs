//! What all statements have in common.

use rusqlite::Connection;

use super::super::statements::ALL;
use super::migrate::migrate;

fn schema() -> Connection {
    let mut conn = Connection::open_in_memory().unwrap();
    migrate(&mut conn).unwrap();
    conn
}

#[test]
fn parameters_are_numbered_as_they_first_appear() {
    let conn = schema();
    for (name, statement) in ALL {
        let prepared = conn.prepare(statement).unwrap_or_else(|error| panic!("{name}: {error}"));
        for place in 1..=prepared.parameter_count() {
            assert_eq!(prepared.parameter_name(place), Some(format!("${place}").as_str()), "{name}");
        }
    }
}

/// Lists of jobs that people ask for, and that go by an index of running jobs only.
const SCANS: [&str; 1] = ["list_active"];

#[test]
fn no_statement_searches_all_jobs() {
    let conn = schema();
    for (name, statement) in ALL.iter().filter(|(name, _)| !SCANS.contains(name)) {
        let mut explain = conn.prepare(&format!("EXPLAIN QUERY PLAN {statement}")).unwrap();
        let nulls = vec![rusqlite::types::Null; explain.parameter_count()];
        let steps = explain.query_map(rusqlite::params_from_iter(nulls), |row| row.get::<_, String>(3));
        for step in steps.unwrap() {
            let step = step.unwrap();
            assert!(!step.starts_with("SCAN jobs") && step != "SCAN j", "{name}: {step}");
            assert!(!step.contains("TEMP B-TREE") || !statement.contains("FROM jobs"), "{name}: {step}");
        }
    }
}
