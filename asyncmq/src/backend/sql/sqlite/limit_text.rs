//! How limits are written in the file.

use serde::{Deserialize, Serialize};

use crate::job::Limit;

/// A limit as its row has it.
#[derive(Debug, Serialize, Deserialize)]
struct LimitText {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rate: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    concurrency: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    on_limit: Option<String>,
}

/// Writes a limit.
pub(super) fn write_limit(limit: &Limit) -> serde_json::Result<String> {
    let rate = limit.rate_limit().map(|rate| rate.to_string());
    let on_limit = limit.on_limit.map(|policy| policy.to_string());
    serde_json::to_string(&LimitText { rate, concurrency: limit.concurrency_limit(), on_limit })
}

/// Reads a limit; nothing if it is none.
pub(super) fn read_limit(text: &str) -> Option<Limit> {
    let text: LimitText = serde_json::from_str(text).ok()?;
    let rate = text.rate.map(|rate| rate.parse()).transpose().ok()?;
    let on_limit = text.on_limit.map(|policy| policy.parse()).transpose().ok()?;
    Some(Limit { rate, concurrency: text.concurrency, on_limit })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::job::{OnLimit, RateLimit};

    #[test]
    fn limits_come_back_as_they_were_written() {
        let rates =
            [RateLimit::per(100, Duration::from_secs(1)), RateLimit::window(0, Duration::from_micros(7))];
        for limit in [Limit::NONE, Limit::NONE.concurrency(0), Limit::NONE.rate(rates[0]).concurrency(3)] {
            assert_eq!(read_limit(&write_limit(&limit).unwrap()), Some(limit));
        }
        for policy in OnLimit::ALL {
            let limit = Limit::NONE.concurrency(7).on_limit(policy);
            assert_eq!(read_limit(&write_limit(&limit).unwrap()), Some(limit));
        }
        let window = Limit::NONE.rate(rates[1]);
        assert_eq!(read_limit(&write_limit(&window).unwrap()), Some(window));
        assert_eq!(read_limit("{\"rate\":\"fast\"}"), None);
    }
}
