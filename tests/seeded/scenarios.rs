//! For each bug the smallest run that shows it.

use std::time::Duration;

use asyncmq::OnFailure;
use asyncmq_tests::lab::beats;
use asyncmq_tests::lab::event::Event;
use asyncmq_tests::lab::load::{Drawn, Payload, fails, poison};
use asyncmq_tests::lab::worker::CONCURRENCY;
use asyncmq_tests::servers::dice::Dice;
use asyncmq_tests::servers::proxy::Mode;

use crate::stage::Stage;

/// How soon a worker that has nothing to do starts a job.
const AT_ONCE: Duration = Duration::from_millis(250);

fn payload() -> Payload {
    Payload::draw(&mut Dice::new(1))
}

/// Jobs that take so long.
fn waits(count: usize, micros: u64) -> Vec<Drawn> {
    let more = || serde_json::json!({ "micros": micros });
    (0..count).map(|number| Drawn::new("lab.wait", format!("wait-{number}"), payload(), more())).collect()
}

/// A worker is killed with a job in hand.
pub(crate) async fn killed(stage: &mut Stage) {
    stage.join("a").await;
    stage.send(waits(1, 1_000_000)).await;
    stage.began(1).await;
    stage.kill("a").await;
}

/// A worker stands still with a job in hand until another one has it.
pub(crate) async fn slept(stage: &mut Stage) {
    stage.join("a").await;
    stage.send(waits(1, 4_000_000)).await;
    stage.began(1).await;
    stage.join("b").await;
    stage.stop("a");
    stage.began(2).await;
    stage.go_on("a");
}

/// Jobs of one place, so many that limits hold them.
fn held(task: &str, count: usize, more: &serde_json::Value) -> Vec<Drawn> {
    let drawn = |number| Drawn::new(task, format!("{task}-{number}"), payload(), more.clone()).at("here");
    (0..count).map(drawn).collect()
}

/// A worker is killed with all permits of a place in hand.
pub(crate) async fn killed_with_permits(stage: &mut Stage) {
    stage.join("a").await;
    stage.hold();
    stage.send(held("lab.narrow", 3, &serde_json::json!({ "place": "here", "micros": 1_000_000 }))).await;
    stage.began(2).await;
    stage.kill("a").await;
}

/// More jobs of a place come than may run at once, or start in a second.
pub(crate) async fn crowded(stage: &mut Stage) {
    stage.join("a").await;
    stage.hold();
    stage.send(held("lab.paced", 9, &serde_json::json!({ "place": "here" }))).await;
    for job in held("lab.narrow", 6, &serde_json::json!({ "place": "here", "micros": 300_000 })) {
        stage.send(vec![job]).await;
    }
}

/// Two workers serve the schedules.
pub(crate) async fn scheduled(stage: &mut Stage) {
    stage.join("a").await;
    stage.join("b").await;
    beats::start(&stage.sender.client, &stage.sender.journal).await.unwrap();
    stage.saw(20, |event| matches!(event, Event::Fired { .. })).await;
    beats::stop(&stage.sender.client, &stage.sender.journal).await.unwrap();
}

/// All jobs that a worker may have in hand are removed.
pub(crate) async fn removed(stage: &mut Stage) {
    stage.join("a").await;
    stage.send(waits(CONCURRENCY, 3_000_000)).await;
    stage.began(CONCURRENCY).await;
    stage.fault("removed", "a");
    stage.remove_all().await;
    // This one may be claimed together with the last settle, before it is known how that went.
    stage.canary("a").await;
    stage.is_over();
}

/// A worker whose clock is slow has jobs that outlast its lease.
pub(crate) async fn slow_clock(stage: &mut Stage) {
    let url = stage.server.url();
    stage.join_by("a", url, Some("-45s")).await;
    stage.send(waits(CONCURRENCY, 5_000_000)).await;
    stage.began(CONCURRENCY).await;
    stage.join("b").await;
}

/// A worker whose clock is fast is killed with a job in hand.
pub(crate) async fn fast_clock(stage: &mut Stage) {
    let url = stage.server.url();
    stage.join_by("a", url, Some("+45s")).await;
    stage.send(waits(1, 1_500_000)).await;
    stage.began(1).await;
    // One extension at least is by its own clock.
    stage.saw(3, |event| matches!(event, Event::Extended { .. })).await;
    stage.kill("a").await;
}

/// A worker is killed while it completes many jobs.
pub(crate) async fn killed_amid_many(stage: &mut Stage) {
    stage.join("a").await;
    stage.send(waits(1_000, 20_000)).await;
    for kill in 1..=3 {
        stage.began(200 * kill).await;
        stage.kill("a").await;
    }
}

/// Handlers block every thread of a worker for longer than its lease.
pub(crate) async fn blocked(stage: &mut Stage) {
    stage.join("a").await;
    stage.phase("calm");
    let more = || serde_json::json!({ "millis": 3_500 });
    let jobs = (0..8).map(|number| Drawn::new("lab.block", format!("block-{number}"), payload(), more()));
    stage.send(jobs.collect()).await;
    stage.began(6).await;
    stage.join("b").await;
    stage.drained().await;
    stage.phase("heal");
}

