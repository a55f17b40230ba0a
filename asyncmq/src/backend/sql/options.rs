//! What a job asks for beyond the defaults, as JSON: a job that asks for nothing has none.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::job::{Backoff, Dedup, DedupKey, Due, Envelope, Extras, JobId, Retention};

/// The options of an envelope.
#[derive(Serialize, Deserialize, Default)]
struct Options<'a> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    due: Option<DueText>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ttl: Option<Duration>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timeout: Option<Duration>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    backoff: Option<BackoffText<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retention: Option<RetentionText>,
    #[serde(default, skip_serializing_if = "is_empty")]
    tags: Cow<'a, [String]>,
    #[serde(default, skip_serializing_if = "is_empty")]
    headers: Cow<'a, [(String, String)]>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    parents: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dedup: Option<DedupText<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dedup_key: Option<Cow<'a, str>>,
}

/// Which jobs count as the same one.
#[derive(Serialize, Deserialize)]
pub(super) struct DedupText<'a> {
    mode: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Duration::is_zero")]
    time: Duration,
}

impl DedupText<'_> {
    pub(super) fn of(mode: Dedup) -> Self {
        Self { mode: Cow::Borrowed(mode.name()), time: mode.time().unwrap_or_default() }
    }

    /// Returns the mode; nothing if this version does not know it.
    pub(super) fn mode(&self) -> Option<Dedup> {
        Dedup::of(&self.mode, self.time)
    }
}

