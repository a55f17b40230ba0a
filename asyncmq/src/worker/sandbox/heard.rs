//! What a child says while its handler runs, carried to where an attempt in the worker itself would have said it.

use std::sync::Arc;

use super::child::{Control, garbled};
use super::frames::{End, Ended, Failed, Frame, Kind, Report, Said};
use super::lost::Why;
use super::pushed;
use crate::job::Progress;
use crate::task::{Attempt, Decision, TaskError};
use crate::worker::middleware::Handled;

/// Heeds a frame. Returns the end of the attempt of this number if that is what it is.
pub(super) fn heed(
    attempt: &Arc<Attempt>,
    number: u64,
    frame: &Frame,
    control: &Arc<Control>,
) -> Result<Option<End>, Why> {
    match frame.kind {
        Kind::End => {
            let end: End = frame.head().map_err(garbled)?;
            if end.number != number {
                return Err(Why::Garbled(format!(
                    "attempt {} ended, where {number} was under way",
                    end.number
                )));
            }
            Ok(Some(end))
        }
        Kind::Report => {
            let report: Report = frame.head().map_err(garbled)?;
            // What an earlier handler left running may still speak; nobody listens to it.
            if report.number == number {
                repeat(attempt, report.said);
            }
            Ok(None)
        }
        Kind::Push => {
            pushed::carry_out(attempt, frame, control).map_err(garbled)?;
            Ok(None)
        }
        kind => Err(Why::Garbled(format!("{kind:?} is nothing that a child says"))),
    }
}

/// Says in the worker what the handler said in the child.
pub(super) fn repeat(attempt: &Arc<Attempt>, said: Said) {
    if let Some((percent, data)) = said.progress {
        attempt.progress(Progress::new(percent, data));
    }
    said.logs.into_iter().for_each(|message| attempt.log(message));
}

/// Makes of an attempt's end what its handler would have returned here.
pub(super) fn handled(ended: Ended, frame: Frame) -> Handled {
    let failed = |decision, failed: Failed| Err(TaskError::told(decision, failed.kind(), failed.message));
    match ended {
        Ended::Completed => Ok(frame.body),
        Ended::Failed(failure) => failed(Decision::Retry, failure),
        Ended::FailedFor(failure, delay) => failed(Decision::RetryIn(delay), failure),
        Ended::FailedForGood(failure) => failed(Decision::Permanent, failure),
        Ended::Snoozed(delay) => Err(TaskError::snooze(delay)),
        Ended::Cancelled(Some(reason)) => Err(TaskError::cancel(reason)),
        Ended::Cancelled(None) | Ended::Abandoned => Err(TaskError::mere_stop()),
    }
}
