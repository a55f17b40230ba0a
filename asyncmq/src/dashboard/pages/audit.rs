//! Who ordered what.

use askama::Template;

use super::rows::Moment;
use super::{Shell, page};
use crate::backend::AuditEntry;
use crate::clock::Timestamp;
use crate::dashboard::error::Answer;
use crate::dashboard::visit::Visit;

/// How many are looked at for a page.
const PAGE: usize = 100;

struct Entry {
    when: Moment,
    actor: String,
    source: String,
    action: String,
    subject: String,
    changed: u64,
    error: Option<String>,
    /// What is said of an order that has not ended.
    open: &'static str,
}

impl Entry {
    fn of(entry: &AuditEntry, now: Timestamp) -> Self {
        Self {
            when: entry.at.into(),
            actor: entry.actor.clone(),
            source: entry.source.clone(),
            action: entry.action.clone(),
            subject: entry.subject.clone(),
            changed: entry.changed,
            error: entry.error.clone(),
            open: match entry.ended {
                true => "",
                false if entry.is_broken_off(now) => "broken off",
                false => "under way",
            },
        }
    }
}

#[derive(Template)]
#[template(path = "audit.html")]
struct Audit {
    shell: Shell,
    actor: String,
    action: String,
    entries: Vec<Entry>,
    next: Option<String>,
}

/// Lists them, the latest first.
pub(in crate::dashboard) async fn list(visit: Visit) -> Answer {
    let from = visit.query.number("from", (0, 0, 1_000))?;
    let (actor, action) =
        (visit.query.get("actor").unwrap_or_default(), visit.query.get("action").unwrap_or_default());
    let found = visit.admin().audit(from as u64..(from + PAGE) as u64).await?;
    let goes_on = found.len() == PAGE;
    let now = visit.dashboard.store_time().await?;
    let is_meant = |entry: &&AuditEntry| entry.actor.contains(actor) && entry.action.contains(action);
    let entries = found.iter().filter(is_meant).map(|entry| Entry::of(entry, now));
    let next = goes_on.then(|| {
        visit.link("/audit", &[("actor", actor), ("action", action), ("from", &(from + PAGE).to_string())])
    });
    page(&Audit {
        shell: Shell::new(&visit, "/audit", "Audit"),
        entries: entries.collect(),
        actor: actor.to_owned(),
        action: action.to_owned(),
        next,
    })
}
