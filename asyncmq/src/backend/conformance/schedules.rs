//! Recurring jobs: what is kept of schedules, and who may change it.

#![expect(missing_docs, reason = "the name of each property is what it promises")]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::Fixture;
use super::stage::{Answered, HOUR, MILLI, QUEUE, SECOND, Stage, job, job_of, jobs, signal};
use crate::backend::{CallId, Fired, Firing, Force, Signal, StoredSchedule};
use crate::clock::Timestamp;
use crate::job::{Envelope, JobId, Name};
use crate::schedule::ScheduleId;

pub(super) fn id(text: &str) -> ScheduleId {
    ScheduleId::from_stored(text)
}

/// Describes a schedule under its first revision.
pub(super) fn schedule(text: &str, next: Option<Timestamp>) -> StoredSchedule {
    let record = Bytes::from_static(b"\x00{not read}\xff");
    StoredSchedule { queue: QUEUE, id: id(text), revision: 1, next, record }
}

/// The same, changed.
pub(super) fn changed(schedule: &StoredSchedule, next: Option<Timestamp>) -> StoredSchedule {
    StoredSchedule {
        revision: schedule.revision.wrapping_add(1),
        next,
        record: Bytes::from_static(b"changed"),
        ..schedule.clone()
    }
}

impl Stage {
    pub(super) async fn put(&self, schedule: &StoredSchedule, expected: Option<u64>) -> bool {
        self.store.put_schedule(schedule, expected).await.answered()
    }

    /// Puts a schedule that must be new.
    pub(super) async fn scheduled(&self, text: &str, next: Option<Timestamp>) -> StoredSchedule {
        let schedule = schedule(text, next);
        assert!(self.put(&schedule, None).await);
        schedule
    }

    pub(super) async fn kept(&self, schedule: &StoredSchedule) -> Option<StoredSchedule> {
        self.store.schedule(&schedule.queue, &schedule.id).await.answered()
    }

    pub(super) async fn due(&self, limit: usize) -> Vec<ScheduleId> {
        let found = self.store.due_schedules(&[QUEUE], limit).await.answered();
        found.due.into_iter().map(|schedule| schedule.id).collect()
    }

    pub(super) async fn fire_as(
        &self,
        call: CallId,
        (schedule, expected): (&StoredSchedule, u64),
        jobs: &[Envelope],
        unless: Option<&JobId>,
    ) -> Fired {
        let slot = Timestamp::from_micros(7_000_000);
        let jobs: Vec<_> = jobs.iter().map(|job| (slot, Arc::new(job.clone()))).collect();
        let firing = Firing { call, schedule, expected, jobs: &jobs, unless };
        self.store.fire(firing).await.answered()
    }

    /// Fires jobs, and leaves the schedule changed.
    pub(super) async fn fire(&self, schedule: &StoredSchedule, jobs: &[Envelope]) -> Fired {
        let after = changed(schedule, None);
        self.fire_as(self.next_call(), (&after, schedule.revision), jobs, None).await
    }
}

pub async fn a_schedule_is_kept_as_it_was_put(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let next = stage.now().await.after(HOUR);
    let one = StoredSchedule { revision: u64::MAX, ..schedule("one", Some(next)) };
    assert!(stage.put(&one, None).await);
    assert_eq!(Stage::on(fixture.other()).kept(&one).await, Some(one.clone()));
    let large =
        StoredSchedule { record: Bytes::from(vec![b'x'; 100_000]), revision: 0, ..changed(&one, None) };
    assert!(stage.put(&large, Some(u64::MAX)).await);
    assert_eq!(stage.kept(&one).await, Some(large));
    assert_eq!(stage.kept(&schedule("other", None)).await, None);
}

