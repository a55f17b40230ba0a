//! What happened: events, and which of them a listener wants.
//!
//! Stores tell them; [`Client::events`](crate::Client::events) and [`Client::on`](crate::Client::on) listen.

mod filter;
mod kind;
mod record;

pub use filter::EventFilter;
pub use kind::EventKind;
pub use record::{Event, EventData};
