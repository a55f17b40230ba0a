//! What a job asks for beyond the defaults, as JSON: a job that asks for nothing has none.

use crate::job::{Backoff, Envelope, OptionsText, Retention};

/// Writes what the job asks for beyond the defaults; `None` if that is nothing.
pub(super) fn write(envelope: &Envelope) -> serde_json::Result<Option<String>> {
    if is_plain(envelope) {
        return Ok(None);
    }
    serde_json::to_string(&OptionsText::of(envelope)).map(Some)
}

fn is_plain(envelope: &Envelope) -> bool {
    envelope.is_plain()
        && envelope.timeout.is_none()
        && envelope.retention == Retention::Standard
        && envelope.backoff == Backoff::DEFAULT
}

/// Reads the options into an envelope that has the defaults.
pub(super) fn read(text: &str, envelope: &mut Envelope) -> serde_json::Result<()> {
    serde_json::from_str::<OptionsText<'_>>(text)?.put_into(envelope);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use bytes::Bytes;

    use super::*;
    use crate::job::{Dedup, DedupKey, Due, JobId, Name};

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
