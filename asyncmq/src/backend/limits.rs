//! What is set for a queue and its tasks, as every store keeps it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::backend::LimitInfo;
use crate::job::{Limit, LimitScope, LimitSource, Name};

/// The limits of one queue.
#[derive(Debug, Clone, Default)]
pub(crate) struct LimitTable(BTreeMap<LimitScope, LimitInfo>);

impl LimitTable {
    /// Sets limits. Returns whether anything changed.
    pub(crate) fn set(&mut self, source: LimitSource, limits: &[(LimitScope, Option<Limit>)]) -> bool {
        let mut changed = false;
        for (scope, limit) in limits {
            let empty = || LimitInfo { scope: scope.clone(), declared: None, ordered: None };
            let info = self.0.entry(scope.clone()).or_insert_with(empty);
            let place = match source {
                LimitSource::Declared => &mut info.declared,
                LimitSource::Ordered => &mut info.ordered,
            };
            changed |= std::mem::replace(place, *limit) != *limit;
            if info.declared.is_none() && info.ordered.is_none() {
                self.0.remove(scope);
            }
        }
        changed
    }

    /// Returns what is in force.
    pub(crate) fn limit(&self, scope: &LimitScope) -> Limit {
        self.0.get(scope).map(LimitInfo::limit).unwrap_or_default()
    }

    /// Returns what is in force for a task.
    pub(crate) fn of_task(&self, task: &Name) -> Limit {
        self.limit(&LimitScope::Task(task.clone()))
    }

    /// Lists the tasks for which something is set.
    pub(crate) fn tasks(&self) -> impl Iterator<Item = &Name> {
        self.0.keys().filter_map(|scope| match scope {
            LimitScope::Task(task) => Some(task),
            LimitScope::Queue => None,
        })
    }

    /// Tells whether something is set.
    pub(crate) fn is_set(&self, scope: &LimitScope) -> bool {
        self.0.contains_key(scope)
    }

    /// Tells whether nothing is set.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Lists what is set: for the queue, then for the tasks by name.
    pub(crate) fn infos(&self) -> Vec<LimitInfo> {
        self.0.values().cloned().collect()
    }

    /// Takes in what was stored.
    pub(crate) fn insert(&mut self, info: LimitInfo) {
        self.0.insert(info.scope.clone(), info);
    }
}

/// A limit as stores that keep text write it.
#[derive(Debug, Serialize, Deserialize)]
struct LimitText {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rate: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    concurrency: Option<u32>,
}

/// Writes a limit.
pub(crate) fn write_limit(limit: &Limit) -> serde_json::Result<String> {
    let rate = limit.rate_limit().map(|rate| rate.to_string());
    serde_json::to_string(&LimitText { rate, concurrency: limit.concurrency_limit() })
}

/// Reads a limit; nothing if it is none.
pub(crate) fn read_limit(text: &str) -> Option<Limit> {
    let text: LimitText = serde_json::from_str(text).ok()?;
    let rate = text.rate.map(|rate| rate.parse()).transpose().ok()?;
    Some(Limit { rate, concurrency: text.concurrency })
}

/// Parts a task from a key where both are one text: neither can hold a control character.
pub(crate) const PART: char = '\u{1f}';

/// Names the group of a task, or of a key of it.
pub(crate) fn group_of(task: &str, key: Option<&str>) -> String {
    match key {
        None => task.to_owned(),
        Some(key) => format!("{task}{PART}{key}"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::job::RateLimit;

    #[test]
    fn limits_come_back_as_they_were_written() {
        let rates =
            [RateLimit::per(100, Duration::from_secs(1)), RateLimit::window(0, Duration::from_micros(7))];
        for limit in [Limit::NONE, Limit::NONE.concurrency(0), Limit::NONE.rate(rates[0]).concurrency(3)] {
            assert_eq!(read_limit(&write_limit(&limit).unwrap()), Some(limit));
        }
        let window = Limit::NONE.rate(rates[1]);
        assert_eq!(read_limit(&write_limit(&window).unwrap()), Some(window));
        assert_eq!(read_limit("{\"rate\":\"fast\"}"), None);
    }
}
