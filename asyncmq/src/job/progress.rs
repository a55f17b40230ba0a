//! What a handler says of its progress.

use serde::Serialize;
use serde_json::Value;

/// How far a job is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Progress {
    percent: f64,
    data: Value,
}

impl Progress {
    /// Describes a progress. `percent` is held between 0 and 100; a NaN counts as 0.
    #[must_use]
    pub fn new(percent: f64, data: Value) -> Self {
        let percent = if percent.is_nan() { 0.0 } else { percent.clamp(0.0, 100.0) };
        Self { percent, data }
    }

    /// Returns how much is done, from 0 to 100.
    #[must_use]
    pub const fn percent(&self) -> f64 {
        self.percent
    }

    /// Returns what the handler added; null if nothing.
    #[must_use]
    pub const fn data(&self) -> &Value {
        &self.data
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_stays_in_its_range() {
        for (said, kept) in [(-1.0, 0.0), (33.3, 33.3), (250.0, 100.0), (f64::NAN, 0.0)] {
            assert!((Progress::new(said, Value::Null).percent() - kept).abs() < f64::EPSILON);
        }
    }
}
