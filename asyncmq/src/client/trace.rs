//! The trace that a job joins unless it was given one: that of the code which enqueues it.

use crate::client::with_running;
use crate::job::{Envelope, TraceContext};

/// Returns the trace for a job that has none of its own.
pub(super) fn to_carry(job: &Envelope) -> Option<TraceContext> {
    here().filter(|_| !TraceContext::is_said(&job.extras().headers))
}

/// Returns the trace that the code here is a part of.
fn here() -> Option<TraceContext> {
    with_running(|context| context.trace()).flatten()
}