pub async fn only_who_knows_how_a_schedule_stands_changes_it(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let one = stage.scheduled("one", None).await;
    for expected in [None, Some(2)] {
        assert!(!stage.put(&changed(&one, None), expected).await, "{expected:?}");
        assert_eq!(stage.kept(&one).await, Some(one.clone()));
    }
    assert!(!stage.put(&schedule("other", None), Some(1)).await, "it is not there");
    assert_eq!(stage.kept(&schedule("other", None)).await, None);
    assert!(stage.put(&changed(&one, None), Some(1)).await);
    assert!(!stage.put(&changed(&one, None), Some(1)).await, "it stands otherwise by now");
}

pub async fn one_of_many_changes_of_a_schedule_is_made(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let one = stage.scheduled("one", None).await;
    let tries = (2..12).map(|revision| {
        let (store, one) = (fixture.other(), StoredSchedule { revision, ..one.clone() });
        tokio::spawn(async move { store.put_schedule(&one, Some(1)).await.answered().then_some(revision) })
    });
    let mut made = Vec::new();
    for attempt in tries.collect::<Vec<_>>() {
        made.extend(attempt.await.expect("it does not panic"));
    }
    assert_eq!(made, [stage.kept(&one).await.expect("it is kept").revision]);
}

pub async fn schedules_are_listed_by_queue_and_id(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let other = Name::from_static("another");
    for (queue, text) in [(&QUEUE, "b"), (&other, "z"), (&QUEUE, "a")] {
        assert!(stage.put(&StoredSchedule { queue: queue.clone(), ..schedule(text, None) }, None).await);
    }
    let list = |queue: Option<Name>| {
        let store = stage.store.clone();
        async move {
            let list = store.schedules(queue.as_ref()).await.answered();
            list.into_iter().map(|schedule| schedule.id.to_string()).collect::<Vec<_>>()
        }
    };
    assert_eq!(list(None).await, ["z", "a", "b"]);
    assert_eq!(list(Some(QUEUE)).await, ["a", "b"]);
    assert_eq!(list(Some(Name::from_static("unheard of"))).await, [""; 0]);
    assert!(stage.store.remove_schedule(&QUEUE, &id("a")).await.answered());
    assert!(!stage.store.remove_schedule(&QUEUE, &id("a")).await.answered());
    assert_eq!(list(Some(QUEUE)).await, ["b"]);
}

pub async fn schedules_and_jobs_may_share_an_id(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let twin = Envelope { id: JobId::from_stored("one"), ..job() };
    let (one, twin) = (stage.scheduled("one", None).await, stage.push(twin).await);
    stage.store.remove(&QUEUE, &twin.id).await.answered();
    assert!(stage.kept(&one).await.is_some() && stage.find(&twin).await.is_none());
    stage.push(Envelope::clone(&twin)).await;
    stage.store.remove_schedule(&QUEUE, &one.id).await.answered();
    assert!(stage.find(&twin).await.is_some());
}

pub async fn ids_of_schedules_may_have_any_character(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let now = stage.now().await;
    let texts = ["a:b", "{x}", "ü %\"'", " ", &"y".repeat(255)];
    for text in texts {
        stage.scheduled(text, Some(now)).await;
    }
    let mut due: Vec<String> = stage.due(100).await.iter().map(ToString::to_string).collect();
    due.sort_unstable();
    let mut expected = texts.map(ToOwned::to_owned);
    expected.sort_unstable();
    assert_eq!(due, expected);
    for text in texts {
        let one = stage.kept(&schedule(text, None)).await.expect("it is kept");
        assert!(matches!(stage.fire(&one, &[job()]).await, Fired::Fired(_)), "{text:?}");
    }
    assert!(stage.due(100).await.is_empty());
}

