//! I12: what fires in the slots of schedules.

use super::Script;
use crate::lab::event::{Event, Kind, Plan, Slot};

const SECOND: u64 = 1_000_000;
/// The time of the first slot by the store's clock.
const FIRST: u64 = 1_700_000_000_000_000;

/// A run with a schedule, made just now, whose first slot is a second ahead.
fn scheduled(change: impl FnOnce(&mut Plan)) -> Script {
    let mut script = Script::new();
    let schedule = "s".to_owned();
    let mut plan = Plan { schedule, interval: SECOND, first: FIRST, makes_up: true, alone: false };
    change(&mut plan);
    script.add(Event::Scheduled { plan, clock: FIRST - SECOND });
    script
}

impl Script {
    /// Goes on until so long after the schedule was made.
    fn until(&mut self, seconds: f64) {
        let made = self.0.iter().find(|line| matches!(line.event, Event::Scheduled { .. }));
        let at = made.map_or(0, |line| line.at) + (seconds * SECOND as f64) as u64;
        self.add_at(at, Event::Rescued { worker: String::new(), jobs: 0 });
    }

    /// Fires slots by their numbers.
    fn fire(&mut self, call: &str, slots: &[u64]) {
        let times: Vec<u64> = slots.iter().map(|slot| FIRST + slot * SECOND).collect();
        let began = self.now() + 1;
        for (slot, time) in slots.iter().zip(&times) {
            let at = Slot { schedule: "s".to_owned(), time: *time };
            self.send_as(&format!("slot-{slot}"), |sent| sent.slot = Some(at));
        }
        let (call, schedule) = (call.to_owned(), "s".to_owned());
        self.add(Event::Fired { call, schedule, slots: times, began });
    }

    fn stop(&mut self) {
        self.add(Event::Unscheduled { schedule: "s".to_owned() });
    }
}

/// Lets so many slots fire in time.
fn fires(script: &mut Script, slots: std::ops::Range<u64>) {
    for slot in slots {
        script.until(1.01 + slot as f64);
        script.fire(&format!("call {slot}"), &[slot]);
    }
}

#[test]
fn i12_every_slot_fires_one_job() {
    let mut script = scheduled(|_| {});
    fires(&mut script, 0..3);
    script.until(5.5);
    script.fire("late", &[3, 4]);
    script.stop();
    assert_eq!(script.violated(), [""; 0]);
    let slot = Slot { schedule: "s".to_owned(), time: FIRST };
    script.send_as("another job", |sent| sent.slot = Some(slot));
    assert_eq!(script.violated(), ["I12"]);
}

#[test]
fn i12_no_slot_fires_in_two_steps_and_slots_only_grow() {
    let mut script = scheduled(|_| {});
    fires(&mut script, 0..2);
    let mut repeated = Script(script.0.clone());
    repeated.fire("call 1", &[1]);
    assert_eq!(repeated.violated(), [""; 0], "one call, answered twice");
    let mut back = Script(script.0.clone());
    script.fire("another", &[1]);
    assert_eq!(script.violated(), ["I12"]);
    back.until(4.0);
    back.fire("call 3", &[3]);
    back.fire("call 2", &[2]);
    assert_eq!(back.violated(), ["I12"]);
}

#[test]
fn i12_a_slot_is_left_out_only_where_its_schedule_does_not_make_up_for_it_and_something_hit_all() {
    for (makes_up, kind, target, is_right) in [
        (false, "server-kill", "", true),
        (false, "kill", "a", false),
        (false, "queue-pause", "", false),
        (true, "server-kill", "", false),
    ] {
        let mut script = scheduled(|plan| plan.makes_up = makes_up);
        fires(&mut script, 0..1);
        let (kind, target) = (kind.to_owned(), target.to_owned());
        script.add(Event::FaultBegins { fault: 1, kind: kind.clone(), target });
        script.until(3.05);
        script.add(Event::FaultEnds { fault: 1 });
        script.canaries();
        script.fire("call 2", &[2]);
        script.until(4.5);
        script.stop();
        assert_eq!(script.violated().is_empty(), is_right, "{kind}, {makes_up}");
    }
}

#[test]
fn i12_a_schedule_that_does_not_go_on_leaves_slots_out() {
    let mut script = scheduled(|plan| plan.makes_up = false);
    fires(&mut script, 0..1);
    script.until(4.5);
    script.stop();
    assert_eq!(script.violated(), ["I12"]);
}

#[test]
fn i12_jobs_that_must_be_alone_are_and_leave_slots_out_meanwhile() {
    let alone = |ends_first: bool| {
        let mut script = scheduled(|plan| (plan.makes_up, plan.alone) = (false, true));
        fires(&mut script, 0..1);
        script.claim("w1", "slot-0", 1);
        script.until(2.5);
        if ends_first {
            script.settle("w1", "slot-0", 1, (Kind::Complete, 0));
        }
        script.until(3.01);
        script.fire("call 2", &[2]);
        if !ends_first {
            script.settle("w1", "slot-0", 1, (Kind::Complete, 0));
        }
        script.claim("w1", "slot-2", 2);
        script.settle("w1", "slot-2", 2, (Kind::Complete, 0));
        script.run("slot-0");
        script.run("slot-2");
        script.stop();
        script.phase("end");
        script.end("slot-0", "completed");
        script.end("slot-2", "completed");
        script.violated()
    };
    assert_eq!(alone(true), [""; 0]);
    assert_eq!(alone(false), ["I12"]);
}
