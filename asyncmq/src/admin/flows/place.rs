//! Where a page of flows begins, as a text that can be kept.

use crate::admin::select::Stand;
use crate::clock::Timestamp;
use crate::error::{Error, Result};

/// A place in the list of flows: the stretch of the store in which they are looked for, and behind which of those in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// Where the stretch begins; nothing for the first one.
    pub(super) stretch: Option<Stand>,
    /// The last flow that was listed of it: when it was enqueued, and its id.
    pub(super) last: Option<(Timestamp, String)>,
}

impl Place {
    /// Writes it. What can be any text has its length before it, or comes last.
    pub(super) fn to_text(&self) -> String {
        let stretch = self.stretch.as_ref().map(Stand::to_text).unwrap_or_default();
        match &self.last {
            Some((time, id)) => format!("{}.{}.{id}{stretch}", time.as_micros(), id.len()),
            None => format!("-.{stretch}"),
        }
    }

    /// Reads it.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for a text that is none.
    pub(super) fn from_text(text: &str) -> Result<Self> {
        let wrong = || Error::Invalid(format!("{text:?} is no cursor of flows: begin again without one"));
        let (time, rest) = text.split_once('.').ok_or_else(wrong)?;
        let (last, stretch) = if time == "-" {
            (None, rest)
        } else {
            let time = Timestamp::from_micros(time.parse().map_err(|_| wrong())?);
            let (length, rest) = rest.split_once('.').ok_or_else(wrong)?;
            let length = length.parse().map_err(|_| wrong())?;
            let (id, stretch) = rest.split_at_checked(length).ok_or_else(wrong)?;
            (Some((time, id.to_owned())), stretch)
        };
        let stretch = match stretch {
            "" => None,
            stretch => Some(Stand::from_text(stretch).map_err(|_| wrong())?),
        };
        Ok(Self { stretch, last })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_as_it_was_written_whatever_the_ids_are_like() {
        let stretches = [None, Some(Stand::from_text("blocked..a.b c").unwrap())];
        let lasts = [None, Some((Timestamp::from_micros(17), "7.3.ü-.x".to_owned()))];
        for stretch in &stretches {
            for last in &lasts {
                let place = Place { stretch: stretch.clone(), last: last.clone() };
                assert_eq!(Place::from_text(&place.to_text()).unwrap(), place, "{}", place.to_text());
            }
        }
    }

    #[test]
    fn what_is_none_is_refused() {
        for text in
            ["", "x", "1", "1.2", "1.9.ab", "1.1.ü", "x.1.a", "-", "-.nowhere", "1.99999999999999999999.a"]
        {
            let error = Place::from_text(text).unwrap_err().to_string();
            assert!(error.contains("no cursor of flows"), "{text:?}: {error}");
        }
    }
}
