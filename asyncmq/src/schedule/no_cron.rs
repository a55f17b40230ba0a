//! Stands in for cron expressions where they are not compiled in.

use crate::clock::Timestamp;
use crate::error::{Error, Result};

/// Nothing: there is none without the feature.
pub(super) enum CronTimes {}

impl CronTimes {
    pub(super) fn new(expression: &str, _zone: Option<&str>) -> Result<Self> {
        Err(Error::Unsupported(format!(
            "the cron expression {expression:?} needs the feature `cron` of asyncmq, which is on by default: add it to those of your \
             Cargo.toml, or run the job every so often"
        )))
    }

    pub(super) fn check(&self) -> Result<()> {
        match *self {}
    }

    pub(super) fn words(&self) -> String {
        match *self {}
    }

    pub(super) fn wall(&self, _time: Timestamp) -> Option<String> {
        match *self {}
    }

    pub(super) fn next_after(&self, _time: Timestamp) -> Option<Timestamp> {
        match *self {}
    }
}
