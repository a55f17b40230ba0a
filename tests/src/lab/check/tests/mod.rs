//! A history in which nothing is wrong, and what each invariant says when one thing in it is.

mod kin;
mod limits;
mod schedules;

use crate::lab::check::check;
use crate::lab::event::{Ending, Event, Fate, Given, Keyed, Kind, Line, Proof, Sent};

const LEASE: u64 = 2_000_000;

/// A history that is being written, a line each hundred microseconds unless its time is said.
struct Script(Vec<Line>);

impl Script {
    /// A run of two workers, of which nothing has happened yet.
    fn new() -> Self {
        let mut script = Self(Vec::new());
        for (worker, name) in [("w1", "a"), ("w2", "b")] {
            let (worker, name) = (worker.to_owned(), name.to_owned());
            script.add(Event::Worker { worker, name, lease: LEASE, max_crashes: 3 });
        }
        script.canaries();
        script
    }

    fn now(&self) -> u64 {
        self.0.last().map_or(1_000, |line| line.at)
    }

    fn add(&mut self, event: Event) -> u64 {
        self.add_at(self.now() + 100, event)
    }

    fn add_at(&mut self, at: u64, event: Event) -> u64 {
        self.0.push(Line { at, pid: 1, event });
        at
    }

    fn send(&mut self, job: &str) -> u64 {
        self.send_as(job, |_| {})
    }

    fn send_as(&mut self, job: &str, change: impl FnOnce(&mut Sent)) -> u64 {
        let (queue, job, task) = ("work".to_owned(), job.to_owned(), "t".to_owned());
        let mut sent = Sent { queue, job, task, digest: 7, attempts: 1, ..Sent::default() };
        change(&mut sent);
        let (queue, job) = (sent.queue.clone(), sent.job.clone());
        let began = self.add(Event::Send(sent));
        self.add(Event::Acknowledged { queue, job, began })
    }

    fn claim(&mut self, worker: &str, job: &str, token: u128) -> u64 {
        self.claim_as(worker, job, token, |_| {})
    }

    fn claim_as(&mut self, worker: &str, job: &str, token: u128, change: impl FnOnce(&mut Given)) -> u64 {
        let (queue, job, token) = ("work".to_owned(), job.to_owned(), Proof(token));
        let mut given = Given { queue, job, token, attempt: 1, crashes: 0 };
        change(&mut given);
        let began = self.now() + 1;
        self.add(Event::Claimed { worker: worker.to_owned(), began, jobs: vec![given] })
    }

    fn run(&mut self, job: &str) {
        let (queue, job) = ("work".to_owned(), job.to_owned());
        self.add(Event::Began { queue: queue.clone(), job: job.clone(), attempt: 1, digest: 7 });
        self.add(Event::Effect { queue, job, attempt: 1 });
    }

    fn settle(&mut self, worker: &str, job: &str, token: u128, (kind, after): (Kind, u64)) {
        let call = self.settling(worker, job, token, (kind, after));
        self.add(Event::Settled { worker: worker.to_owned(), call, applied: vec![true] });
    }

    fn settling(&mut self, worker: &str, job: &str, token: u128, (kind, after): (Kind, u64)) -> u64 {
        let (queue, job, token) = ("work".to_owned(), job.to_owned(), Proof(token));
        let (call, jobs) = (self.now(), vec![Ending { queue, job, token, kind, after }]);
        self.add(Event::Settling { worker: worker.to_owned(), call, jobs });
        call
    }

    /// A job from its beginning to its end.
    fn complete(&mut self, job: &str, token: u128) {
        self.send(job);
        self.claim("w1", job, token);
        self.run(job);
        self.settle("w1", job, token, (Kind::Complete, 0));
    }

    /// Each worker runs a canary.
    fn canaries(&mut self) {
        for place in ["a", "b"] {
            let (queue, job) = (format!("canary.{place}"), format!("{place}-{}", self.now()));
            let to = queue.clone();
            self.send_as(&job, |sent| (sent.queue, sent.vanishes) = (to, true));
            self.add(Event::Began { queue, job, attempt: 1, digest: 7 });
        }
    }

