//! Recurring jobs: the one step in which a schedule changes and its jobs are pushed.

#![expect(missing_docs, reason = "the name of each property is what it promises")]

use std::sync::Arc;

use super::Fixture;
use super::schedules::{changed, id};
use super::stage::{Answered, HOUR, QUEUE, SECOND, Stage, complete, ids_of, job, jobs, retry};
use crate::backend::{Fired, Pushed, StoredSchedule};
use crate::clock::Timestamp;
use crate::event::{EventData, EventKind};
use crate::job::{Due, Envelope, JobId, JobState};

pub async fn to_fire_is_to_change_and_to_push_in_one_step(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let (now, sent) = (stage.now().await, jobs(3));
    let one = stage.scheduled("one", Some(now)).await;
    let after = changed(&one, Some(now.after(HOUR)));
    let fired = stage.fire_as(stage.next_call(), (&after, 1), &sent, None).await;
    assert_eq!(fired, Fired::Fired(vec![Pushed::Added; 3]));
    assert_eq!(stage.kept(&one).await, Some(after));
    let look = stage.store.due_schedules(&[QUEUE], 10).await.answered();
    assert_eq!((look.due.len(), look.next_in), (0, Some(HOUR)));
    let claimed = stage.worker().claim(10).await;
    assert_eq!(ids_of(&claimed), sent.iter().map(|job| job.id.clone()).collect::<Vec<_>>());
    assert_eq!(*claimed[0].envelope, sent[0]);
    assert_eq!(stage.recount().await.active, 3);
}

pub async fn a_stale_firing_changes_nothing(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let one = stage.scheduled("one", Some(stage.now().await)).await;
    for expected in [0, 2, u64::MAX] {
        let stale = (&changed(&one, None), expected);
        assert_eq!(stage.fire_as(stage.next_call(), stale, &jobs(2), None).await, Fired::Stale);
    }
    assert_eq!(stage.kept(&one).await, Some(one));
    assert_eq!(stage.recount().await.total(), 0);
    assert_eq!(stage.store.queue(&QUEUE).await.answered().enqueued, 0);
}

pub async fn a_removed_schedule_fires_no_more(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let one = stage.scheduled("one", Some(stage.now().await)).await;
    assert!(stage.store.remove_schedule(&QUEUE, &one.id).await.answered());
    assert_eq!(stage.fire(&one, &jobs(1)).await, Fired::Stale);
    assert_eq!((stage.kept(&one).await, stage.recount().await.total()), (None, 0), "nothing brings it back");
    assert!(stage.due(10).await.is_empty());
}

pub async fn a_slot_that_has_fired_already_is_met(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let one = stage.scheduled("one", None).await;
    let (old, new) = (stage.push(job()).await, job());
    let fired = stage.fire(&one, &[Envelope::clone(&old), new.clone()]).await;
    assert_eq!(fired, Fired::Fired(vec![Pushed::Exists { task: old.task.clone() }, Pushed::Added]));
    assert_eq!(stage.recount().await.waiting, 2);
}

pub async fn a_repeated_firing_is_answered_as_the_first_one(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let one = stage.scheduled("one", None).await;
    let (call, sent, after) = (stage.next_call(), jobs(2), changed(&one, None));
    let first = stage.fire_as(call, (&after, 1), &sent, None).await;
    stage.run(complete()).await;
    for _ in 0..2 {
        assert_eq!(stage.fire_as(call, (&after, 1), &sent, None).await, first);
    }
    let counts = stage.recount().await;
    assert_eq!((counts.waiting, counts.completed), (1, 1));
    // A push of the same number is another call.
    assert_eq!(stage.store.push(call, &[Arc::new(job())]).await.answered(), [Pushed::Added]);
}

pub async fn a_firing_that_is_refused_is_refused_again(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let one = stage.scheduled("one", None).await;
    let (running, call, after) = (stage.push(job()).await, stage.next_call(), changed(&one, None));
    let fire = async || stage.fire_as(call, (&after, 1), &jobs(1), Some(&running.id)).await;
    assert_eq!(fire().await, Fired::Overlapping);
    stage.run(complete()).await;
    assert_eq!(fire().await, Fired::Overlapping, "it is the same call");
    let call = stage.next_call();
    let stale = async || stage.fire_as(call, (&after, 9), &jobs(1), None).await;
    assert_eq!((stale().await, stale().await), (Fired::Stale, Fired::Stale));
    assert_eq!(stage.recount().await.waiting, 0);
}

