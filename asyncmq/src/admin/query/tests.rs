//! Tables of queries.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::clock::Timestamp;
use crate::job::{Dedup, DedupKey, Envelope, Failure, FailureKind, Job, JobId, Name, Status};

fn read(text: &str) -> Query {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn what_is_read_is_written_as_it_was() {
    for text in [
        "",
        "state:failed",
        "state:failed,expired",
        "-state:completed task:app.*",
        "queue:\"to do\" tag:x,y",
        "id:018f-* worker:?1",
        "age:>1h ended:<=1d12h attempt:>2 priority:255",
        r#"error:\*\?\\\""#,
        "task:\"\"",
        "task:\"a,b\",c",
        "age:<1ms",
        "age:>0s",
        "queue:-x",
        "error:ü*",
    ] {
        assert_eq!(read(text).to_string(), text);
    }
}

#[test]
fn other_spellings_of_the_same_are_written_in_one_way() {
    for (text, written) in [
        ("  state:failed   state:failed ", "state:failed state:failed"),
        ("state:dead", "state:failed,expired"),
        ("queue:\"email\"", "queue:email"),
        ("queue:a\\ b", "queue:\"a b\""),
        ("age:>90m", "age:>1h30m"),
        ("age:>3600", "age:>1h"),
        ("\u{a0}attempt:>=007\n", "attempt:>=7"),
    ] {
        assert_eq!(read(text).to_string(), written, "{text}");
    }
}

#[test]
fn what_cannot_be_read_says_where_and_what_is_possible() {
    for (text, place, part) in [
        ("timeout", 0, "error:timeout"),
        ("state:failed timeout", 13, "the keys are state, queue, task"),
        ("-", 1, "key:value"),
        (":x", 0, "there is no key \"\""),
        ("stat:failed", 0, "did you mean state?"),
        ("-Queue:x", 1, "did you mean queue?"),
        ("zzzzzz:x", 0, "the keys are"),
        ("state:faild", 6, "did you mean failed?"),
        ("state:failed,zzzzzzzz", 13, "there are waiting"),
        ("state:*", 6, "there is no state *"),
        ("state:", 6, "state: takes waiting"),
        ("queue:a,", 8, "queue: takes a queue's name"),
        ("queue:\"a", 6, "not closed"),
        ("queue:\"a\"b", 9, "a blank or a comma"),
        ("queue:a\\", 7, "backslash"),
        ("age:1h", 4, "write >1h"),
        ("age:>soon", 5, "no duration"),
        ("attempt:>x", 9, "no whole number"),
        ("attempt:-1", 8, "no whole number"),
    ] {
        let error = text.parse::<Query>().unwrap_err();
        assert_eq!(error.place(), place, "{text}: {error}");
        assert!(error.message().contains(part), "{text}: {error}");
    }
    let error = "ü:x state:nope".parse::<Query>().unwrap_err().to_string();
    assert!(error.ends_with("\n  ü:x state:nope\n  ^"), "{error}");
    assert!("x:\x1b[2J".parse::<Query>().unwrap_err().to_string().find('\x1b').is_none());
    assert!("a".repeat(5_000).parse::<Query>().is_err());
}

/// A failed job of an hour ago, with everything that can be asked for.
fn job() -> (Job, Timestamp) {
    let mut envelope = Envelope::new(
        JobId::from_stored("order-17"),
        Name::from_static("email"),
        Name::from_static("app.send_mail"),
        Default::default(),
    );
    envelope.deduplicate(DedupKey::new("user 7", Dedup::Simple).unwrap());
    envelope.extras_mut().tags = vec!["billing".into(), "to do".into()];
    envelope.priority = 5;
    let now = Timestamp::from_micros(10_000_000_000);
    let hour_ago = Timestamp::from_micros(10_000_000_000 - 3_600_000_000);
    let mut status = Status::new(JobState::Failed, hour_ago, hour_ago);
    status.attempt = 3;
    status.finished_at = Some(Timestamp::from_micros(10_000_000_000 - 60_000_000));
    status.notes.errors.push(Failure::new(1, FailureKind::Timeout, "took longer than 30s"));
    status.notes.errors.push(Failure::new(3, FailureKind::Error, "Connection REFUSED by 10.0.0.7"));
    (Job::new(Arc::new(envelope), status), now)
}

#[test]
fn jobs_are_meant_or_not() {
    let (job, now) = job();
    for (text, meant) in [
        ("", true),
        ("state:failed", true),
        ("state:waiting,failed", true),
        ("-state:failed", false),
        ("state:dead", true),
        ("task:app.*", true),
        ("task:app", false),
        ("task:*.send_????", true),
        ("task:*.send_???", false),
        ("task:a*s*l", true),
        ("queue:email -queue:e*", false),
        ("queue:Email", false),
        ("id:order-17", true),
        ("id:order-*,x", true),
        ("tag:billing tag:\"to do\"", true),
        ("tag:to", false),
        ("dedup:\"user 7\"", true),
        ("dedup:user*", true),
        ("dedup:user", false),
        ("-tag:vip", true),
        ("error:timeout", true),
        ("error:refused", true),
        ("error:\"by 10.*.7\"", true),
        ("error:panic", false),
        ("-error:refused", false),
        ("age:>59m", true),
        ("age:>1h", false),
        ("age:>=1h", true),
        ("age:<61m ended:<2m", true),
        ("ended:>2m", false),
        ("attempt:3", true),
        ("attempt:>2 attempt:<4", true),
        ("priority:<5", false),
        ("worker:*", false),
        ("-worker:*", true),
    ] {
        assert_eq!(read(text).matches(&job, now), meant, "{text}");
    }
}

#[test]
fn it_is_known_where_jobs_that_are_meant_can_be() {
    assert_eq!(read("-state:waiting state:waiting,delayed").states(), [JobState::Delayed]);
    assert_eq!(read("ended:>1h").states().len(), 4);
    assert_eq!(read("-ended:>1h").states().len(), 8);
    assert!(read("queue:a* -queue:ab").wants_queue("ac") && !read("queue:a* -queue:ab").wants_queue("ab"));
    assert!(read("state:failed queue:x").is_counted() && !read("task:x").is_counted());
    assert_eq!(read("id:7,8").ids(), Some(vec![JobId::from_stored("7"), JobId::from_stored("8")]));
    assert!(read("id:7*").ids().is_none() && read("-id:7").ids().is_none());
}

#[test]
fn a_pattern_of_many_stars_is_soon_tried() {
    let pattern = read(&format!("error:{}b", "a*".repeat(500)));
    let (job, now) = job();
    assert!(!pattern.matches(&job, now));
    assert!(!Pattern::exactly("x").is_in(&"a".repeat(4_096)));
}

proptest! {
    #[test]
    fn whatever_is_typed_is_read_or_refused(text in "\\PC{0,60}") {
        if let Ok(query) = text.parse::<Query>() {
            prop_assert_eq!(query.to_string().parse::<Query>(), Ok(query));
        }
    }

    #[test]
    fn every_name_can_be_asked_for(name in "\\PC{0,20}") {
        let query = Query::all().in_queue(&name);
        prop_assert!(query.wants_queue(&name));
        prop_assert_eq!(query.to_string().parse::<Query>(), Ok(query));
    }

    #[test]
    fn every_time_is_read_back(micros in 0..u64::MAX / 2) {
        let test = Test::Time(TimeKey::Age, Order::More, Duration::from_micros(micros));
        let query = Query { terms: vec![Term { is_not: false, test }] };
        prop_assert_eq!(query.to_string().parse::<Query>(), Ok(query));
    }
}
