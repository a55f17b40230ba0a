//! The rules: pure functions of a job, what was observed, and the time. No I/O, no clock, no randomness.
//!
//! ```text
//!            push                     claim
//!   ───────────────────▶ waiting ───────────────▶ active ──── complete ───▶ completed
//!      │           │       ▲  ▲ │                  │ │ │ │
//!      │ due later │       │  │ └─ ttl over ─┐     │ │ │ └──── fail ──────▶ failed ───┐
//!      │           ▼       │  │              ▼     │ │ │                              │ retry
//!      │        delayed ───┘  │           expired  │ │ └────── cancel ────▶ cancelled │ (replay)
//!      │         ▲   due      │              │     │ │                        │       │
//!      ▼         └────────────┼── retry, snooze ───┘ │                        │       │
//!   blocked ── parents done, ─┘◀── release, rescue ──┘     waiting ◀──────────┴───────┘
//!              key freed
//! ```
//!
//! Whatever has not ended can be cancelled. Stores apply these rules and add none of their own.

mod admit;
mod apply;
mod dedup;
mod limit;
mod moves;
mod parents;
mod rescue;
mod retention;
mod retry;
mod settle;
mod transition;

pub use admit::{Admission, admit, enter, expires, expiry};
pub use apply::{apply, heed_cancel};
pub use dedup::{Arrival, Held, Owner, Release, arrive, held_until, may_replace, release, unblock};
pub use limit::{Allowance, Crowd, Room, Starts, allowance, make_room, new_to_know, why_no_room};
pub use moves::is_legal;
pub use parents::{Edge, Heed, end_with, heed, stand, waited_for};
pub use rescue::{Verdict, after_crash};
pub use retention::{Keep, Limits, keep, unpinned};
pub use retry::{Draw, delay_before, delay_by};
pub use settle::{Outcome, settle};
pub use transition::Transition;
