//! What is wrong with a store and with those who work on it, and what to do about it.
//!
//! The store answers for itself ([`Inspect::diagnose`](crate::backend::Inspect::diagnose)); the checks here are about
//! how it is reached and who works. Each is one function that turns what was seen into findings.

mod reach;
mod workers;

use crate::admin::Admin;
use crate::backend::{Finding, Severity};
use crate::error::Result;

/// Everything that was found, the worst last.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Diagnosis {
    /// What each check found.
    pub findings: Vec<Finding>,
}

impl Diagnosis {
    /// Returns how bad the worst is.
    #[must_use]
    pub fn worst(&self) -> Severity {
        self.findings.iter().map(|finding| finding.severity).max().unwrap_or(Severity::Good)
    }
}

impl Admin {
    /// Looks at the store and at those who work on it.
    ///
    /// # Errors
    ///
    /// [`Error::Store`](crate::Error::Store) when the store does not answer at all.
    pub async fn diagnose(&self) -> Result<Diagnosis> {
        let mut findings = self.client.handle.ask("look at itself", self.client.backend().diagnose()).await?;
        findings.extend(found("latency", reach::look(self).await));
        findings.extend(found("workers", workers::look(self).await));
        findings.sort_by_key(|finding| finding.severity);
        Ok(Diagnosis { findings })
    }
}

/// Takes a check that failed for a finding: what the store said of itself may well be the reason.
fn found(check: &'static str, looked: Result<Vec<Finding>>) -> Vec<Finding> {
    looked.unwrap_or_else(|error| {
        let why = std::error::Error::source(&error).map_or_else(String::new, |source| format!(": {source}"));
        let advice =
            "mend what is found beside this first; if nothing is, look whether the store still answers";
        vec![Finding::problem(check, format!("they cannot be looked at: {error}{why}"), advice)]
    })
}
