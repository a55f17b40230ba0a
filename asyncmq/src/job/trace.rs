//! Which trace a job belongs to: the W3C trace context, carried in its headers from whoever enqueues it to whoever runs it.

use std::fmt;

use crate::error::{Error, Result};

/// The headers that carry it, as they are called on the web too.
const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";

/// How much of a vendor's own state is carried on; a longer one is left behind, as the specification allows.
const MAX_STATE: usize = 512;

/// A place in a trace: its id, the span in it that something comes of, and what vendors add.
///
/// # Examples
///
/// ```
/// # use asyncmq::TraceContext;
/// let trace: TraceContext = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".parse()?;
/// assert_eq!(trace.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
/// assert!(trace.is_sampled());
/// # Ok::<(), asyncmq::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceContext {
    parent: String,
    state: Option<String>,
}

impl TraceContext {
    /// Adds what vendors say of the trace: the value of the header `tracestate`. One that is too long, or that no header
    /// could have, is left out.
    #[must_use]
    pub fn with_state(mut self, state: impl Into<String>) -> Self {
        let is_fit = |state: &String| {
            !state.is_empty()
                && state.len() <= MAX_STATE
                && state.bytes().all(|byte| matches!(byte, b' '..=b'~'))
        };
        self.state = Some(state.into()).filter(is_fit);
        self
    }

    /// Returns it as the header `traceparent` has it.
    #[must_use]
    pub fn traceparent(&self) -> &str {
        &self.parent
    }

    /// Returns what vendors say of the trace.
    #[must_use]
    pub fn tracestate(&self) -> Option<&str> {
        self.state.as_deref()
    }

    /// Returns the id of the trace: 32 hexadecimal digits.
    #[must_use]
    pub fn trace_id(&self) -> &str {
        &self.parent[3..35]
    }

    /// Returns the id of the span: 16 hexadecimal digits.
    #[must_use]
    pub fn span_id(&self) -> &str {
        &self.parent[36..52]
    }

    /// Tells whether somebody records the trace.
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        u8::from_str_radix(&self.parent[53..55], 16).is_ok_and(|flags| flags & 1 == 1)
    }

    /// Finds it among the headers of a job. One that is none is as if it were not there.
    pub(crate) fn of_headers(headers: &[(String, String)]) -> Option<Self> {
        let find = |name| headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let trace: Self = find(TRACEPARENT)?.parse().ok()?;
        Some(match find(TRACESTATE) {
            Some(state) => trace.with_state(state),
            None => trace,
        })
    }

    /// Tells whether headers say something of a trace, be it wrong.
    pub(crate) fn is_said(headers: &[(String, String)]) -> bool {
        headers.iter().any(|(key, _)| key == TRACEPARENT)
    }

    /// Returns the headers that carry it.
    pub(crate) fn into_headers(self) -> impl Iterator<Item = (String, String)> {
        let state = self.state.map(|state| (TRACESTATE.to_owned(), state));
        std::iter::once((TRACEPARENT.to_owned(), self.parent)).chain(state)
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.parent)
    }
}

impl std::str::FromStr for TraceContext {
    type Err = Error;

    /// Reads the value of a header `traceparent`: version 00, and of later ones the part that is known.
    fn from_str(text: &str) -> Result<Self> {
        let wrong = |why: &str| Err(Error::Invalid(format!("{text:?} is no traceparent: {why}")));
        let mut parts = text.split('-');
        let mut next = |length: usize| {
            let is_hex = |part: &&str| {
                part.len() == length && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
            };
            parts.next().filter(is_hex)
        };
        let (Some(version), Some(trace), Some(span), Some(_)) = (next(2), next(32), next(16), next(2)) else {
            return wrong("it is four numbers of 2, 32, 16 and 2 small hexadecimal digits, with - between");
        };
        if version == "ff" || (version == "00" && text.len() != 55) {
            return wrong("its version does not go with the rest");
        }
        if is_zero(trace) || is_zero(span) {
            return wrong("an id of zeros is none");
        }
        Ok(Self { parent: text[..55].to_owned(), state: None })
    }
}

fn is_zero(digits: &str) -> bool {
    digits.bytes().all(|byte| byte == b'0')
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_context_goes_through_headers_and_back() {
        let trace: TraceContext = TRACE.parse().unwrap();
        assert_eq!((trace.span_id(), trace.is_sampled()), ("00f067aa0ba902b7", true));
        for state in [None, Some("a=1,b=2")] {
            let trace = match state {
                Some(state) => trace.clone().with_state(state),
                None => trace.clone(),
            };
            let headers: Vec<_> = trace.clone().into_headers().collect();
            assert_eq!(TraceContext::of_headers(&headers), Some(trace));
            assert_eq!(headers.len(), 1 + usize::from(state.is_some()));
        }
    }

    #[test]
    fn what_is_no_context_is_refused_with_the_reason() {
        let long = format!("{TRACE}-more");
        let later = format!("cc{}", &long[2..]);
        assert_eq!(later.parse::<TraceContext>().unwrap().traceparent(), &later[..55]);
        for (text, why) in [
            ("", "four numbers"),
            ("00-1", "four numbers"),
            (&TRACE.to_uppercase(), "four numbers"),
            (&TRACE.replace('4', "ü"), "four numbers"),
            (&long, "version"),
            (&format!("ff{}", &TRACE[2..]), "version"),
            ("00-00000000000000000000000000000000-00f067aa0ba902b7-01", "zeros"),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", "zeros"),
        ] {
            let error = text.parse::<TraceContext>().unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
            assert_eq!(TraceContext::of_headers(&[(TRACEPARENT.into(), text.into())]), None);
        }
    }

    #[test]
    fn a_state_that_no_header_could_have_is_left_out() {
        let trace: TraceContext = TRACE.parse().unwrap();
        for state in [String::new(), "a=\n".into(), "ü=1".into(), "x".repeat(513)] {
            assert_eq!(trace.clone().with_state(state).tracestate(), None);
        }
    }
}
