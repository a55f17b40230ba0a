//! The frame around each page: where one is, who one is, and where one can go.

use crate::dashboard::access::proxy::Origin;
use crate::dashboard::state::Dashboard;
use crate::dashboard::text::{grouped, link};
use crate::dashboard::visit::{Visit, Visitor};

/// What the frame shows.
pub(in crate::dashboard) struct Shell {
    pub(super) prefix: String,
    pub(super) site: String,
    pub(super) title: String,
    /// The path of the page, as the list of pages has it.
    pub(super) here: &'static str,
    pub(super) user: String,
    pub(super) role: &'static str,
    pub(super) can_leave: bool,
    /// Whether the page looks again as things happen.
    pub(super) is_live: bool,
    pub(super) flash: Option<&'static str>,
    /// How many dead letters there are.
    pub(super) dead: String,
    pub(super) search: String,
}

/// One page in the list of pages.
pub(super) struct Place {
    pub(super) path: &'static str,
    pub(super) name: &'static str,
}

const fn place(path: &'static str, name: &'static str) -> Place {
    Place { path, name }
}

const NAV: [&[Place]; 3] = [
    &[
        place("/", "Overview"),
        place("/queues", "Queues"),
        place("/jobs", "Jobs"),
        place("/dead", "Dead letters"),
    ],
    &[
        place("/flows", "Flows"),
        place("/schedules", "Schedules"),
        place("/limits", "Limits"),
        place("/workers", "Workers"),
        place("/tasks", "Tasks"),
    ],
    &[
        place("/stats", "Metrics"),
        place("/events", "Events"),
        place("/audit", "Audit"),
        place("/doctor", "Doctor"),
    ],
];

/// What is said after an order. A word in an address chooses among these, so nobody can make a page say anything else.
const DONE: [(&str, &str); 19] = [
    ("retried", "Retried: it waits again, with fresh attempts."),
    ("cancelled", "Cancelled; if it is running, its worker was told."),
    ("promoted", "Promoted: it is due now."),
    ("removed", "Removed."),
    ("paused", "Paused: it gives nothing out; running jobs go on."),
    ("resumed", "Resumed: it gives out again."),
    ("unchanged", "It was so already; nothing was changed."),
    ("cleared", "Removed what was shown."),
    ("stopped", "It stops after the step that is under way."),
    ("schedule-paused", "Paused: it fires nothing until it is resumed; its jobs go on."),
    ("schedule-resumed", "Resumed: it fires again, from its next slot on."),
    ("scheduled", "Kept: it runs as it says here."),
    ("limited", "Ordered: it counts from now on, in place of what the code says."),
    ("limit-reset", "Taken back: what the code says counts again."),
    ("flow-cancelled", "Cancelled what had not ended; workers of running jobs were told."),
    ("flow-retried", "What had not completed begins anew, each job behind those that it waits for."),
    ("flow-left", "Removed, but for what runs: that, and the flow, can be removed once it has ended."),
    ("fired", "Enqueued, outside of the schedule's slots."),
    ("refused", "It stands where this order does not reach it; nothing was changed."),
];

impl Shell {
    /// Frames a page for whoever asks.
    pub(in crate::dashboard) fn new(visit: &Visit, here: &'static str, title: impl Into<String>) -> Self {
        let title = title.into();
        let mut shell = Self::of(&visit.dashboard, &visit.origin, &visit.visitor, (here, &title));
        let done = visit.query.get("done");
        shell.flash = DONE.iter().find(|(word, _)| Some(*word) == done).map(|(_, says)| *says);
        shell.is_live = true;
        shell
    }

    pub(super) fn of(
        dashboard: &Dashboard,
        origin: &Origin,
        visitor: &Visitor,
        (here, title): (&'static str, &str),
    ) -> Self {
        let dead = dashboard.watch.history().latest(1).next().map_or(0, |sample| sample.dead);
        Self {
            prefix: origin.prefix.clone(),
            site: dashboard.title.clone(),
            title: title.to_owned(),
            here,
            user: visitor.user.name.clone(),
            role: visitor.user.role.name(),
            can_leave: visitor.session.is_some(),
            is_live: false,
            flash: None,
            dead: grouped(dead),
            search: String::new(),
        }
    }

    /// A page that stays as it is.
    pub(super) fn still(mut self) -> Self {
        self.is_live = false;
        self
    }

    /// Shows this in the search field.
    pub(super) fn searching(mut self, query: &str) -> Self {
        query.clone_into(&mut self.search);
        self
    }

    pub(super) fn link(&self, path: &str) -> String {
        link(&self.prefix, path, &[])
    }

    #[expect(clippy::unused_self, reason = "templates call methods of what they are given")]
    pub(super) fn nav(&self) -> [&'static [Place]; 3] {
        NAV
    }
}
