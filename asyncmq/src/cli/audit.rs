//! `asyncmq audit`: who ordered what.

use std::time::SystemTime;

use clap::{ArgMatches, Command};

use super::Ended;
use super::flags::{leaf, number, value};
use super::out::Tone;
use super::out::object;
use super::out::table::Table;
use super::out::text::{grouped, short};
use super::session::Session;
use crate::admin::view::AuditView;
use crate::backend::AuditEntry;
use crate::clock::Timestamp;
use crate::error::Result;

/// Describes the command.
pub(super) fn command() -> Command {
    leaf("audit", "Lists what people ordered, the latest first; the last 1,000 are kept")
        .arg(value("limit", "N", "How many at most").default_value("50"))
}

/// Runs it.
pub(super) async fn run(session: &Session, flags: &ArgMatches) -> Result<Ended> {
    let limit = number(flags, "limit")?.unwrap_or(50);
    let entries = session.admin.audit(0..limit).await?;
    if session.out.json {
        let entries: Vec<AuditView> = entries.iter().map(Into::into).collect();
        session.out.json(&object!({ audit: entries }))?;
        return Ok(Ended::Done);
    }
    if entries.is_empty() {
        session.out.note("Nobody has ordered anything yet.");
        return Ok(Ended::Done);
    }
    let now: Timestamp = SystemTime::now().into();
    let mut table = Table::new(&["WHEN", "WHO", "THROUGH", "ACTION", "#CHANGED", "SUBJECT", "ERROR"]);
    for entry in &entries {
        table.row([
            (format!("{} ago", short(now.since(entry.at))), Tone::Faint),
            (entry.actor.clone(), Tone::None),
            (entry.source.clone(), Tone::None),
            (entry.action.clone(), Tone::Bold),
            (grouped(entry.changed), Tone::None),
            (entry.subject.clone(), Tone::None),
            (how_it_ended(entry, now), Tone::Bad),
        ]);
    }
    session.out.table(&table)?;
    Ok(Ended::Done)
}

/// Says what went wrong with an order, or that it has not ended.
fn how_it_ended(entry: &AuditEntry, now: Timestamp) -> String {
    match &entry.error {
        Some(error) => error.clone(),
        None if entry.is_broken_off(now) => {
            format!("broken off: nothing was heard of it for {}", short(now.since(entry.told_at)))
        }
        None if !entry.ended => "under way".into(),
        None => String::new(),
    }
}