pub async fn nothing_fires_while_the_last_job_has_not_ended(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let one = stage.scheduled("one", Some(stage.now().await)).await;
    let last = stage.push(job()).await;
    let after = changed(&one, None);
    let fire =
        async |unless: &JobId| stage.fire_as(stage.next_call(), (&after, 1), &jobs(1), Some(unless)).await;
    assert_eq!(fire(&last.id).await, Fired::Overlapping, "it waits");
    let worker = stage.worker();
    let held = worker.one().await;
    assert_eq!(fire(&last.id).await, Fired::Overlapping, "it runs");
    assert_eq!(stage.kept(&one).await, Some(one.clone()), "nothing has changed");
    worker.settle(&held, complete()).await;
    assert_eq!(fire(&last.id).await, Fired::Fired(vec![Pushed::Added]), "it has ended");
    let two = stage.scheduled("two", None).await;
    let gone = JobId::generate();
    let fired = stage.fire_as(stage.next_call(), (&changed(&two, None), 1), &jobs(1), Some(&gone)).await;
    assert_eq!(fired, Fired::Fired(vec![Pushed::Added]), "one that is not kept has ended");
}

pub async fn a_job_that_waits_for_its_time_has_not_ended(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let one = stage.scheduled("one", None).await;
    let last = stage.push(job()).await;
    stage.run(retry(HOUR)).await;
    assert_eq!(stage.state(&last).await, JobState::Delayed);
    let fired = stage.fire_as(stage.next_call(), (&changed(&one, None), 1), &jobs(1), Some(&last.id)).await;
    assert_eq!(fired, Fired::Overlapping);
}

pub async fn a_delayed_slot_waits_for_its_time(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let one = stage.scheduled("one", None).await;
    let due = Due::At(stage.now().await.after(SECOND).into());
    let mut late = Envelope { due, ttl: Some(HOUR), ..job() };
    late.extras_mut().headers.push(("k".into(), "v".into()));
    stage.fire(&one, &[late.clone(), job()]).await;
    let worker = stage.worker();
    assert_eq!(worker.claim(10).await.len(), 1);
    assert_eq!(stage.state(&late).await, JobState::Delayed);
    fixture.advance(SECOND).await;
    let claimed = worker.claim(10).await;
    assert_eq!(claimed[0].envelope.extras(), late.extras());
    assert_eq!(stage.recount().await.active, 2);
}

pub async fn a_paused_queue_fires_all_the_same(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let one = stage.scheduled("one", Some(stage.now().await)).await;
    stage.store.pause(&QUEUE).await.answered();
    assert_eq!(stage.due(10).await, ["one"].map(id));
    stage.fire(&one, &jobs(1)).await;
    assert_eq!((stage.recount().await.waiting, stage.worker().claim(1).await.len()), (1, 0));
}

pub async fn a_firing_tells_who_listens(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let one = stage.scheduled("ü one", None).await;
    let mut listener = stage.listen(EventKind::ScheduleFired).await;
    let (old, sent) = (stage.push(job()).await, job());
    stage.fire(&one, &[Envelope::clone(&old), sent.clone()]).await;
    let event = listener.next().await;
    assert_eq!((event.kind(), event.job_id()), (EventKind::ScheduleFired, Some(&sent.id)));
    assert_eq!((event.task(), event.queue()), (Some(sent.task.as_str()), Some(QUEUE.as_str())));
    let slot = Timestamp::from_micros(7_000_000).into();
    assert_eq!(event.data(), &EventData::Slot { schedule: "ü one".into(), slot });
    let mut all = stage.listen(crate::event::EventFilter::all()).await;
    let two = stage.scheduled("two", None).await;
    stage.fire(&two, &jobs(1)).await;
    let mut kinds = all.kinds(2).await;
    kinds.sort_unstable();
    assert_eq!(kinds, [EventKind::Enqueued, EventKind::ScheduleFired]);
}

pub async fn one_of_many_firings_of_a_slot_is_carried_out(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let one = stage.scheduled("one", Some(stage.now().await)).await;
    let slot = job();
    let tries = (2..12).map(|revision| {
        let (stage, slot) = (Stage::on(fixture.other()), slot.clone());
        let after = StoredSchedule { revision, next: None, ..one.clone() };
        tokio::spawn(async move { stage.fire_as(stage.next_call(), (&after, 1), &[slot], None).await })
    });
    let mut fired = 0;
    for attempt in tries.collect::<Vec<_>>() {
        fired += usize::from(attempt.await.expect("it does not panic") != Fired::Stale);
    }
    assert_eq!((fired, stage.recount().await.waiting), (1, 1));
}

pub async fn jobs_that_fire_wake_who_waits(fixture: &dyn Fixture) {
    let (stage, other) = (Stage::of(fixture), Stage::on(fixture.other()));
    let one = stage.scheduled("one", None).await;
    let worker = stage.worker();
    let mut signals = worker.signals().await;
    assert!(worker.claim(10).await.is_empty());
    other.fire(&one, &jobs(1)).await;
    loop {
        super::stage::work(&mut signals).await;
        if !worker.claim(1).await.is_empty() {
            return;
        }
    }
}