    fn phase(&mut self, name: &str) {
        self.add(Event::Phase { name: name.to_owned() });
    }

    fn end(&mut self, job: &str, state: &str) {
        let (queue, job, state) = ("work".to_owned(), job.to_owned(), state.to_owned());
        self.add(Event::Final { queue, job, state, crashes: 0 });
    }

    /// A job is claimed after so many crashes, and nobody hears of its worker again.
    fn die(&mut self, job: &str, token: u128, crashes: u32) {
        self.claim_as("w1", job, token, |given| given.crashes = crashes);
        let later = self.now() + 2 * LEASE;
        self.add_at(later, Event::Rescued { worker: String::new(), jobs: 1 });
    }

    /// A job stands as one that was given up after three crashes.
    fn give_up(&mut self, job: &str) {
        let (queue, job, state) = ("work".to_owned(), job.to_owned(), "failed".to_owned());
        self.add(Event::Final { queue, job, state, crashes: 3 });
    }

    /// Checks it: the names of the invariants that do not hold. Canaries that nobody settled do not count here.
    fn violated(&self) -> Vec<String> {
        let of_work = |told: &&crate::lab::check::Violation| {
            told.job.as_ref().is_none_or(|(queue, _)| !queue.starts_with("canary."))
        };
        check(&self.0).told.iter().filter(of_work).map(|told| told.invariant.clone()).collect()
    }
}

#[test]
fn nothing_is_wrong_where_nothing_is_wrong() {
    let mut script = Script::new();
    script.phase("calm");
    script.complete("one", 1);
    script.send_as("two", |sent| sent.attempts = 2);
    script.claim("w1", "two", 2);
    script.settle("w1", "two", 2, (Kind::Retry, 50));
    script.claim_as("w2", "two", 3, |given| given.attempt = 2);
    script.run("two");
    script.settle("w2", "two", 3, (Kind::Complete, 0));
    script.phase("end");
    script.end("one", "completed");
    script.end("two", "completed");
    assert_eq!(script.violated(), [""; 0]);
}

#[test]
fn i1_an_acknowledged_job_that_is_nowhere_or_has_not_ended_is_lost() {
    let mut script = Script::new();
    script.send("nowhere");
    script.send("waits");
    script.complete("without effect", 1);
    script.0.retain(|line| !matches!(&line.event, Event::Effect { .. }));
    script.phase("end");
    script.end("waits", "waiting");
    script.end("without effect", "completed");
    assert_eq!(script.violated(), ["I1", "I1", "I1"]);
}

#[test]
fn i2_what_runs_was_sent_as_it_runs() {
    let mut script = Script::new();
    script.claim("w1", "unsent", 1);
    script.send_as("changed", |sent| sent.digest = 8);
    script.claim("w1", "changed", 2);
    script.run("changed");
    assert_eq!(script.violated(), ["I2", "I2"]);
}

#[test]
fn i3_no_attempt_is_more_than_there_are_and_none_is_repeated_while_nothing_is_wrong() {
    let mut script = Script::new();
    script.send("often");
    script.claim_as("w1", "often", 1, |given| given.attempt = 2);
    assert_eq!(script.violated(), ["I3"]);
    let mut script = Script::new();
    script.phase("calm");
    script.send("again");
    script.claim("w1", "again", 1);
    let later = script.now() + 2 * LEASE;
    script.add_at(later, Event::Rescued { worker: String::new(), jobs: 1 });
    script.claim_as("w2", "again", 2, |given| given.crashes = 1);
    script.phase("faults");
    assert_eq!(script.violated(), ["I3"]);
}

