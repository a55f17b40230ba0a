//! What a worker does, seen from outside: as events, records and effects.

mod cancel;
mod concurrency;
mod hooks;
mod limits;
mod logs;
mod outage;
mod panics;
mod reports;
mod retry;
mod start;
mod stop;
mod timeout;
