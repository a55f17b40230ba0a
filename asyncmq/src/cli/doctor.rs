//! `asyncmq doctor`: what is wrong, and what to do about it.

use clap::Command;

use super::Ended;
use super::flags::leaf;
use super::out::Tone;
use super::out::object;
use super::out::text::clean;
use super::session::Session;
use crate::admin::view::FindingView;
use crate::backend::Severity;
use crate::error::Result;

/// Describes the command.
pub(super) fn command() -> Command {
    leaf("doctor", "Checks the store and the workers, and says what to do; exit code 1 if there is a problem")
}

/// Runs it.
pub(super) async fn run(session: &Session) -> Result<Ended> {
    let diagnosis = session.admin.diagnose().await?;
    let ended = if diagnosis.worst() < Severity::Problem { Ended::Done } else { Ended::No };
    if session.out.json {
        let findings: Vec<FindingView> = diagnosis.findings.iter().map(Into::into).collect();
        session.out.json(&object!({ worst: diagnosis.worst().name(), findings: findings }))?;
        return Ok(ended);
    }
    for finding in &diagnosis.findings {
        let (mark, tone) = match finding.severity {
            Severity::Good => ("✓", Tone::Good),
            Severity::Note => ("·", Tone::Faint),
            Severity::Warning => ("!", Tone::Warning),
            Severity::Problem => ("✗", Tone::Bad),
        };
        let mark = session.out.style.tint(tone, mark);
        session.out.line(&format!("{mark} {}: {}", finding.check, clean(&finding.says)))?;
        if let Some(advice) = &finding.advice {
            session.out.line(&format!("    {}", session.out.style.tint(Tone::Bold, &clean(advice))))?;
        }
    }
    Ok(ended)
}