/// The connections of a worker are cut.
pub(crate) async fn cut(stage: &mut Stage) {
    let url = stage.proxy().await.url();
    stage.join_by("a", url, None).await;
    stage.fault("cut", "a");
    stage.proxies[0].cut();
    stage.is_over();
    // That soon it may need to open them again.
    let canaries = std::time::Instant::now();
    while canaries.elapsed() < Duration::from_secs(1) {
        stage.canary("a").await;
    }
    let mut late = 0;
    for _ in 0..10 {
        // A worker that has just had something to do looks around for a moment.
        tokio::time::sleep(Duration::from_millis(100)).await;
        late += usize::from(stage.canary("a").await.is_none_or(|took| AT_ONCE < took));
    }
    let wrong =
        (5 < late).then(|| format!("{late} of 10 jobs started late, though nothing else was to be done"));
    stage.audit("I9", "jobs start at once after a cut", wrong);
}

/// The reply to a push is lost.
pub(crate) async fn lost_reply(stage: &mut Stage) {
    stage.join("a").await;
    let url = format!("{}?timeout=500ms", stage.proxy().await.url());
    let payload = serde_json::to_string(&payload()).unwrap();
    let jobs = [("first", payload.as_str()), ("second", payload.as_str())];
    let mut sender = stage.send_by(&url, &jobs);
    stage.saw(1, |event| matches!(event, Event::Acknowledged { job, .. } if job == "first")).await;
    stage.fault("lost reply", "");
    stage.proxies[0].set(Mode::SwallowReplies);
    stage.let_go();
    stage.saw(1, |event| matches!(event, Event::Began { job, .. } if job == "second")).await;
    stage.proxies[0].heal();
    stage.is_over();
    tokio::task::spawn_blocking(move || sender.wait()).await.unwrap().unwrap();
}

/// Arguments are sent that not every reader of JSON keeps.
pub(crate) async fn delicate(stage: &mut Stage) {
    stage.join("a").await;
    stage.let_go();
    let plain = Payload { large: 7, empty: vec![1], ratio: 0.123_456_789_012_345_67, text: "x".into() };
    let jobs = [plain, payload()].map(|payload| serde_json::to_string(&payload).unwrap());
    let mut sender = stage.send_by(&stage.server.url(), &[("digits", &jobs[0]), ("all", &jobs[1])]);
    tokio::task::spawn_blocking(move || sender.wait()).await.unwrap().unwrap();
}

/// A job takes its process with it, again and again.
pub(crate) async fn poisoned(stage: &mut Stage) {
    stage.join("a").await;
    stage.send(vec![poison(&mut Dice::new(1), "poison".into())]).await;
    for _ in 0..4 {
        if !stage.died_or_drained("a").await {
            break;
        }
        stage.restart("a");
    }
}

/// Jobs wait for others: for two that end at once, for one that takes longer than another, for one that fails, and for one that has ended.
pub(crate) async fn related(stage: &mut Stage) {
    stage.join("a").await;
    let wait = |name: &str, micros: u64| {
        Drawn::new("lab.wait", name.to_owned(), payload(), serde_json::json!({ "micros": micros }))
    };
    for pair in 0..20 {
        let [one, other] = ["one", "other"].map(|which| format!("{which}-{pair}"));
        let last =
            wait(&format!("last-{pair}"), 0).behind([(&one, OnFailure::Fail), (&other, OnFailure::Fail)]);
        stage.send(vec![wait(&one, 0), wait(&other, 0), last]).await;
    }
    let patient = wait("patient", 0).behind([("short", OnFailure::Run), ("long", OnFailure::Run)]);
    stage.send(vec![wait("short", 0), wait("long", 1_000_000), patient]).await;
    let unlucky = wait("unlucky", 0).behind([("failing", OnFailure::Cancel)]);
    stage.send(vec![fails("failing".to_owned(), payload()), unlucky]).await;
    let payload = serde_json::to_string(&payload()).unwrap();
    let jobs = [("early", payload.as_str()), ("late>early", payload.as_str())];
    let mut sender = stage.send_by(&stage.server.url(), &jobs);
    stage.saw(1, |event| matches!(event, Event::Effect { job, .. } if job == "early")).await;
    stage.drained().await;
    stage.let_go();
    tokio::task::spawn_blocking(move || sender.wait()).await.unwrap().unwrap();
}

/// More jobs are due at once than a script can name in one call.
pub(crate) async fn due_at_once(stage: &mut Stage) {
    let mut jobs = waits(9_000, 0).into_iter().map(|job| job.delay(Duration::from_millis(1)));
    loop {
        let some: Vec<_> = jobs.by_ref().take(1_000).collect();
        if some.is_empty() {
            break;
        }
        stage.send(some).await;
    }
    stage.join("a").await;
}
