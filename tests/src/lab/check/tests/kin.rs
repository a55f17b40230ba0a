//! I15: who waits for others.

use super::Script;
use crate::lab::check::check;
use crate::lab::event::{Event, Kind, Wait};

/// Sends a job that waits for others of its queue, all under one policy.
fn send_behind(script: &mut Script, job: &str, others: &[&str], policy: &str) {
    let wait =
        |other: &&str| Wait { queue: "work".to_owned(), job: (*other).to_owned(), policy: policy.to_owned() };
    script.send_as(job, |sent| sent.waits = others.iter().map(wait).collect());
}

/// A job is claimed, run and settled.
fn work(script: &mut Script, job: &str, token: u128, kind: Kind) {
    script.claim("w1", job, token);
    script.run(job);
    script.settle("w1", job, token, (kind, 0));
}

fn order(script: &mut Script, order: &str, job: &str) {
    let named = || (order.to_owned(), "work".to_owned(), job.to_owned());
    let (order, queue, job) = named();
    script.add(Event::Ordering { order, queue, job });
    let (order, queue, job) = named();
    script.add(Event::Ordered { order, queue, job, done: true });
}

#[test]
fn i15_a_job_that_waits_for_two_starts_behind_both() {
    let mut script = Script::new();
    script.send("one");
    script.send("other");
    send_behind(&mut script, "last", &["one", "other"], "fail");
    work(&mut script, "one", 1, Kind::Complete);
    let mut early = Script(script.0.clone());
    early.claim("w2", "last", 2);
    assert_eq!(early.violated(), ["I15"]);
    work(&mut early, "other", 3, Kind::Complete);
    assert_eq!(early.violated(), ["I15"], "it came before the end of the other one");
    work(&mut script, "other", 3, Kind::Complete);
    script.claim("w2", "last", 2);
    assert_eq!(script.violated(), [""; 0]);
    let kin = check(&script.0).kin;
    assert_eq!((kin.children, kin.ended_with, kin.late, kin.given_after.count), (1, 0, 0, 1));
}

#[test]
fn i15_a_settle_that_may_have_been_carried_out_lets_go_on() {
    let mut script = Script::new();
    script.send("one");
    send_behind(&mut script, "last", &["one"], "fail");
    script.claim("w1", "one", 1);
    script.settling("w1", "one", 1, (Kind::Complete, 0));
    script.claim("w2", "last", 2);
    assert_eq!(script.violated(), [""; 0]);
}

#[test]
fn i15_who_waits_for_a_job_that_does_not_complete_starts_if_its_policy_is_to_run() {
    for (policy, violated) in [("run", 0), ("fail", 1), ("cancel", 1)] {
        for how in ["fail", "cancel", "remove"] {
            let mut script = Script::new();
            script.send("one");
            send_behind(&mut script, "last", &["one"], policy);
            match how {
                "fail" => work(&mut script, "one", 1, Kind::Fail),
                how => order(&mut script, how, "one"),
            }
            script.claim("w2", "last", 2);
            assert_eq!(script.violated(), vec!["I15"; violated], "{policy} {how}");
        }
    }
}

#[test]
fn i15_who_waits_for_one_that_ended_with_another_ends_with_it_or_runs() {
    let mut script = Script::new();
    script.send("one");
    send_behind(&mut script, "second", &["one"], "fail");
    send_behind(&mut script, "third", &["second"], "run");
    let mut early = Script(script.0.clone());
    early.claim("w2", "third", 2);
    assert_eq!(early.violated(), ["I15"]);
    order(&mut script, "cancel", "one");
    script.claim("w2", "third", 2);
    assert_eq!(script.violated(), [""; 0]);
}

#[test]
fn i1_who_ended_with_another_one_is_not_lost_and_who_ended_for_nothing_is() {
    let ended = |policy: &str, state: &str, how: &str| {
        let mut script = Script::new();
        script.send("one");
        send_behind(&mut script, "last", &["one"], policy);
        match how {
            "complete" => work(&mut script, "one", 1, Kind::Complete),
            how => order(&mut script, how, "one"),
        }
        script.phase("end");
        if how != "remove" {
            script.end("one", if how == "complete" { "completed" } else { "cancelled" });
        }
        script.end("last", state);
        script.violated()
    };
    for how in ["cancel", "remove"] {
        assert_eq!(ended("fail", "failed", how), [""; 0]);
        assert_eq!(ended("cancel", "cancelled", how), [""; 0]);
        assert_eq!(ended("cancel", "failed", how), ["I1"], "its policy is another one");
        assert_eq!(ended("run", "failed", how), ["I1"], "its policy is to run");
    }
    assert_eq!(ended("fail", "failed", "complete"), ["I1"]);
    assert_eq!(ended("cancel", "cancelled", "complete"), ["I1"]);
}

#[test]
fn i15_nobody_is_left_blocked_behind_jobs_that_have_ended() {
    for (state, violated) in [("completed", vec!["I1", "I15"]), ("waiting", vec!["I1", "I1"])] {
        let mut script = Script::new();
        script.send("one");
        send_behind(&mut script, "last", &["one"], "fail");
        if state == "completed" {
            work(&mut script, "one", 1, Kind::Complete);
        }
        script.phase("end");
        script.end("one", state);
        script.end("last", "blocked");
        let mut found = script.violated();
        found.sort();
        assert_eq!(found, violated, "{state}");
    }
}
