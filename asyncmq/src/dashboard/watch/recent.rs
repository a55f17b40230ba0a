//! The latest events, for those who come and for those who stay.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::broadcast;

use crate::admin::view::EventView;

/// How many are kept.
const KEPT: usize = 500;
/// How many may be on their way to a listener that is slow; it loses the oldest of more.
const UNDER_WAY: usize = 1_024;

/// The latest events.
pub(in crate::dashboard) struct Recent {
    kept: Mutex<VecDeque<Arc<EventView>>>,
    live: broadcast::Sender<Arc<EventView>>,
}

/// Which events somebody wants to see.
#[derive(Debug, Clone, Default)]
pub(in crate::dashboard) struct Wanted {
    /// A kind, or the beginning of one with a `*` behind.
    pub(in crate::dashboard) kind: Option<String>,
    pub(in crate::dashboard) queue: Option<String>,
    pub(in crate::dashboard) task: Option<String>,
    pub(in crate::dashboard) job: Option<String>,
}

impl Wanted {
    pub(in crate::dashboard) fn wants(&self, event: &EventView) -> bool {
        let is = |wanted: &Option<String>, value: &Option<String>| {
            wanted.is_none() || wanted.as_deref() == value.as_deref()
        };
        let is_kind = self.kind.as_deref().is_none_or(|kind| match kind.strip_suffix('*') {
            Some(start) => event.kind.starts_with(start),
            None => event.kind == kind,
        });
        is_kind && is(&self.queue, &event.queue) && is(&self.task, &event.task) && is(&self.job, &event.job)
    }
}

impl Recent {
    pub(super) fn new() -> Self {
        Self { kept: Mutex::default(), live: broadcast::channel(UNDER_WAY).0 }
    }

    pub(super) fn add(&self, event: EventView) {
        let event = Arc::new(event);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        while KEPT <= kept.len() {
            kept.pop_front();
        }
        kept.push_back(event.clone());
        let _ = self.live.send(event);
    }

    /// Returns the latest that are wanted, the newest first.
    pub(in crate::dashboard) fn latest(&self, wanted: &Wanted, most: usize) -> Vec<Arc<EventView>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().rev().filter(|event| wanted.wants(event)).take(most).cloned().collect()
    }

    /// Listens from now on.
    pub(in crate::dashboard) fn listen(&self) -> broadcast::Receiver<Arc<EventView>> {
        self.live.subscribe()
    }
}
