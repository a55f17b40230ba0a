//! The operator's side as a program has it: pages that end, orders that stop, records that say how far.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use asyncmq::admin::{FlowFilter, Order, Query};
use asyncmq::{Client, Flow, JobState, NewJob};

fn query(text: &str) -> Query {
    text.parse().unwrap()
}

/// Returns a client with so many jobs, of which each `rare`th has a tag.
async fn with_jobs(count: usize, rare: usize) -> Client {
    let client = Client::memory();
    let jobs = (0..count).map(|place| match place % rare {
        0 => NewJob::new("x").tag("rare"),
        _ => NewJob::new("x"),
    });
    client.queue("mail").add_bulk(jobs).await.unwrap();
    client
}

#[tokio::test]
async fn a_page_of_a_query_that_matches_nothing_ends_soon_and_says_where_to_go_on() {
    let client = with_jobs(20_000, 20_001).await;
    let (admin, query, mut after, mut looked) = (client.admin(), query("task:none"), None, 0);
    loop {
        let page = admin.jobs(&query, after.as_deref(), 50).await.unwrap();
        assert!(page.jobs.is_empty() && 0 < page.looked && page.looked <= 6_000, "{page:?}");
        looked += page.looked;
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    assert_eq!(looked, 20_000);
}

#[tokio::test]
async fn pages_of_what_few_jobs_are_like_meet_each_of_them_once() {
    for (rare, limit) in [(7, 10), (100, 50), (1, 300), (2, 1), (400, 3), (3, 249)] {
        let client = with_jobs(2_000, rare).await;
        let (admin, query, mut after, mut ids) = (client.admin(), query("tag:rare"), None, Vec::new());
        loop {
            let page = admin.jobs(&query, after.as_deref(), limit).await.unwrap();
            assert!(page.jobs.len() <= limit, "{} of {limit}", page.jobs.len());
            ids.extend(page.jobs.iter().map(|job| job.id().clone()));
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        let listed = client.queue("mail").list_jobs(JobState::Waiting, 0..2_000).await.unwrap();
        let wanted = listed.iter().filter(|job| !job.tags().is_empty()).map(|job| job.id().clone());
        assert_eq!(ids, wanted.collect::<Vec<_>>(), "each {rare}th, {limit} a page");
    }
}

#[tokio::test]
async fn pages_of_flows_are_bounded_and_meet_each_of_them_once() {
    let client = Client::memory();
    for number in 0..30 {
        let mut flow = Flow::with_id(format!("{number}"));
        let job = || NewJob::new("x").queue(["mail", "idle"][number % 2]);
        let first = flow.add_named(job());
        (1..500).for_each(|_| drop(flow.add_named(job().depends_on([&first]))));
        flow.enqueue_on(&client).await.unwrap();
    }
    for (filter, limit) in [(FlowFilter::default(), 4), (FlowFilter::default(), 200)] {
        let (admin, mut after, mut met, mut pages) = (client.admin(), None, Vec::new(), 0);
        loop {
            let page = admin.flows(&filter, after.as_deref(), limit).await.unwrap();
            assert!(page.flows.len() <= limit, "{}", page.flows.len());
            let counted = page.flows.iter().filter(|flow| flow.ended.is_some()).count();
            assert!(
                counted == page.flows.len().min(4),
                "a page looks 2,000 jobs up, and not one more: {counted}"
            );
            (pages, after) = (pages + 1, page.next);
            met.extend(page.flows.into_iter().map(|flow| flow.id.parse::<usize>().unwrap()));
            if after.is_none() {
                break;
            }
        }
        met.sort_unstable();
        assert_eq!(met, (0..30).collect::<Vec<_>>(), "{limit} a page");
        assert!((30 / limit).max(3) <= pages, "a page looks at 6,000 jobs to find flows: {pages}");
    }
}

#[tokio::test]
async fn pages_end_also_where_there_are_many_queues() {
    let client = Client::memory();
    for number in 0..200 {
        client.queue(format!("q{number:03}")).add(NewJob::new("x")).await.unwrap();
    }
    let (admin, query, mut after, mut pages, mut met) = (client.admin(), query("task:x"), None, 0, 0);
    loop {
        let page = admin.jobs(&query, after.as_deref(), 1_000).await.unwrap();
        (pages, met) = (pages + 1, met + page.jobs.len());
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    assert!(met == 200 && 1 < pages, "{met} jobs on {pages} pages");
}

#[tokio::test]
async fn an_order_ends_after_the_step_under_way_once_it_is_told_to() {
    let client = with_jobs(1_000, 2).await;
    let (admin, stop, steps) = (
        client.admin().acting_as("ann", "test"),
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU64::new(0)),
    );
    let (flag, counted) = (stop.clone(), steps.clone());
    let cancel = Order::Cancel { reason: None };
    let report = admin
        .carry_out(&cancel, &query("state:waiting"))
        .stop_when(stop)
        .on_progress(move |progress| {
            assert_eq!(progress.at_most, 1_000);
            if counted.fetch_add(1, Ordering::Relaxed) == 1 {
                flag.store(true, Ordering::Relaxed);
            }
        })
        .await
        .unwrap();
    let counts = client.queue("mail").counts().await.unwrap();
    assert!(report.stopped && report.changed == counts.cancelled, "{report:?} {counts:?}");
    assert!(0 < counts.waiting && 0 < counts.cancelled, "{counts:?}");
    assert_eq!(steps.load(Ordering::Relaxed), 2);
    let entry = client.admin().audit(0..1).await.unwrap().remove(0);
    assert_eq!((entry.changed, entry.error.as_deref()), (report.changed, Some("stopped before its end")));

    // Told so only when nothing was left, it was not stopped.
    let stop = Arc::new(AtomicBool::new(false));
    let (flag, left) = (stop.clone(), counts.waiting);
    let rest =
        admin.carry_out(&cancel, &query("state:waiting")).stop_when(stop).on_progress(move |progress| {
            flag.store(progress.changed == left, Ordering::Relaxed);
        });
    let rest = rest.await.unwrap();
    assert!(rest.changed == left, "{rest:?}");
}

#[tokio::test]
async fn an_order_is_on_record_before_it_ends_and_says_how_far_it_came() {
    let client = with_jobs(600, 2).await;
    let (admin, cancel) = (client.admin(), Order::Cancel { reason: None });
    // It ends in its midst, as when its process dies.
    let order = admin.carry_out(&cancel, &query("tag:rare")).on_progress(|_| panic!("as if it were killed"));
    assert!(tokio::spawn(order.into_future()).await.unwrap_err().is_panic());
    let entry = admin.audit(0..2).await.unwrap().remove(0);
    assert!(!entry.ended && entry.subject == "tag:rare" && entry.action == "job.cancel", "{entry:?}");
    assert!(!entry.is_broken_off(entry.told_at));

    let report = admin.carry_out(&cancel, &query("tag:rare")).await.unwrap();
    let orders = admin.audit(0..5).await.unwrap();
    assert_eq!(orders.iter().map(|order| order.ended).collect::<Vec<_>>(), [true, false], "one entry each");
    assert_eq!(orders[0].changed, report.changed);
    let paused = admin.set_paused("mail", true).await.unwrap();
    let latest = admin.audit(0..1).await.unwrap().remove(0);
    assert!(paused && latest.ended && latest.action == "queue.pause" && latest.changed == 1, "{latest:?}");
}

#[tokio::test]
async fn a_job_that_is_named_twice_counts_once_and_not_too_many_are_named() {
    let client = Client::memory();
    client.queue("mail").add(NewJob::new("x").id("one")).await.unwrap();
    let admin = client.admin();
    assert_eq!(
        admin.preview(&Order::Cancel { reason: None }, &query("id:one,one,one"), 5).await.unwrap().count,
        1
    );
    assert_eq!(admin.jobs(&query("id:one,one"), None, 5).await.unwrap().jobs.len(), 1);
    let ids: Vec<String> = (0..201).map(|number| format!("job-{number}")).collect();
    let error = admin.jobs(&query(&format!("id:{}", ids.join(","))), None, 5).await.unwrap_err();
    assert!(error.to_string().contains("at most 200 ids"), "{error}");
}
