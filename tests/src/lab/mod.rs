//! The fault laboratory: processes write down what they do, and a checker compares it with what asyncmq promises.
//!
//! ```text
//!  producers, workers, driver ── a line for each event, one write(2) ──▶ journal.*      (`journal`, `recorded`)
//!                                                                          │ read        (`history`)
//!                                                                          ▼
//!  what each job and each worker went through (`world`) ─▶ the invariants (`check`) ─▶ a report
//! ```
//!
//! The history is all that the checker knows: it can be kept, and checked again. Times are those of the machine's
//! monotonic clock, which all processes share. A store's step lies between the call and its answer, and each invariant takes
//! of the two whichever makes it the weaker: what is reported did happen.

pub mod beats;
#[cfg(feature = "redis")]
pub mod chaos;
pub mod check;
pub mod event;
pub mod history;
pub mod journal;
pub mod kin;
pub mod load;
pub mod producer;
pub mod recorded;
pub mod send;
pub mod turns;
pub mod worker;
pub mod world;