#[expect(clippy::ptr_arg, reason = "serde calls it with a reference to the field")]
fn is_empty<T: Clone>(list: &Cow<'_, [T]>) -> bool {
    list.is_empty()
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum DueText {
    After(Duration),
    At(SystemTime),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum RetentionText {
    Standard,
    Nothing,
    For(Duration),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum BackoffText<'a> {
    Fixed(Duration),
    Exponential { first: Duration, factor: f64, max: Duration, jitter: f64 },
    Power(f64),
    List(Cow<'a, [Duration]>),
    Custom,
}

impl<'a> BackoffText<'a> {
    pub(super) fn of(backoff: &'a Backoff) -> Self {
        match backoff {
            Backoff::Fixed(delay) => Self::Fixed(*delay),
            Backoff::Exponential { first, factor, max, jitter } => {
                let (factor, jitter) = (finite(*factor), finite(*jitter));
                Self::Exponential { first: *first, factor, max: *max, jitter }
            }
            Backoff::Power(base) => Self::Power(finite(*base)),
            Backoff::List(delays) => Self::List(Cow::Borrowed(delays)),
            Backoff::Custom => Self::Custom,
        }
    }

    pub(super) fn into_backoff(self) -> Backoff {
        match self {
            Self::Fixed(delay) => Backoff::Fixed(delay),
            Self::Exponential { first, factor, max, jitter } => {
                Backoff::Exponential { first, factor, max, jitter }
            }
            Self::Power(base) => Backoff::Power(base),
            Self::List(delays) => Backoff::list(delays.into_owned()),
            Self::Custom => Backoff::Custom,
        }
    }
}

/// JSON has neither infinities nor NaN; the rules treat these alike.
const fn finite(value: f64) -> f64 {
    if value.is_nan() { 0.0 } else { value.clamp(f64::MIN, f64::MAX) }
}

impl RetentionText {
    pub(super) const fn of(retention: Retention) -> Self {
        match retention {
            Retention::Standard => Self::Standard,
            Retention::Nothing => Self::Nothing,
            Retention::For(time) => Self::For(time),
        }
    }

    pub(super) const fn into_retention(self) -> Retention {
        match self {
            Self::Standard => Retention::Standard,
            Self::Nothing => Retention::Nothing,
            Self::For(time) => Retention::For(time),
        }
    }
}

/// Writes what the job asks for beyond the defaults; `None` if that is nothing.
pub(super) fn write(envelope: &Envelope) -> serde_json::Result<Option<String>> {
    if is_plain(envelope) {
        return Ok(None);
    }
    let extras = envelope.extras();
    let options = Options {
        due: due_text(envelope.due),
        ttl: envelope.ttl,
        timeout: envelope.timeout,
        backoff: (envelope.backoff != Backoff::DEFAULT).then(|| BackoffText::of(&envelope.backoff)),
        retention: (envelope.retention != Retention::Standard).then(|| RetentionText::of(envelope.retention)),
        tags: Cow::Borrowed(&extras.tags),
        headers: Cow::Borrowed(&extras.headers),
        parents: extras.parents.iter().map(ToString::to_string).collect(),
        key: extras.key.as_deref().map(Cow::Borrowed),
        dedup: extras.dedup.as_ref().map(|dedup| DedupText::of(dedup.mode)),
        dedup_key: extras.dedup.as_ref().map(|dedup| Cow::Borrowed(&*dedup.key)),
    };
    serde_json::to_string(&options).map(Some)
}

fn is_plain(envelope: &Envelope) -> bool {
    envelope.is_plain()
        && envelope.timeout.is_none()
        && envelope.retention == Retention::Standard
        && envelope.backoff == Backoff::DEFAULT
}

fn due_text(due: Due) -> Option<DueText> {
    match due {
        Due::Now => None,
        Due::After(delay) => Some(DueText::After(delay)),
        Due::At(time) => Some(DueText::At(time.max(SystemTime::UNIX_EPOCH))),
    }
}

/// Reads the options into an envelope that has the defaults.
pub(super) fn read(text: &str, envelope: &mut Envelope) -> serde_json::Result<()> {
    let options: Options<'_> = serde_json::from_str(text)?;
    envelope.due = match options.due {
        None => Due::Now,
        Some(DueText::After(delay)) => Due::After(delay),
        Some(DueText::At(time)) => Due::At(time),
    };
    envelope.ttl = options.ttl;
    envelope.timeout = options.timeout;
    if let Some(backoff) = options.backoff {
        envelope.backoff = backoff.into_backoff();
    }
    if let Some(retention) = options.retention {
        envelope.retention = retention.into_retention();
    }
    let (tags, headers) = (options.tags.into_owned(), options.headers.into_owned());
    let mode = options.dedup.and_then(|text| text.mode());
    let dedup = mode.zip(options.dedup_key).map(|(mode, key)| DedupKey::from_stored(&key, mode));
    let extras = Extras {
        tags,
        headers,
        parents: options.parents.iter().map(|id| JobId::from_stored(id)).collect(),
        key: options.key.as_deref().map(Into::into),
        dedup,
    };
    if extras != Extras::default() {
        envelope.extras = Some(Box::new(extras));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::job::Name;

    fn plain() -> Envelope {
        let name = Name::from_static("x");
        Envelope::new(JobId::from_stored("1"), name.clone(), name, Bytes::new())
    }

    #[test]
    fn a_job_that_asks_for_nothing_has_no_options() {
        assert_eq!(write(&plain()).unwrap(), None);
    }

    #[test]
    fn options_come_back_as_they_were() {
        let second = Duration::from_secs(1);
        let mut all = vec![
            Envelope { due: Due::After(second), ttl: Some(Duration::MAX), ..plain() },
            Envelope { due: Due::At(SystemTime::now()), timeout: Some(second), ..plain() },
            Envelope { retention: Retention::For(second), ..plain() },
            Envelope { retention: Retention::Nothing, ..plain() },
        ];
        for backoff in [Backoff::fixed(second), Backoff::Power(2.5), Backoff::list([second]), Backoff::Custom]
        {
            all.push(Envelope { backoff, ..plain() });
        }
        let mut tagged = plain();
        tagged.extras_mut().tags = vec!["a\"b".into()];
        tagged.extras_mut().headers = vec![("k".into(), "v".into())];
        all.push(tagged);
        let mut turning = plain();
        turning.extras_mut().key = Some("tenant \"7\"".into());
        all.push(turning);
        for mode in
            [Dedup::Simple, Dedup::Throttle(second).extend(), Dedup::Debounce(second), Dedup::KeepLast]
        {
            let mut keyed = plain();
            keyed.deduplicate(DedupKey::new("user:\"7\"", mode).unwrap());
            all.push(keyed);
        }
        for envelope in all {
            let text = write(&envelope).unwrap().unwrap();
            let mut back = plain();
            read(&text, &mut back).unwrap();
            assert_eq!(back, envelope, "{text}");
        }
    }

    #[test]
    fn wild_numbers_are_tamed() {
        for base in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let text = write(&Envelope { backoff: Backoff::Power(base), ..plain() }).unwrap().unwrap();
            read(&text, &mut plain()).unwrap();
        }
    }
}