#[test]
fn i3_a_lease_that_runs_out_is_somebodys_doing() {
    let lapse = |script: &mut Script| {
        script.send("held");
        script.claim("w1", "held", 1);
        let later = script.now() + 2 * LEASE;
        script.add_at(later, Event::Rescued { worker: String::new(), jobs: 1 });
        script.claim_as("w2", "held", 2, |given| given.crashes = 1);
    };
    let mut script = Script::new();
    script.phase("faults");
    lapse(&mut script);
    assert_eq!(script.violated(), ["I3"]);
    for (target, explains) in [("a", true), ("", true), ("b", false)] {
        let mut script = Script::new();
        script.phase("faults");
        let (kind, target) = ("reset".to_owned(), target.to_owned());
        script.add(Event::FaultBegins { fault: 1, kind, target });
        script.add(Event::FaultEnds { fault: 1 });
        script.canaries();
        lapse(&mut script);
        assert_eq!(script.violated().is_empty(), explains);
    }
}

#[test]
fn i3_the_answer_to_the_first_of_two_claims_may_be_read_last() {
    // One that counts more crashes is no earlier one.
    for (target, crashes, explains) in [("a", 0, true), ("c", 0, false), ("a", 2, false)] {
        let mut script = Script::new();
        script.phase("faults");
        script.send("held");
        let began = script.now() + 1;
        let (kind, target) = ("stop".to_owned(), target.to_owned());
        script.add(Event::FaultBegins { fault: 1, kind, target });
        let rescued = script.now() + LEASE + 1_000;
        script.add_at(rescued, Event::Rescued { worker: String::new(), jobs: 1 });
        script.claim_as("w2", "held", 2, |given| given.crashes = 1);
        script.run("held");
        let read = script.now() + 2 * LEASE;
        script.add_at(read, Event::FaultEnds { fault: 1 });
        script.canaries();
        let (queue, job, token) = ("work".to_owned(), "held".to_owned(), Proof(1));
        let given = Given { queue, job, token, attempt: 1, crashes };
        script.add(Event::Claimed { worker: "w1".to_owned(), began, jobs: vec![given] });
        assert_eq!(script.violated(), if explains { vec![] } else { vec!["I3"] });
    }
}

#[test]
fn i4_a_job_is_given_out_again_only_when_its_lease_has_run_out() {
    let mut script = Script::new();
    script.send("held");
    script.claim("w1", "held", 1);
    let later = script.now() + LEASE / 2;
    let (worker, held) = ("w1".to_owned(), vec![Proof(1)]);
    script.add_at(later, Event::Extended { worker, began: later - 1, held, lost: Vec::new() });
    let too_soon = later + LEASE / 2 + LEASE / 4;
    script.add_at(too_soon, Event::Rescued { worker: String::new(), jobs: 1 });
    let mut in_time = Script(script.0.clone());
    script.claim("w2", "held", 2);
    assert_eq!(script.violated(), ["I4"]);
    in_time.add_at(too_soon + LEASE / 2, Event::Rescued { worker: String::new(), jobs: 1 });
    in_time.claim("w2", "held", 2);
    assert_eq!(in_time.violated(), [""; 0]);
}

#[test]
fn i4_a_token_does_not_come_again() {
    let mut script = Script::new();
    script.send_as("one", |sent| sent.attempts = 2);
    script.claim("w1", "one", 1);
    script.settle("w1", "one", 1, (Kind::Release, 0));
    script.claim("w2", "one", 1);
    assert_eq!(script.violated(), ["I4"]);
}

#[test]
fn i5_only_the_latest_claim_settles_and_it_does_once() {
    let mut script = Script::new();
    script.send("late");
    script.claim("w1", "late", 1);
    let later = script.now() + 2 * LEASE;
    script.add_at(later, Event::Rescued { worker: String::new(), jobs: 1 });
    script.claim("w2", "late", 2);
    script.settle("w1", "late", 1, (Kind::Complete, 0));
    assert_eq!(script.violated(), ["I5"]);
    let mut script = Script::new();
    script.complete("twice", 1);
    script.settle("w1", "twice", 1, (Kind::Complete, 0));
    assert_eq!(script.violated(), ["I5"]);
}

