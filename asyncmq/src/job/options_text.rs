//! What a job asks for beyond the defaults, as stores and schedules that keep JSON write it.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::job::{Backoff, Dedup, DedupKey, Due, Envelope, Extras, ParentsText, Retention};

/// What an envelope asks for beyond the defaults; what it does not ask for is left out.
#[derive(Serialize, Deserialize, Default)]
pub(crate) struct OptionsText<'a> {
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    waits: Option<ParentsText<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dedup: Option<DedupText<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dedup_key: Option<Cow<'a, str>>,
}

impl<'a> OptionsText<'a> {
    pub(crate) fn of(envelope: &'a Envelope) -> Self {
        let extras = envelope.extras();
        Self {
            due: due_text(envelope.due),
            ttl: envelope.ttl,
            timeout: envelope.timeout,
            backoff: (envelope.backoff != Backoff::DEFAULT).then(|| BackoffText::of(&envelope.backoff)),
            retention: (envelope.retention != Retention::Standard)
                .then(|| RetentionText::of(envelope.retention)),
            tags: Cow::Borrowed(&extras.tags),
            headers: Cow::Borrowed(&extras.headers),
            waits: ParentsText::of(extras),
            key: extras.key.as_deref().map(Cow::Borrowed),
            dedup: extras.dedup.as_ref().map(|dedup| DedupText::of(dedup.mode)),
            dedup_key: extras.dedup.as_ref().map(|dedup| Cow::Borrowed(&*dedup.key)),
        }
    }

    /// Leaves the parents out: who enqueued the job has no part in what is made of it later.
    pub(crate) fn without_parents(self) -> Self {
        Self { waits: None, ..self }
    }

    /// Brings the options into an envelope that has the defaults.
    pub(crate) fn put_into(self, envelope: &mut Envelope) {
        envelope.due = match self.due {
            None => Due::Now,
            Some(DueText::After(delay)) => Due::After(delay),
            Some(DueText::At(time)) => Due::At(time),
        };
        envelope.ttl = self.ttl;
        envelope.timeout = self.timeout;
        if let Some(backoff) = self.backoff {
            envelope.backoff = backoff.into_backoff();
        }
        if let Some(retention) = self.retention {
            envelope.retention = retention.into_retention();
        }
        let (tags, headers) = (self.tags.into_owned(), self.headers.into_owned());
        let mode = self.dedup.and_then(|text| text.mode());
        let dedup = mode.zip(self.dedup_key).map(|(mode, key)| DedupKey::from_stored(&key, mode));
        let key = self.key.as_deref().map(Into::into);
        let mut extras = Extras { tags, headers, key, dedup, ..Extras::default() };
        if let Some(waits) = self.waits {
            waits.put_into(&mut extras);
        }
        if extras != Extras::default() {
            envelope.extras = Some(Box::new(extras));
        }
    }
}

/// Which jobs count as the same one.
#[derive(Serialize, Deserialize)]
pub(crate) struct DedupText<'a> {
    mode: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Duration::is_zero")]
    time: Duration,
}

impl DedupText<'_> {
    pub(crate) fn of(mode: Dedup) -> Self {
        Self { mode: Cow::Borrowed(mode.name()), time: mode.time().unwrap_or_default() }
    }

    /// Returns the mode; nothing if this version does not know it.
    pub(crate) fn mode(&self) -> Option<Dedup> {
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
pub(crate) enum RetentionText {
    Standard,
    Nothing,
    For(Duration),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum BackoffText<'a> {
    Fixed(Duration),
    Exponential { first: Duration, factor: f64, max: Duration, jitter: f64 },
    Power(f64),
    List(Cow<'a, [Duration]>),
    Custom,
}

impl<'a> BackoffText<'a> {
    pub(crate) fn of(backoff: &'a Backoff) -> Self {
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

    pub(crate) fn into_backoff(self) -> Backoff {
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
    pub(crate) const fn of(retention: Retention) -> Self {
        match retention {
            Retention::Standard => Self::Standard,
            Retention::Nothing => Self::Nothing,
            Retention::For(time) => Self::For(time),
        }
    }

    pub(crate) const fn into_retention(self) -> Retention {
        match self {
            Self::Standard => Retention::Standard,
            Self::Nothing => Retention::Nothing,
            Self::For(time) => Retention::For(time),
        }
    }
}

fn due_text(due: Due) -> Option<DueText> {
    match due {
        Due::Now => None,
        Due::After(delay) => Some(DueText::After(delay)),
        Due::At(time) => Some(DueText::At(time.max(SystemTime::UNIX_EPOCH))),
    }
}
