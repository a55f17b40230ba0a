//! What people ordered, and what a store says of itself.

#![expect(missing_docs, reason = "the name of each property is what it promises")]

use super::Fixture;
use super::stage::{Answered, SECOND, Stage};
use crate::backend::{AuditEntry, KEPT_ENTRIES};

fn entry(number: u64) -> AuditEntry {
    let mut entry = AuditEntry::new("ann@host", "cli", "job.retry", "state:failed task:\"a b\" ü");
    entry.changed = number;
    entry
}

pub async fn what_people_ordered_is_listed_the_latest_first(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let failed = AuditEntry { error: Some("the store did not answer".into()), ..entry(2) };
    stage.store.record(&entry(1)).await.answered();
    fixture.advance(SECOND).await;
    stage.store.record(&failed).await.answered();
    let now = stage.now().await;
    let listed = stage.store.audit((0..10).into()).await.answered();
    assert_eq!(listed[0], AuditEntry { at: now, told_at: now, ..failed });
    assert_eq!(now.since(listed[1].at), SECOND, "the store tells the time");
    assert_eq!((listed[1].changed, listed.len()), (1, 2));
}

pub async fn what_is_recorded_of_an_order_later_takes_the_place_of_what_was(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let begun = stage.now().await;
    let orders = [entry(0), entry(0), entry(0)];
    for order in &orders {
        stage.store.record(order).await.answered();
    }
    fixture.advance(SECOND).await;
    for changed in [250, 500] {
        let told = AuditEntry { changed, ..orders[1].clone() };
        stage.store.record(&told).await.answered();
        // Said again, as when the answer was lost.
        stage.store.record(&told).await.answered();
    }
    let over = AuditEntry { changed: 700, ended: true, error: Some("stopped".into()), ..orders[1].clone() };
    stage.store.record(&over).await.answered();
    let listed = stage.store.audit((0..10).into()).await.answered();
    let at_first = |order: &AuditEntry| AuditEntry { at: begun, told_at: begun, ..order.clone() };
    let as_it_ended = AuditEntry { at: begun, told_at: stage.now().await, ..over };
    assert_eq!(listed, [at_first(&orders[2]), as_it_ended, at_first(&orders[0])]);
}

pub async fn an_order_that_never_ended_shows_it(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.store.record(&entry(3)).await.answered();
    for seconds in 1..=2 {
        let listed = stage.store.audit((0..1).into()).await.answered();
        assert!(!listed[0].ended && !listed[0].is_broken_off(stage.now().await), "{seconds}");
        fixture.advance(SECOND * 14).await;
    }
    fixture.advance(SECOND * 2).await;
    let listed = stage.store.audit((0..1).into()).await.answered();
    assert!(listed[0].is_broken_off(stage.now().await), "nothing was heard of it for half a minute");
    let over = AuditEntry { ended: true, ..listed[0].clone() };
    stage.store.record(&over).await.answered();
    assert!(!stage.store.audit((0..1).into()).await.answered()[0].is_broken_off(stage.now().await));
}

pub async fn an_order_that_made_way_is_recorded_anew(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let order = entry(7);
    stage.store.record(&order).await.answered();
    for _ in 0..KEPT_ENTRIES {
        stage.store.record(&entry(0)).await.answered();
    }
    stage.store.record(&order).await.answered();
    let listed = stage.store.audit((0..u64::MAX).into()).await.answered();
    assert_eq!((listed.len(), listed[0].id), (KEPT_ENTRIES, order.id));
    assert_eq!(listed.iter().filter(|kept| kept.id == order.id).count(), 1);
}

pub async fn orders_are_listed_in_pages(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    for number in 0..5 {
        stage.store.record(&entry(number)).await.answered();
    }
    for (page, wanted) in
        [(0..2, vec![4, 3]), (2..4, vec![2, 1]), (4..9, vec![0]), (5..9, vec![]), (2..2, vec![])]
    {
        let listed = stage.store.audit(page.into()).await.answered();
        assert_eq!(listed.iter().map(|entry| entry.changed).collect::<Vec<_>>(), wanted);
    }
}

pub async fn the_oldest_orders_make_way(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    for number in 0..KEPT_ENTRIES as u64 + 3 {
        stage.store.record(&entry(number)).await.answered();
    }
    let listed = stage.store.audit((0..u64::MAX).into()).await.answered();
    assert_eq!(listed.len(), KEPT_ENTRIES);
    assert_eq!(listed.last().map(|entry| entry.changed), Some(3));
}

pub async fn to_record_an_order_is_not_to_use_a_queue(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.store.record(&entry(1)).await.answered();
    assert!(stage.store.queues().await.answered().is_empty());
}

pub async fn a_store_says_something_of_itself(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let findings = stage.store.diagnose().await.answered();
    assert!(findings.iter().any(|finding| finding.check == "persistence"), "{findings:?}");
    for finding in findings {
        let must_advise = crate::backend::Severity::Warning <= finding.severity;
        assert_eq!(must_advise, finding.advice.is_some(), "{finding:?}");
    }
}
