//! What an operator needs, in a terminal, in a browser or in a program: to find jobs, to change many at once, to see who
//! works, what happened, and what is wrong.
//!
//! ```
//! # async fn example() -> asyncmq::Result<()> {
//! use asyncmq::Client;
//! use asyncmq::admin::{Order, Query};
//!
//! let admin = Client::memory().admin().acting_as("ann", "nightly-cleanup");
//! let query: Query = "state:failed error:timeout age:>1h".parse().map_err(asyncmq::Error::from)?;
//! let preview = admin.preview(&Order::Retry, &query, 5).await?;   // changes nothing
//! println!("{} jobs would be retried", preview.count);
//! let report = admin.carry_out(&Order::Retry, &query).await?;     // and it is on record who did it
//! assert_eq!(report.changed, preview.count);
//! # Ok(()) }
//! ```
//!
//! Nothing loads a whole queue: lists come in pages by cursor, orders work through one page after the other, and what
//! [`Query::is_counted`] says is counted without looking at a job. Every change leaves an
//! [`AuditEntry`](crate::backend::AuditEntry) in the store.

mod audit;
mod bulk;
mod count;
mod dedup;
pub mod doctor;
mod flows;
mod hidden;
mod jobs;
mod limits;
mod query;
mod queues;
mod redact;
mod schedules;
mod select;
pub mod view;
mod why;
#[cfg(any(feature = "cli", feature = "dashboard"))]
pub(crate) mod words;
mod workers;

pub use audit::Actor;
pub use bulk::{Bulk, BulkProgress, BulkReport, Order, Preview};
pub use flows::{FlowFilter, FlowInfo, FlowPage};
pub(crate) use hidden::Hidden;
pub use jobs::JobPage;
#[cfg(feature = "dashboard")]
pub(crate) use limits::standing_in_words;
pub use limits::{LimitUse, LimitsInUse};
pub use query::{KEYS, Pattern, Query, QueryError};
pub use queues::{Cleared, QueueOverview};
pub use redact::{REDACTED, redact, redact_text, redact_with};
pub use workers::{KnownTask, WorkerDetail};

use std::sync::Arc;

use crate::client::Client;

/// The operator's side of a client. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Admin {
    client: Client,
    actor: Actor,
    /// What is not found by those who search for it.
    hidden: Arc<Hidden>,
}

impl Client {
    /// Returns the operator's side of this client, which keeps a record of what it changes under the name of this process's
    /// user.
    #[must_use]
    pub fn admin(&self) -> Admin {
        Admin { client: self.clone(), actor: Actor::of_process(), hidden: Arc::default() }
    }
}

impl Admin {
    /// Says who orders, and through what, for the record.
    #[must_use]
    pub fn acting_as(mut self, who: impl Into<String>, source: impl Into<String>) -> Self {
        self.actor = Actor { who: who.into(), source: source.into() };
        self
    }

    /// Lets nobody find a job by what is hidden of it.
    #[cfg(feature = "dashboard")]
    pub(crate) fn hiding(mut self, hidden: Arc<Hidden>) -> Self {
        self.hidden = hidden;
        self
    }

    /// Returns the client.
    #[must_use]
    pub const fn client(&self) -> &Client {
        &self.client
    }
}
