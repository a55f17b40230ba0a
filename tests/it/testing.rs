//! What users test their programs with.

use std::panic::catch_unwind;
use std::time::Duration;

use asyncmq::job::FailureKind;
use asyncmq::lifecycle::Outcome;
use asyncmq::{
    Client, Context, Error, JobState, Limit, NewJob, Registry, State, TaskError, assert_enqueued, task,
    testing,
};
use futures::FutureExt;

#[derive(Clone, Default)]
struct Notes(std::sync::Arc<std::sync::Mutex<Vec<String>>>);

impl Notes {
    fn note(&self, text: impl Into<String>) {
        self.0.lock().unwrap().push(text.into());
    }

    fn taken(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

#[task(name = "testing.welcome", queue = "testing mail")]
async fn welcome(to: String, size: u32) -> String {
    format!("{to} {size}")
}

#[task(name = "testing.nothing", queue = "testing mail")]
async fn nothing() {}

#[task(name = "testing.notes", queue = "testing notes", retries = 2, backoff = "fixed(10s)")]
async fn notes(ctx: Context, notes: State<Notes>, text: String, failures: u32) -> Result<(), String> {
    notes.note(format!("{text} {}", ctx.attempt()));
    if ctx.attempt() <= failures { Err("not yet".into()) } else { Ok(()) }
}

#[task(name = "testing.parent", queue = "testing mail")]
async fn parent(ctx: Context) -> Result<(), Error> {
    welcome::enqueue("by default", 1_u32).await?;
    ctx.enqueue(welcome::job("by context", 2_u32)).await?;
    Ok(())
}

#[task(name = "testing.endless", queue = "testing mail")]
async fn endless() -> Result<(), Error> {
    endless::enqueue().await.map(|_| ())
}

#[task(name = "testing.patient", queue = "testing mail", retries = 1_000_000, backoff = "fixed(0s)")]
async fn never_content() -> Result<(), String> {
    Err("no".into())
}

#[tokio::test]
async fn a_scope_has_a_client_of_its_own() {
    let (one, other) = tokio::join!(
        testing::scope(async |test| {
            welcome::enqueue("ann", 1_u32).await.unwrap();
            tokio::task::yield_now().await;
            test.queue("testing mail").counts().await.unwrap().waiting
        }),
        testing::scope(async |test| {
            welcome::enqueue("bob", 1_u32).await.unwrap();
            welcome::enqueue("cid", 1_u32).await.unwrap();
            test.queue("testing mail").counts().await.unwrap().waiting
        })
    );
    assert_eq!((one, other), (1, 2));
}

#[tokio::test]
async fn assert_enqueued_takes_some_all_or_no_arguments_and_any_client() {
    testing::scope(async |test| {
        welcome::enqueue("ann", 7_u32).await.unwrap();
        nothing::enqueue().await.unwrap();
        assert_enqueued!(welcome { to: "ann", size: 7_u32 });
        assert_enqueued!(welcome { to: "ann", .. });
        assert_enqueued!(welcome { size: 7_u32, .. });
        assert_enqueued!(welcome { .. });
        assert_enqueued!(nothing {});
        assert_enqueued!(test, welcome { to: "ann", size: 7_u32 });
        assert_enqueued!(test, welcome { to: "ann", .. });
        assert_enqueued!(test, welcome { .. });
        assert_enqueued!(test, nothing {});
        assert_enqueued!(self::welcome { to: "ann", .. });
        let client: Client = (*test).clone();
        assert_enqueued!(client, welcome { to: String::from("ann"), .. });
        assert_enqueued!(&client, welcome { .. });
    })
    .await;
}

#[tokio::test]
async fn assert_enqueued_says_what_there_is_instead() {
    let client = testing::client();
    let message = |run: &dyn Fn()| {
        let payload = catch_unwind(std::panic::AssertUnwindSafe(run)).unwrap_err();
        payload.downcast_ref::<String>().unwrap().clone()
    };
    let said = message(&|| assert_enqueued!(client, welcome { to: "ann", .. }));
    assert!(said.contains("welcome { to: \"ann\"") && said.contains("nothing is enqueued"), "{said}");
    welcome::job("bob", 3_u32).enqueue_on(&client).await.unwrap();
    let said = message(&|| assert_enqueued!(client, welcome { to: "ann", .. }));
    assert!(said.contains("testing.welcome {\"to\":\"bob\",\"size\":3} in queue \"testing mail\""), "{said}");
    let said = message(&|| assert_enqueued!(client, nothing {}));
    assert!(said.contains("nothing"), "{said}");
}

#[tokio::test]
async fn a_job_that_has_run_is_not_enqueued_any_more_and_a_delayed_one_is() {
    testing::scope(async |test| {
        welcome::enqueue("ann", 1_u32).await.unwrap();
        welcome::job("bob", 2_u32).delay(Duration::from_secs(60)).enqueue().await.unwrap();
        let waiting = testing::enqueued::<welcome>();
        let names: Vec<&str> = waiting.iter().map(|job| job.to.as_str()).collect();
        assert_eq!(names, ["ann", "bob"]);
        test.drain_due().await.unwrap();
        let names: Vec<String> = testing::enqueued::<welcome>().into_iter().map(|job| job.to).collect();
        assert_eq!(names, ["bob"]);
    })
    .await;
}

#[tokio::test]
async fn a_drain_runs_everything_in_the_order_of_its_time() {
    let noted = Notes::default();
    let client = testing::client().state(noted.clone());
    let start = client.now();
    let after = Duration::from_secs;
    notes::job("late", 0_u32).delay(after(15)).enqueue_on(&client).await.unwrap();
    notes::job("flaky", 2_u32).enqueue_on(&client).await.unwrap();
    notes::job("first", 0_u32).priority(0).enqueue_on(&client).await.unwrap();
    notes::job("hour", 0_u32).delay(after(3_600)).enqueue_on(&client).await.unwrap();
    let drained = client.drain().await.unwrap();
    assert_eq!(noted.taken(), ["first 1", "flaky 1", "flaky 2", "late 1", "flaky 3", "hour 1"]);
    assert_eq!((drained.completed, drained.failed, drained.others, drained.total()), (4, 2, 0, 6));
    assert_eq!(client.now().duration_since(start).unwrap(), after(3_600));
    assert_eq!(client.drain().await.unwrap().total(), 0);
}

#[task(name = "testing.rated", queue = "testing rated", rate_limit = "2/1s")]
async fn rated() {}

#[task(name = "testing.tenants", queue = "testing rated", key = tenant, rate_limit = "window(1/10s)", concurrency = 1)]
async fn of_tenant(notes: State<Notes>, tenant: String) {
    notes.note(tenant);
}

#[tokio::test]
async fn a_drain_moves_on_to_when_a_rate_lets_the_next_job_start() {
    let client = testing::client();
    let start = client.now();
    client.enqueue_all((0..6).map(|_| rated::job())).await.unwrap();
    assert_eq!(client.drain_due().await.unwrap().completed, 2, "as many as a worker starts at once");
    assert_eq!(client.drain().await.unwrap().completed, 4);
    assert_eq!(client.now().duration_since(start).unwrap(), Duration::from_secs(2));
    let limits = client.queue("testing rated").limits().await.unwrap();
    assert!(limits.iter().any(|info| info.scope.to_string() == "task testing.rated"), "{limits:?}");
}

#[tokio::test]
async fn a_drain_holds_each_key_and_each_queue_to_its_limit() {
    let noted = Notes::default();
    let client = testing::client().state(noted.clone());
    let start = client.now();
    for tenant in ["a", "a", "b", "a"] {
        of_tenant::job(tenant).enqueue_on(&client).await.unwrap();
    }
    assert_eq!(client.drain().await.unwrap().completed, 4);
    assert_eq!(noted.taken(), ["a", "b", "a", "a"]);
    assert_eq!(client.now().duration_since(start).unwrap(), Duration::from_secs(20));
    // A job by an override is held in its queue too, and so is everything by what is ordered.
    let elsewhere = client.queue("testing elsewhere");
    elsewhere.limit(Some(Limit::NONE.concurrency(0))).await.unwrap();
    for _ in 0..3 {
        rated::job().queue("testing elsewhere").enqueue_on(&client).await.unwrap();
    }
    assert_eq!(client.drain().await.unwrap().total(), 0, "nothing starts under 0");
    elsewhere.limit(None).await.unwrap();
    assert_eq!(client.drain_due().await.unwrap().completed, 2);
    assert_eq!(client.drain().await.unwrap().completed, 1);
}

#[tokio::test]
async fn jobs_that_run_inline_wait_where_a_rate_holds_them() {
    testing::inline(async |test| {
        for _ in 0..3 {
            rated::enqueue().await.unwrap();
        }
        let counts = test.queue("testing rated").counts().await.unwrap();
        assert_eq!((counts.completed, counts.waiting), (2, 1));
        assert_eq!(test.drain().await.unwrap().completed, 1);
    })
    .await;
}

#[tokio::test]
async fn time_stands_still_until_it_is_moved() {
    let client = testing::client().state(Notes::default());
    let handle = notes::job("later", 0_u32).delay(Duration::from_secs(5)).enqueue_on(&client).await.unwrap();
    assert_eq!(client.drain_due().await.unwrap().total(), 0);
    client.advance(Duration::from_millis(4_999));
    assert_eq!(client.drain_due().await.unwrap().total(), 0);
    client.advance(Duration::from_millis(1));
    assert_eq!(client.drain_due().await.unwrap().completed, 1);
    assert_eq!(handle.state().await.unwrap(), JobState::Completed);
}

#[tokio::test]
async fn what_jobs_enqueue_runs_in_the_same_drain() {
    let client = testing::client();
    parent::job().enqueue_on(&client).await.unwrap();
    let drained = client.drain().await.unwrap();
    let tasks: Vec<&str> = drained.attempts.iter().map(|(_, task, _)| task.as_str()).collect();
    assert_eq!(tasks, ["testing.parent", "testing.welcome", "testing.welcome"]);
}

#[tokio::test]
async fn inline_jobs_run_as_part_of_their_enqueue() {
    testing::inline(async |test| {
        let handle = welcome::enqueue("ann", 3_u32).await.unwrap();
        assert_eq!(handle.result().now_or_never().unwrap().unwrap(), "ann 3");
        let handle = parent::enqueue().await.unwrap();
        assert_eq!(handle.state().await.unwrap(), JobState::Completed);
        assert_eq!(test.queue("testing mail").counts().await.unwrap().completed, 4);
        let late = nothing::job().delay(Duration::from_secs(5)).enqueue().await.unwrap();
        assert_eq!(late.state().await.unwrap(), JobState::Delayed);
        test.drain().await.unwrap();
        assert_eq!(late.state().await.unwrap(), JobState::Completed);
    })
    .await;
    let noted = Notes::default();
    let client = testing::client().state(noted.clone()).run_inline();
    notes::job("inline", 0_u32).enqueue_on(&client).await.unwrap();
    assert_eq!(noted.taken(), ["inline 1"]);
}

#[tokio::test]
async fn an_inline_job_that_cannot_run_is_an_error_of_its_enqueue() {
    let client = testing::client().run_inline();
    let error = notes::job("x", 0_u32).enqueue_on(&client).await.unwrap_err();
    assert!(matches!(error, Error::Startup(_)) && error.to_string().contains("State<Notes>"), "{error}");
}

#[tokio::test]
async fn jobs_without_an_end_are_an_error() {
    let client = testing::client();
    endless::job().enqueue_on(&client).await.unwrap();
    let error = client.drain().await.unwrap_err();
    assert!(matches!(error, Error::Invalid(_)) && error.to_string().contains("no end"), "{error}");
    let client = testing::client();
    never_content::job().enqueue_on(&client).await.unwrap();
    let error = client.drain().await.unwrap_err();
    assert!(matches!(error, Error::Invalid(_)), "{error}");
}

#[tokio::test]
async fn a_task_that_no_worker_could_serve_is_an_error_of_the_drain() {
    let client = testing::client();
    notes::job("x", 0_u32).enqueue_on(&client).await.unwrap();
    let error = client.drain().await.unwrap_err();
    assert!(matches!(error, Error::Startup(_)) && error.to_string().contains("State<Notes>"), "{error}");
    let client = testing::client();
    client.queue("testing mail").add(NewJob::new("of another program")).await.unwrap();
    let error = client.drain().await.unwrap_err();
    assert!(error.to_string().contains("of another program"), "{error}");
    let client = testing::client().registry(Registry::new().with::<nothing>());
    welcome::job("x", 1_u32).enqueue_on(&client).await.unwrap();
    assert!(client.drain().await.is_err());
}

#[tokio::test]
async fn a_paused_queue_is_left_alone() {
    let client = testing::client();
    client.queue("testing mail").pause().await.unwrap();
    nothing::job().enqueue_on(&client).await.unwrap();
    nothing::job().delay(Duration::from_secs(1)).enqueue_on(&client).await.unwrap();
    assert_eq!(client.drain().await.unwrap().total(), 0);
}

#[task(name = "testing.asks", queue = "testing mail", retries = 4, timeout = "20ms")]
async fn asks(ctx: Context, notes: State<Notes>, wanted: String) -> Result<String, TaskError> {
    notes.note(&wanted);
    match wanted.as_str() {
        "panic" => panic!("as asked"),
        "wait" => std::future::pending().await,
        "snooze" => Err(TaskError::snooze(Duration::from_secs(9))),
        "error" => Err(std::io::Error::other("as asked"))?,
        _ => Ok(format!(
            "{} of {}, {:?}, {:?}",
            ctx.attempt(),
            ctx.max_attempts(),
            ctx.header("k"),
            ctx.tags()
        )),
    }
}

#[tokio::test]
async fn a_context_can_be_made_to_call_a_task_as_a_function() {
    let ctx = testing::ContextBuilder::new().attempt(3).tag("t").header("k", "v").task::<asks>().build();
    assert_eq!((ctx.task(), ctx.queue()), ("testing.asks", "testing mail"));
    let said = asks(ctx, State::new(Notes::default()), "x".into()).await.unwrap();
    assert_eq!(said, r#"3 of 3, Some("v"), ["t"]"#);
    assert_eq!(testing::context().attempt(), 1);
}

#[tokio::test]
async fn one_job_can_be_performed_as_a_worker_would() {
    let context = || testing::ContextBuilder::new().state(Notes::default());
    let perform = async |wanted: &str| context().attempt(2).perform(asks::job(wanted)).await.unwrap();
    assert_eq!(perform("x").await, Outcome::Completed(r#""2 of 5, None, []""#.into()));
    assert_eq!(perform("snooze").await, Outcome::Snoozed(Duration::from_secs(9)));
    for (wanted, kind, message) in [
        ("panic", FailureKind::Panic, "as asked"),
        ("wait", FailureKind::Timeout, "timed out after 20ms"),
        ("error", FailureKind::Error, "as asked"),
    ] {
        let Outcome::Failed(failure) = perform(wanted).await else { panic!("{wanted}") };
        assert_eq!((failure.attempt(), failure.kind(), failure.message()), (2, kind, message));
    }
    let missing = testing::perform(asks::job("x")).await.unwrap();
    assert!(matches!(missing, Outcome::FailedForGood(_)), "without the state: {missing:?}");
    assert_eq!(
        testing::perform(welcome::job("a", 1_u32)).await.unwrap(),
        Outcome::Completed(r#""a 1""#.into())
    );
}

#[tokio::test]
async fn what_a_performed_job_enqueues_goes_where_the_context_says() {
    let client = testing::client();
    let outcome = testing::ContextBuilder::new().client(&client).perform(parent::job()).await.unwrap();
    assert_eq!(outcome, Outcome::Completed("null".into()));
    assert_enqueued!(client, welcome { to: "by default", .. });
    assert_enqueued!(client, welcome { to: "by context", .. });
}
