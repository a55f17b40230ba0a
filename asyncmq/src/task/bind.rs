//! Puts the outputs of a job's parents among its arguments, before they are read.

use std::sync::Arc;

use bytes::Bytes;

use crate::backend::{ClaimedJob, MAX_OUTPUTS};
use crate::job::{Binding, BoundTo, Envelope, Passes};

/// Why an attempt does not begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unbound {
    /// It is for the failure of one of its parents, and none failed.
    NothingFailed,
    /// Its arguments would be larger than they may be.
    TooLarge(String),
}

/// Puts the outputs of a job's parents among its arguments, which may have `most` bytes then. One that did not complete gives `null`.
pub(crate) fn bind(mut job: ClaimedJob, most: usize) -> (ClaimedJob, Option<Unbound>) {
    let Some(extras) = job.envelope.extras.as_deref() else { return (job, None) };
    if job.withheld != 0 {
        let why = too_large(&job.envelope, job.withheld, MAX_OUTPUTS.min(most as u64));
        return (job, Some(Unbound::TooLarge(why)));
    }
    let completed = job.inputs.iter().flatten().count();
    let watched = || extras.parents.iter().filter(|parent| parent.passes != Passes::Nothing).count();
    if extras.only_if_failed && completed == watched() {
        return (job, Some(Unbound::NothingFailed));
    }
    if extras.bindings.is_empty() {
        return (job, None);
    }
    let args = bound(&job.envelope.args, &extras.bindings, &job.inputs);
    if most < args.len() {
        let why = too_large(&job.envelope, args.len() as u64, most as u64);
        return (job, Some(Unbound::TooLarge(why)));
    }
    job.envelope = Arc::new(Envelope { args, ..Envelope::clone(&job.envelope) });
    job.inputs = Vec::new();
    (job, None)
}

fn too_large(job: &Envelope, bytes: u64, most: u64) -> String {
    format!(
        "the arguments of task {:?} have {bytes} bytes with the outputs of the jobs that it waited for, {most} are allowed: let those return \
         references, or raise `max_payload` (outputs have at most {MAX_OUTPUTS} bytes)",
        &*job.task
    )
}

/// Writes the arguments that were sent, and behind them those that are bound.
pub(crate) fn bound(sent: &[u8], bindings: &[Binding], inputs: &[Option<Bytes>]) -> Bytes {
    let sent = sent.trim_ascii_end();
    let mut args = sent.strip_suffix(b"}").unwrap_or(b"{").to_vec();
    for binding in bindings {
        if args.trim_ascii_end() != b"{" {
            args.push(b',');
        }
        let name = serde_json::to_vec(&binding.argument).unwrap_or_default();
        args.extend_from_slice(&name);
        args.push(b':');
        match &binding.from {
            BoundTo::One(place) => put(&mut args, inputs, *place),
            BoundTo::Each(places) => {
                args.push(b'[');
                for (number, place) in places.iter().enumerate() {
                    if number != 0 {
                        args.push(b',');
                    }
                    put(&mut args, inputs, *place);
                }
                args.push(b']');
            }
        }
    }
    args.push(b'}');
    args.into()
}

fn put(args: &mut Vec<u8>, inputs: &[Option<Bytes>], place: u32) {
    let input = inputs.get(place as usize).and_then(Option::as_deref);
    args.extend_from_slice(input.filter(|input| !input.is_empty()).unwrap_or(b"null"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::Token;
    use crate::job::{JobId, Name, OnFailure, Parent};

    fn job(args: &'static str, bindings: Vec<Binding>, inputs: &[Option<&'static str>]) -> ClaimedJob {
        let name = Name::from_static("t");
        let mut envelope =
            Envelope::new(JobId::generate(), name.clone(), name, Bytes::from_static(args.as_bytes()));
        envelope.extras_mut().bindings = bindings;
        let inputs = inputs.iter().map(|input| input.map(|text| Bytes::from_static(text.as_bytes())));
        let inputs = inputs.collect();
        ClaimedJob {
            envelope: Arc::new(envelope),
            token: Token(1),
            attempt: 1,
            crashes: 0,
            inputs,
            withheld: 0,
        }
    }

    fn one(argument: &str, place: u32) -> Binding {
        Binding { argument: argument.into(), from: BoundTo::One(place) }
    }

    fn args(job: ClaimedJob) -> String {
        let (job, refused) = bind(job, 1_000);
        assert_eq!(refused, None);
        String::from_utf8(job.envelope.args.to_vec()).unwrap()
    }

    #[test]
    fn outputs_stand_behind_what_was_sent() {
        assert_eq!(args(job("{}", vec![one("a", 0)], &[Some("7")])), r#"{"a":7}"#);
        assert_eq!(args(job("{ }", vec![one("a", 0)], &[Some("7")])), r#"{ "a":7}"#);
        assert_eq!(args(job(r#"{"b":1} "#, vec![one("a\"", 1)], &[None, Some("[]")])), r#"{"b":1,"a\"":[]}"#);
        let each = Binding { argument: "all".into(), from: BoundTo::Each(vec![1, 0, 2]) };
        let inputs = [Some("\"x\""), None, Some("{}")];
        assert_eq!(args(job("{}", vec![each, one("z", 2)], &inputs)), r#"{"all":[null,"x",{}],"z":{}}"#);
    }

    #[test]
    fn what_has_no_bindings_is_left_alone() {
        assert_eq!(args(job("[1]", Vec::new(), &[Some("7")])), "[1]");
    }

    #[test]
    fn too_much_is_refused() {
        let (_, refused) = bind(job("{}", vec![one("a", 0)], &[Some("\"0123456789\"")]), 10);
        assert!(matches!(refused, Some(Unbound::TooLarge(why)) if why.contains("10 are allowed")));
    }

    #[test]
    fn what_the_store_withheld_is_refused_with_its_size() {
        let mut job = job("{}", vec![one("a", 0)], &[]);
        job.withheld = MAX_OUTPUTS + 5;
        let (_, refused) = bind(job, usize::MAX);
        let told = |why: &str| why.contains("67108869 bytes") && why.contains("67108864 are allowed");
        assert!(matches!(refused, Some(Unbound::TooLarge(why)) if told(&why)));
    }

    #[test]
    fn one_for_failures_waits_for_one() {
        let parent = Parent {
            queue: Name::from_static("q"),
            id: JobId::generate(),
            on_failure: OnFailure::Run,
            passes: Passes::End,
        };
        for (inputs, expected) in [
            (&[Some("1"), Some("2")][..], Some(Unbound::NothingFailed)),
            (&[Some("1"), None], None),
            (&[None, None], None),
            // Where nobody passed anything on, a store may leave all out.
            (&[], None),
        ] {
            let mut one = job("{}", Vec::new(), inputs);
            let extras = Arc::get_mut(&mut one.envelope).unwrap().extras_mut();
            (extras.only_if_failed, extras.parents) = (true, vec![parent.clone(), parent.clone()]);
            assert_eq!(bind(one, 10).1, expected, "{inputs:?}");
        }
    }
}
