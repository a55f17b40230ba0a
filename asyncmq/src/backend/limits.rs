//! What is set for a queue and its tasks, as every store keeps it.

use std::collections::BTreeMap;

use crate::backend::{LimitInfo, LimitStanding, MAX_KEY_WEIGHTS, StoreError};
use crate::clock::Timestamp;
#[cfg(feature = "sqlite")]
use crate::job::OnLimit;
use crate::job::{Limit, LimitScope, LimitSource, Name};
use crate::lifecycle::{Starts, allowance};

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
    #[cfg(feature = "sqlite")]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Tells whether a task is held to a limit at which its jobs do not just wait.
    #[cfg(feature = "sqlite")]
    pub(crate) fn is_impatient(&self) -> bool {
        self.0.values().any(|info| info.limit().when_full() != OnLimit::Wait)
    }

    /// Lists what is set: for the queue, then for the tasks by name.
    pub(crate) fn infos(&self) -> Vec<LimitInfo> {
        self.0.values().cloned().collect()
    }

    /// Takes in what was stored.
    #[cfg(any(feature = "redis", feature = "sqlite"))]
    pub(crate) fn insert(&mut self, info: LimitInfo) {
        self.0.insert(info.scope.clone(), info);
    }
}

/// Returns how the limits stand that hold for a job: that of the queue, then that of its task or key, those that there are. `count`
/// tells how many jobs of a scope run, and what has started.
pub(crate) fn standings<E>(
    table: &LimitTable,
    (task, key): (&Name, Option<&str>),
    now: Timestamp,
    mut count: impl FnMut(&LimitScope) -> Result<(u32, Starts), E>,
) -> Result<Vec<LimitStanding>, E> {
    let scopes = [LimitScope::Queue, LimitScope::Task(task.clone())];
    let set = scopes.into_iter().filter(|scope| table.is_set(scope));
    let standing = |scope: LimitScope| {
        let (limit, (running, starts)) = (table.limit(&scope), count(&scope)?);
        let key = key.filter(|_| scope != LimitScope::Queue).map(Into::into);
        Ok(LimitStanding { key, allowance: allowance(limit, running, &starts, now), scope, limit, running })
    };
    set.map(standing).collect()
}

/// Says that a queue has as many weights as it can.
pub(crate) fn too_many_weights() -> StoreError {
    StoreError::refused(format!(
        "{MAX_KEY_WEIGHTS} keys of the queue have weights already: take some back by setting them to 1"
    ))
}

/// Parts a task from a key where both are one text: neither can hold a control character.
#[cfg(any(feature = "redis", feature = "sqlite"))]
pub(crate) const PART: char = '\u{1f}';

/// Names the group of a task, or of a key of it.
#[cfg(any(feature = "redis", feature = "sqlite"))]
pub(crate) fn group_of(task: &str, key: Option<&str>) -> String {
    match key {
        None => task.to_owned(),
        Some(key) => format!("{task}{PART}{key}"),
    }
}
