//! What is noted of some jobs, as JSON: failures, log lines, progress.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clock::Timestamp;
use crate::job::{Failure, FailureKind, LogLine, Progress};

/// A failure as it is stored.
#[derive(Serialize, Deserialize)]
pub(super) struct FailureText {
    attempt: u32,
    kind: String,
    message: String,
    at: u64,
}

impl From<&Failure> for FailureText {
    fn from(failure: &Failure) -> Self {
        Self {
            attempt: failure.attempt(),
            kind: failure.kind().name().into(),
            message: failure.message().into(),
            at: failure.time().as_micros(),
        }
    }
}

impl From<FailureText> for Failure {
    fn from(text: FailureText) -> Self {
        let kind = FailureKind::ALL.into_iter().find(|kind| kind.name() == text.kind);
        Self::new(text.attempt, kind.unwrap_or(FailureKind::Error), text.message)
            .at(Timestamp::from_micros(text.at))
    }
}

/// A line as it is stored.
#[derive(Serialize, Deserialize)]
struct LineText {
    attempt: u32,
    message: String,
}

/// A progress as it is stored.
#[derive(Serialize, Deserialize)]
pub(super) struct ProgressText {
    percent: f64,
    data: Value,
}

impl From<&Progress> for ProgressText {
    fn from(progress: &Progress) -> Self {
        Self { percent: progress.percent(), data: progress.data().clone() }
    }
}

impl From<ProgressText> for Progress {
    fn from(text: ProgressText) -> Self {
        Self::new(text.percent, text.data)
    }
}

pub(super) fn write_failures(failures: &[Failure]) -> serde_json::Result<String> {
    let texts: Vec<FailureText> = failures.iter().map(Into::into).collect();
    serde_json::to_string(&texts)
}

pub(super) fn read_failures(text: &str) -> serde_json::Result<Vec<Failure>> {
    let texts: Vec<FailureText> = serde_json::from_str(text)?;
    Ok(texts.into_iter().map(Into::into).collect())
}

pub(super) fn write_lines(lines: &[LogLine]) -> serde_json::Result<String> {
    let texts: Vec<LineText> =
        lines.iter().map(|line| LineText { attempt: line.attempt, message: line.message.clone() }).collect();
    serde_json::to_string(&texts)
}

pub(super) fn read_lines(text: &str) -> serde_json::Result<Vec<LogLine>> {
    let texts: Vec<LineText> = serde_json::from_str(text)?;
    Ok(texts.into_iter().map(|line| LogLine { attempt: line.attempt, message: line.message }).collect())
}

pub(super) fn write_progress(progress: &Progress) -> serde_json::Result<String> {
    serde_json::to_string(&ProgressText::from(progress))
}

pub(super) fn read_progress(text: &str) -> serde_json::Result<Progress> {
    serde_json::from_str::<ProgressText>(text).map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_noted_comes_back() {
        let failure = Failure::new(2, FailureKind::Panic, "ü\n").at(Timestamp::from_micros(9));
        assert_eq!(
            read_failures(&write_failures(std::slice::from_ref(&failure)).unwrap()).unwrap(),
            [failure]
        );
        let line = LogLine { attempt: 1, message: "\"x\"".into() };
        assert_eq!(read_lines(&write_lines(std::slice::from_ref(&line)).unwrap()).unwrap(), [line]);
        let progress = Progress::new(33.3, serde_json::json!({"step": [1, null]}));
        assert_eq!(read_progress(&write_progress(&progress).unwrap()).unwrap(), progress);
    }
}