#[test]
fn i5_a_claim_that_is_past_is_not_extended() {
    let mut script = Script::new();
    script.send("past");
    script.claim("w1", "past", 1);
    let later = script.now() + 2 * LEASE;
    script.add_at(later, Event::Rescued { worker: String::new(), jobs: 1 });
    script.claim("w2", "past", 2);
    let (worker, began, held) = ("w1".to_owned(), script.now() + 1, vec![Proof(1)]);
    script.add(Event::Extended { worker, began, held: held.clone(), lost: held.clone() });
    assert_eq!(script.violated(), [""; 0], "it was told that it had lost it");
    let (worker, began) = ("w1".to_owned(), script.now() + 1);
    script.add(Event::Extended { worker, began, held, lost: Vec::new() });
    assert_eq!(script.violated(), ["I5"]);
}

#[test]
fn i6_what_has_ended_is_not_given_out_again_unless_it_is_ordered() {
    let mut script = Script::new();
    script.complete("ended", 1);
    let mut ordered = Script(script.0.clone());
    let later = script.now() + 2 * LEASE;
    script.add_at(later, Event::Rescued { worker: String::new(), jobs: 1 });
    script.claim("w2", "ended", 2);
    assert_eq!(script.violated(), ["I6"]);
    let (order, queue, job) = ("retry".to_owned(), "work".to_owned(), "ended".to_owned());
    ordered.add(Event::Ordering { order: order.clone(), queue: queue.clone(), job: job.clone() });
    ordered.add(Event::Ordered { order, queue, job, done: true });
    ordered.claim("w2", "ended", 2);
    assert_eq!(ordered.violated(), [""; 0]);
}

#[test]
fn i7_and_i8_each_job_is_in_the_store_once_and_somebody_sent_it() {
    let mut script = Script::new();
    script.complete("one", 1);
    script.send("one");
    script.phase("end");
    script.end("one", "completed");
    script.end("one", "waiting");
    script.end("nobody's", "waiting");
    let mut violated = script.violated();
    violated.sort();
    assert_eq!(violated, ["I7", "I8"]);
}

#[test]
fn i7_what_was_refused_is_not_there() {
    let mut script = Script::new();
    script.send("refused");
    script.0.retain(|line| !matches!(&line.event, Event::Acknowledged { .. }));
    let (queue, job, error) = ("work".to_owned(), "refused".to_owned(), String::new());
    script.add(Event::Refused { queue, job, error });
    assert_eq!(script.violated(), [""; 0]);
    script.claim("w1", "refused", 1);
    assert_eq!(script.violated(), ["I7"]);
}

#[test]
fn i9_what_is_tried_again_in_the_call_that_settled_it_is_early() {
    let mut script = Script::new();
    script.send_as("retried", |sent| sent.attempts = 2);
    script.claim("w1", "retried", 1);
    let call = script.settling("w1", "retried", 1, (Kind::Retry, 10_000));
    script.claim_as("w1", "retried", 2, |given| given.attempt = 2);
    script.add(Event::Settled { worker: "w1".to_owned(), call, applied: vec![true] });
    assert_eq!(script.violated(), ["I9"]);
}

#[test]
fn i9_nothing_runs_before_it_is_due() {
    let mut script = Script::new();
    script.send_as("early", |sent| sent.delay = 10_000);
    script.claim("w1", "early", 1);
    assert_eq!(script.violated(), ["I9"]);
    let mut script = Script::new();
    script.send_as("retried", |sent| sent.attempts = 2);
    script.claim("w1", "retried", 1);
    script.settle("w1", "retried", 1, (Kind::Retry, 10_000));
    script.claim_as("w1", "retried", 2, |given| given.attempt = 2);
    assert_eq!(script.violated(), ["I9"]);
}

#[test]
fn i10_every_worker_consumes_after_every_fault() {
    let mut script = Script::new();
    let (kind, target) = ("reset".to_owned(), "a".to_owned());
    script.add(Event::FaultBegins { fault: 1, kind, target });
    script.add(Event::FaultEnds { fault: 1 });
    assert_eq!(script.violated(), ["I10", "I10"]);
    script.canaries();
    assert_eq!(script.violated(), [""; 0]);
}

