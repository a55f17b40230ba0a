//! I13: what limits hold.

use super::{LEASE, Script};
use crate::lab::event::{Event, Hold, Kind, Rate};

/// A run in which jobs of the task are held to this.
fn held(most: Option<u32>, rate: Option<Rate>) -> Script {
    let mut script = Script::new();
    script.add(Event::Held(Hold { queue: "work".to_owned(), task: "t".to_owned(), most, rate }));
    script
}

fn send_to(script: &mut Script, job: &str, place: &str) {
    let turn = Some(place.to_owned());
    script.send_as(job, |sent| sent.turn = turn);
}

#[test]
fn i13_no_more_run_at_once_than_may() {
    let mut script = held(Some(1), None);
    send_to(&mut script, "first", "here");
    send_to(&mut script, "elsewhere", "there");
    send_to(&mut script, "second", "here");
    script.claim("w1", "first", 1);
    script.claim("w2", "elsewhere", 2);
    let mut in_order = Script(script.0.clone());
    script.claim("w2", "second", 3);
    assert_eq!(script.violated(), ["I13"]);
    in_order.settle("w1", "first", 1, (Kind::Retry, 0));
    in_order.claim("w2", "second", 3);
    assert_eq!(in_order.violated(), [""; 0]);
}

#[test]
fn i13_a_permit_is_held_as_long_as_the_lease_is_extended_and_no_longer() {
    for (extensions, violated) in [(0, 0), (3, 1)] {
        let mut script = held(Some(1), None);
        script.send("first");
        script.send("second");
        script.claim("w1", "first", 1);
        for _ in 0..extensions {
            let (worker, began) = ("w1".to_owned(), script.now() + LEASE / 2);
            script.add_at(began + 1, Event::Extended { worker, began, held: Vec::new(), lost: Vec::new() });
        }
        let later = script.now() + LEASE / 2 + if extensions == 0 { LEASE } else { 0 };
        script.add_at(later, Event::Rescued { worker: String::new(), jobs: 0 });
        script.claim("w2", "second", 2);
        assert_eq!(script.violated(), vec!["I13"; violated], "{extensions} extensions");
    }
}

#[test]
fn i13_a_window_holds_no_more_starts_than_may() {
    let rate = Rate { permits: 2, interval: 1_000_000, sliding: true };
    for (apart, violated) in [(400_000, 1), (600_000, 0)] {
        let mut script = held(None, Some(rate));
        for (number, job) in [(1, "first"), (2, "second"), (3, "third")] {
            script.complete(job, number);
            let later = script.now() + apart;
            script.add_at(later, Event::Rescued { worker: String::new(), jobs: 0 });
        }
        assert_eq!(script.violated(), vec!["I13"; violated], "{apart}");
    }
}

#[test]
fn i13_a_bucket_gives_what_it_has_and_what_it_gained() {
    let rate = Rate { permits: 2, interval: 1_000_000, sliding: false };
    for (apart, violated) in [(200_000, 1), (510_000, 0)] {
        let mut script = held(None, Some(rate));
        for (number, job) in [(1, "first"), (2, "second"), (3, "third"), (4, "fourth")] {
            script.complete(job, number);
            if 1 < number {
                let later = script.now() + apart;
                script.add_at(later, Event::Rescued { worker: String::new(), jobs: 0 });
            }
        }
        assert_eq!(!script.violated().is_empty(), violated == 1, "{apart}");
    }
}
