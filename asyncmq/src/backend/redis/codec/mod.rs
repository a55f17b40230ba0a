//! The wire format: the only place, with the scripts, that knows how the store's bytes are spelt.
//!
//! Scripts read the fixed places in front and pass the rest on; arguments and results are never decoded anywhere.

mod bytes;
mod event;
#[cfg(feature = "conformance")]
pub(super) mod fuzz;
mod id;
mod limit;
mod options;
mod record;
mod status;
#[cfg(test)]
mod tests;
mod worker;

pub(super) use bytes::Garbled;
pub(super) use event::read_events;
pub(super) use id::{claim_of, id_bytes, put_id, read_id, read_token, token_of};
pub(super) use limit::{Group, limit_bytes, read_group, read_limits};
pub(super) use options::parents_bytes;
pub(super) use record::{
    LANE, Lane, Profile, lane_in, lane_of, profile_of, put_body, read_profile, read_record, rest_of_record,
    task_in,
};
pub(super) use status::{
    Kept, failure_bytes, letter_of, read_side, read_status, reason_parts, report_bytes, state_of,
};
pub(super) use worker::{read_worker_info, worker_bytes};