#[test]
fn i11_a_job_does_not_overtake_one_that_was_there_before() {
    let mut script = Script::new();
    script.phase("calm");
    script.send("first");
    script.send("second");
    script.claim("w1", "second", 1);
    script.claim("w2", "first", 2);
    script.phase("faults");
    assert_eq!(script.violated(), ["I11"]);
}

#[test]
fn i14_a_paused_queue_gives_nothing_out() {
    let mut script = Script::new();
    script.send("held back");
    let (order, queue) = ("pause".to_owned(), "work".to_owned());
    script.add(Event::Ordered { order, queue, job: String::new(), done: true });
    script.claim("w1", "held back", 1);
    let (order, queue) = ("resume".to_owned(), "work".to_owned());
    script.add(Event::Ordering { order, queue, job: String::new() });
    assert_eq!(script.violated(), ["I14"]);
}

#[test]
fn i18_a_job_that_kills_costs_no_more_processes_than_are_borne() {
    let mut script = Script::new();
    script.send_as("poison", |sent| sent.fate = Fate::Kills);
    script.claim_as("w1", "poison", 1, |given| given.crashes = 3);
    for _ in 0..4 {
        script.run("poison");
    }
    assert_eq!(script.violated(), ["I18", "I18"]);
}

#[test]
fn i18_a_job_is_given_up_for_as_many_deaths_as_are_borne_and_no_fewer() {
    for deaths in [2, 3] {
        let mut script = Script::new();
        script.send("long");
        for death in 0..deaths {
            script.die("long", 1 + u128::from(death), death);
        }
        script.phase("end");
        script.give_up("long");
        assert_eq!(script.violated().is_empty(), deaths == 3);
    }
}

#[test]
fn i18_a_death_with_a_claim_that_nobody_could_write_down_counts_if_a_process_ended_and_the_next_claim_tells()
{
    for (has_ended, crashes, violated) in [(true, 1, 0), (false, 1, 1), (true, 0, 1)] {
        let mut script = Script::new();
        script.send("long");
        if has_ended {
            script.add(Event::Exit { process: 7, code: None });
        }
        for death in 0..2 {
            script.die("long", 1 + u128::from(death), crashes + death);
        }
        script.phase("end");
        script.give_up("long");
        assert_eq!(script.violated(), vec!["I18"; violated], "{has_ended}, {crashes}");
    }
}

#[test]
fn i19_a_process_that_is_told_to_stop_claims_nothing_more_and_ends_well() {
    let mut script = Script::new();
    script.send("after the end");
    script.add(Event::Signal { process: 1, signal: "SIGTERM".to_owned() });
    let later = script.now() + 1_000_000;
    script.add_at(later, Event::Rescued { worker: String::new(), jobs: 0 });
    script.claim("w1", "after the end", 1);
    script.add(Event::Exit { process: 1, code: Some(2) });
    assert_eq!(script.violated(), ["I19", "I19"]);
}

#[test]
fn the_story_of_a_job_has_all_that_happened_to_it_and_nothing_else() {
    let mut script = Script::new();
    script.complete("one", 1);
    script.complete("other", 2);
    let story = super::story(&script.0, &("work".to_owned(), "one".to_owned()));
    assert_eq!(story.lines().count(), 7, "{story}");
    assert!(!story.contains("other"), "{story}");
}

/// Sends a job of a key.
fn send_keyed(script: &mut Script, job: &str, (mode, window): (&str, u64)) -> u64 {
    let keyed = Keyed { key: "k".to_owned(), mode: mode.to_owned(), window };
    script.send_as(job, |sent| sent.dedup = Some(keyed))
}