pub async fn what_is_due_is_found_in_the_order_of_its_times_and_bounded(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let now = stage.now().await;
    for (text, wait) in [("c", 3 * SECOND), ("a", SECOND), ("d", HOUR), ("b", 2 * SECOND)] {
        stage.scheduled(text, Some(now.after(wait))).await;
    }
    let look = stage.store.due_schedules(&[QUEUE], 10).await.answered();
    assert_eq!((look.now, look.due.len(), look.next_in), (now, 0, Some(SECOND)));
    fixture.advance(SECOND - MILLI).await;
    assert!(stage.due(10).await.is_empty(), "nothing is due early");
    fixture.advance(2 * SECOND + MILLI).await;
    assert_eq!(stage.due(10).await, ["a", "b", "c"].map(id));
    assert_eq!(stage.due(2).await, ["a", "b"].map(id));
    let look = stage.store.due_schedules(&[QUEUE], 1).await.answered();
    assert_eq!(look.next_in, Some(HOUR - 3 * SECOND), "what is due is not what comes next");
    let one = stage.kept(&schedule("a", None)).await.expect("it is kept");
    stage.fire(&one, &[job()]).await;
    assert_eq!(stage.due(10).await, ["b", "c"].map(id));
}

pub async fn schedules_of_other_queues_are_not_found(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let (now, other) = (stage.now().await, Name::from_static("another"));
    assert!(stage.put(&StoredSchedule { queue: other.clone(), ..schedule("x", Some(now)) }, None).await);
    let look = stage.store.due_schedules(&[QUEUE], 10).await.answered();
    assert_eq!((look.due.len(), look.next_in), (0, None));
    stage.scheduled("y", Some(now)).await;
    let queues = [QUEUE, Name::from_static("unheard of"), other];
    assert_eq!(stage.store.due_schedules(&queues, 10).await.answered().due.len(), 2);
    assert_eq!(stage.store.due_schedules(&[], 10).await.answered().due.len(), 0);
}

pub async fn one_without_a_next_time_is_never_due(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let one = stage.scheduled("one", Some(stage.now().await)).await;
    assert!(stage.put(&changed(&one, None), Some(1)).await);
    fixture.advance(HOUR).await;
    let look = stage.store.due_schedules(&[QUEUE], 10).await.answered();
    assert_eq!((look.due.len(), look.next_in), (0, None));
}

pub async fn a_schedule_makes_its_queue_used(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.scheduled("one", None).await;
    assert_eq!(stage.store.queues().await.answered(), [QUEUE]);
    assert_eq!(stage.recount().await.total(), 0);
}

pub async fn nothing_is_left_of_the_schedules_of_an_obliterated_queue(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let other = Name::from_static("another");
    let beside = StoredSchedule { queue: other.clone(), ..schedule("one", None) };
    assert!(stage.put(&beside, None).await);
    let one = stage.scheduled("one", Some(stage.now().await)).await;
    stage.push_all(jobs(3)).await;
    stage.push(job_of(&other)).await;
    let removed = stage.store.obliterate(&QUEUE, Force::RefuseActive, 1_000).await.answered();
    assert_eq!(removed, Ok(3));
    assert_eq!((stage.kept(&one).await, stage.due(10).await.len()), (None, 0));
    assert_eq!(stage.fire(&one, &jobs(1)).await, Fired::Stale);
    assert_eq!(stage.store.queues().await.answered(), [other]);
    assert!(stage.kept(&beside).await.is_some());
    stage.scheduled("one", None).await;
    assert_eq!(stage.store.obliterate(&QUEUE, Force::RefuseActive, 1_000).await.answered(), Ok(0));
    assert_eq!(stage.kept(&one).await, None, "also of one that has nothing but schedules");
}

pub async fn a_schedule_that_is_put_wakes_who_serves_its_queue(fixture: &dyn Fixture) {
    let (stage, other) = (Stage::of(fixture), Stage::on(fixture.other()));
    let worker = stage.worker();
    let mut signals = worker.signals().await;
    assert!(worker.claim(10).await.is_empty());
    let mut last = other.scheduled("one", None).await;
    for _ in 0..3 {
        while signal(&mut signals).await != Signal::Schedules {}
        let next = changed(&last, Some(other.now().await.after(Duration::from_secs(5))));
        assert!(other.put(&next, Some(last.revision)).await);
        last = next;
    }
    while signal(&mut signals).await != Signal::Schedules {}
}
