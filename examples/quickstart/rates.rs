//! A stand-in for a service over the network that does not always have an answer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// There is no answer now; there may be one later.
#[derive(Debug, thiserror::Error)]
#[error("there is no rate for {0} yet")]
pub(crate) struct NoRate(String);

/// Exchange rates. A call takes 25 ms; a rate that nobody has asked for before is there from the next call on.
#[derive(Clone)]
pub(crate) struct Rates(Arc<Mutex<HashMap<String, f64>>>);

impl Default for Rates {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(HashMap::from([("EUR".into(), 1.0)]))))
    }
}

impl Rates {
    /// Returns how much of this currency one euro is.
    pub(crate) async fn of(&self, currency: &str) -> Result<f64, NoRate> {
        tokio::time::sleep(Duration::from_millis(25)).await;
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(currency).copied();
        let loaded = [("CHF", 0.94), ("GBP", 0.86), ("SEK", 11.3), ("USD", 1.09)];
        if let Some((_, rate)) = loaded.iter().find(|(name, _)| *name == currency) {
            self.learn(currency, *rate);
        }
        known.ok_or_else(|| NoRate(currency.into()))
    }

    /// Adds a rate.
    pub(crate) fn learn(&self, currency: &str, rate: f64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(currency.into(), rate);
    }
}
