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
    for entry in entries {
        table.row([
            (format!("{} ago", short(now.since(entry.at))), Tone::Faint),
            (entry.actor, Tone::None),
            (entry.source, Tone::None),
            (entry.action, Tone::Bold),
            (grouped(entry.changed), Tone::None),
            (entry.subject, Tone::None),
            (entry.error.unwrap_or_default(), Tone::Bad),
        ]);
    }
    session.out.table(&table)?;
    Ok(Ended::Done)
}
