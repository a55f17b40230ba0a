//! What may come next in a query: keys, states, and the names that there are.

use axum::Json;
use axum::response::IntoResponse;
use serde::Serialize;

use super::error::Answer;
use super::visit::Visit;
use crate::admin::{KEYS, Pattern};
use crate::error::Result;
use crate::job::{FailureKind, JobState};

/// How many are offered.
const MOST: usize = 12;

/// One way to go on.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Suggestion {
    /// The query with it.
    query: String,
    /// What is added, as it is shown.
    shown: String,
    /// What it means.
    means: String,
}

/// Offers what may come next.
pub(super) async fn suggest(visit: Visit) -> Answer {
    let query = visit.query.get("q").unwrap_or_default();
    let query = &query[..query.floor_char_boundary(4_096)];
    let start = last_term(query);
    let (before, term) = query.split_at(start);
    let sign = if term.starts_with('-') { "-" } else { "" };
    let term = &term[sign.len()..];
    let offers = match term.split_once(':') {
        None => keys(term),
        Some((key, values)) => {
            let (done, value) =
                values.rsplit_once(',').map_or(("", values), |(done, value)| (&values[..=done.len()], value));
            let value = value.trim_start_matches('"');
            let found = values_of(&visit, key, value).await?;
            found.into_iter().map(|(value, means)| (format!("{key}:{done}{value}"), means)).collect()
        }
    };
    let suggestion = |(shown, means): (String, String)| Suggestion {
        query: format!("{before}{sign}{shown}"),
        shown: format!("{sign}{shown}"),
        means,
    };
    let offers: Vec<_> = offers.into_iter().take(MOST).map(suggestion).collect();
    Ok(Json(offers).into_response())
}

/// Returns where the last term begins: blanks within quotes do not end one.
fn last_term(query: &str) -> usize {
    let (mut start, mut is_quoted, mut is_escaped) = (0, false, false);
    for (place, c) in query.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            c if c.is_whitespace() && !is_quoted => start = place + c.len_utf8(),
            _ => {}
        }
    }
    start
}

fn keys(start: &str) -> Vec<(String, String)> {
    let keys = KEYS.iter().filter(|(key, _)| key.starts_with(start));
    keys.map(|(key, takes)| (format!("{key}:"), (*takes).to_owned())).collect()
}

async fn values_of(visit: &Visit, key: &str, start: &str) -> Result<Vec<(String, String)>> {
    let begins = |value: &&str| value.to_lowercase().contains(&start.to_lowercase());
    let fixed = |values: &[(&str, &str)]| -> Vec<(String, String)> {
        let fit = values.iter().filter(|(value, _)| begins(value));
        fit.map(|(value, means)| ((*value).to_owned(), (*means).to_owned())).collect()
    };
    let admin = visit.admin();
    Ok(match key {
        "state" => {
            let states = JobState::ALL.map(|state| (state.name(), "")).to_vec();
            fixed(&[states, vec![("dead", "failed or expired")]].concat())
        }
        "error" => fixed(&FailureKind::ALL.map(|kind| (kind.name(), "what kind of failure"))),
        "age" | "ended" => fixed(&[
            (">1h", "longer ago than an hour"),
            ("<5m", "within five minutes"),
            (">1d", "longer ago than a day"),
        ]),
        "attempt" => fixed(&[(">1", "more than one"), ("0", "none yet")]),
        "priority" => fixed(&[("<5", "before others"), (">5", "after others")]),
        "queue" => {
            let names = visit.dashboard.client.queues().await?;
            let fit = names.iter().filter(|name| begins(&name.as_str()));
            fit.map(|name| (Pattern::exactly(name).to_string(), String::new())).collect()
        }
        "task" => {
            let heard: Vec<String> =
                visit.dashboard.watch.tally().rows().into_iter().map(|row| row.task).collect();
            let known = admin.tasks().await?;
            let known = known.iter().map(|task| task.info.name.to_string());
            let mut names: Vec<String> = known.chain(heard).filter(|name| begins(&name.as_str())).collect();
            names.sort();
            names.dedup();
            names.into_iter().map(|name| (Pattern::exactly(&name).to_string(), String::new())).collect()
        }
        "worker" => {
            let workers = admin.workers().await?;
            let shown = workers
                .iter()
                .map(|worker| (worker.id.to_string(), format!("{} {}", worker.host, worker.pid)));
            shown.filter(|(id, _)| begins(&id.as_str())).collect()
        }
        _ => Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_term_is_what_is_being_typed() {
        for (query, start) in
            [("", 0), ("sta", 0), ("state:failed ta", 13), ("tag:\"to do", 0), ("tag:\"to do\" x", 12)]
        {
            assert_eq!(last_term(query), start, "{query}");
        }
    }

    #[test]
    fn keys_are_offered_by_their_beginning() {
        let offered: Vec<_> = keys("ta").into_iter().map(|(key, _)| key).collect();
        assert_eq!(offered, ["task:", "tag:"]);
        assert_eq!(keys("").len(), KEYS.len());
    }
}