/// Sends a job that is left out for another one.
fn leave_out(script: &mut Script, job: &str, owner: &str, mode: (&str, u64)) {
    send_keyed(script, job, mode);
    script.0.pop();
    let (queue, job, owner) = ("work".to_owned(), job.to_owned(), owner.to_owned());
    script.add(Event::LeftOut { queue, job, owner });
}

#[test]
fn i16_two_jobs_of_a_key_are_not_in_hand_at_once() {
    for (mode, violated) in [("simple", 1), ("replace", 1), ("keep_last", 1), ("throttle", 0)] {
        let mut script = Script::new();
        send_keyed(&mut script, "first", (mode, 0));
        script.claim("w1", "first", 1);
        send_keyed(&mut script, "second", (mode, 0));
        let mut in_order = Script(script.0.clone());
        script.claim("w2", "second", 2);
        script.settle("w1", "first", 1, (Kind::Complete, 0));
        assert_eq!(script.violated(), vec!["I16"; violated], "{mode}");
        in_order.settle("w1", "first", 1, (Kind::Complete, 0));
        in_order.claim("w2", "second", 2);
        assert_eq!(in_order.violated(), [""; 0], "{mode}");
    }
}

#[test]
fn i16_who_lost_its_lease_holds_up_nobody() {
    let mut script = Script::new();
    send_keyed(&mut script, "first", ("replace", 0));
    script.claim("w1", "first", 1);
    let later = script.now() + 2 * LEASE;
    script.add_at(later, Event::Rescued { worker: String::new(), jobs: 1 });
    send_keyed(&mut script, "second", ("replace", 0));
    script.claim("w2", "second", 2);
    assert_eq!(script.violated(), [""; 0]);
}

#[test]
fn i16_one_throttled_job_is_taken_in_a_window() {
    for (window, violated) in [(100, 0), (10_000, 1)] {
        let mut script = Script::new();
        send_keyed(&mut script, "first", ("throttle", window));
        send_keyed(&mut script, "second", ("throttle", window));
        assert_eq!(script.violated(), vec!["I16"; violated], "{window}");
    }
}

#[test]
fn i16_who_is_left_out_is_so_for_a_job_that_holds_its_key() {
    let mut script = Script::new();
    send_keyed(&mut script, "first", ("simple", 0));
    leave_out(&mut script, "second", "first", ("simple", 0));
    script.claim("w1", "first", 1);
    script.settle("w1", "first", 1, (Kind::Complete, 0));
    assert_eq!(script.violated(), [""; 0]);
    leave_out(&mut script, "third", "first", ("simple", 0));
    assert_eq!(script.violated(), ["I16"], "it had ended");
    let mut script = Script::new();
    script.send("plain");
    leave_out(&mut script, "second", "plain", ("simple", 0));
    assert_eq!(script.violated(), ["I16"], "it has another key");
    let mut script = Script::new();
    send_keyed(&mut script, "first", ("throttle", 50));
    leave_out(&mut script, "second", "first", ("throttle", 50));
    assert_eq!(script.violated(), ["I16"], "its window was over");
}

#[test]
fn i1_only_who_never_ran_can_have_been_replaced_and_only_by_a_later_job() {
    let absent = |mode: &str, runs: bool, has_later: bool| {
        let mut script = Script::new();
        send_keyed(&mut script, "first", (mode, 0));
        if runs {
            script.claim("w1", "first", 1);
            script.settle("w1", "first", 1, (Kind::Retry, 0));
        }
        if has_later {
            send_keyed(&mut script, "second", (mode, 0));
            script.claim("w1", "second", 2);
            script.run("second");
            script.settle("w1", "second", 2, (Kind::Complete, 0));
        }
        script.phase("end");
        if has_later {
            script.end("second", "completed");
        }
        script.violated()
    };
    assert_eq!(absent("replace", false, true), [""; 0]);
    assert_eq!(absent("debounce", false, true), [""; 0]);
    assert_eq!(absent("replace", true, true), ["I1"]);
    assert_eq!(absent("replace", false, false), ["I1"]);
    assert_eq!(absent("simple", false, true), ["I1"]);
}
