//! What is wrong, and what to do about it.

use askama::Template;

use super::{Shell, page};
use crate::admin::view::FindingView;
use crate::backend::Severity;
use crate::dashboard::error::Answer;
use crate::dashboard::visit::Visit;

#[derive(Template)]
#[template(path = "doctor.html")]
struct Doctor {
    shell: Shell,
    says: &'static str,
    findings: Vec<FindingView>,
}

/// Shows it, the worst first.
pub(in crate::dashboard) async fn show(visit: Visit) -> Answer {
    let diagnosis = visit.admin().diagnose().await?;
    let says = match diagnosis.worst() {
        Severity::Problem => "something does not work",
        Severity::Warning => "it works, and something can go wrong",
        _ => "nothing is wrong",
    };
    let findings = diagnosis.findings.iter().rev().map(Into::into).collect();
    // It asks a lot of the store, so it is not asked again and again.
    page(&Doctor { shell: Shell::new(&visit, "/doctor", "Doctor").still(), says, findings })
}
