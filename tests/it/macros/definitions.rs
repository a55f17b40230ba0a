//! What the registry knows of a task.

use std::time::Duration;

use asyncmq::{
    Backoff, Context, Dedup, RateLimit, Retention, State, Task, TaskDefinition, TaskError, TaskOptions, task,
};

fn definition(name: &str) -> &'static TaskDefinition {
    let mut found = asyncmq::tasks().filter(|task| task.name() == name);
    let definition = found.next().unwrap_or_else(|| panic!("{name} is not linked"));
    assert!(found.next().is_none(), "{name} is linked twice");
    definition
}

#[task]
async fn macros_default() {}

#[test]
fn a_task_that_says_nothing_has_the_defaults() {
    let definition = definition("macros_default");
    assert_eq!(definition.options(), &TaskOptions::DEFAULT);
    assert_eq!((definition.queue(), definition.is_blocking()), ("default", false));
    assert_eq!(
        (<macros_default as Task>::NAME, <macros_default as Task>::QUEUE),
        ("macros_default", "default")
    );
    assert!(definition.arguments().is_empty() && definition.states().is_empty());
    let source = definition.source();
    assert!(source.contains("definitions.rs:") && source.contains("package asyncmq-tests"), "{source}");
}

struct Db;

#[task(
    name = "macros.all",
    queue = "all",
    retries = 3,
    backoff = "exponential(1s, factor = 3, max = 1m, jitter = 0)",
    ttl = 300,
    timeout = "1500ms",
    priority = 0,
    delay = "1h30m",
    rate_limit = "window(100/1s)",
    concurrency = 10,
    key = user.to_uppercase(),
    dedup = "throttle(10s)",
    dedup_key = "format!(\"{user}:{}\", tags.len())",
    cron = "*/5 9 * * 1-5",
    tz = "Europe/Zurich",
    retain = "2d",
    version = 7,
    sandbox,
    memory = "512MiB",
    tags = ["billing", "monthly"]
)]
fn all(
    ctx: Context,
    db: State<Db>,
    #[serde(default)] user: String,
    #[serde(default, rename = "words")] tags: &[String],
    count: Option<std::num::NonZeroU32>,
) {
    drop((ctx, db, user, tags.len(), count));
}

#[test]
fn every_key_arrives() {
    let definition = definition("macros.all");
    let options = definition.options();
    let first = Duration::from_secs(1);
    let backoff = Backoff::Exponential { first, factor: 3.0, max: Duration::from_secs(60), jitter: 0.0 };
    assert_eq!((definition.queue(), options.retries, &options.backoff), ("all", 3, &backoff));
    assert_eq!(options.ttl, Some(Duration::from_secs(300)));
    assert_eq!(options.timeout, Some(Duration::from_millis(1_500)));
    assert_eq!((options.priority, options.delay), (0, Some(Duration::from_secs(5_400))));
    assert_eq!(options.rate_limit, Some(RateLimit::window(100, first)));
    assert_eq!((options.concurrency, options.keyed), (Some(10), true));
    assert_eq!(options.dedup, Some(Dedup::Throttle(Duration::from_secs(10))));
    assert_eq!(
        (options.cron, options.tz, options.every),
        (Some("*/5 9 * * 1-5"), Some("Europe/Zurich"), None)
    );
    assert_eq!((options.retain, options.version), (Retention::For(Duration::from_secs(172_800)), 7));
    assert_eq!((options.sandbox, options.memory), (true, Some(512 << 20)));
    assert_eq!(options.tags, ["billing", "monthly"]);
}

#[test]
fn arguments_and_states_are_listed_as_they_are_written() {
    let definition = definition("macros.all");
    let arguments: Vec<_> =
        definition.arguments().iter().map(|argument| (argument.name, argument.type_name)).collect();
    let expected = [("user", "String"), ("words", "&[String]"), ("count", "Option<std::num::NonZeroU32>")];
    assert_eq!(arguments, expected);
    let states: Vec<_> = definition.states().iter().map(|state| state.type_name).collect();
    assert_eq!(states, ["Db"]);
    assert!(definition.is_blocking() && definition.hears_cancel);
}

#[test]
fn keys_see_the_arguments() {
    let record = all { user: "ann".to_owned(), tags: vec!["a".to_owned()], count: None };
    assert_eq!(record.__key().as_deref(), Some("ANN"));
    assert_eq!(record.__dedup_key().as_deref(), Some("ann:1"));
    assert_eq!(macros_default {}.__key(), None);
}

fn twice_at_most(attempt: u32, _: &TaskError) -> Option<Duration> {
    (attempt < 2).then_some(Duration::from_secs(3))
}

#[task(name = "macros.backoff.path", backoff = twice_at_most, every = "90s", retain = "none", dedup = "simple")]
async fn by_path() {}

#[task(name = "macros.backoff.power", backoff = 2.5, rate_limit = "5/m", dedup = "debounce(1m)", retain = 60)]
async fn by_power() {}

#[task(name = "macros.backoff.list", backoff = "list(1s, 10s)", sandbox = false, ttl = 0.25)]
async fn by_list() {}

#[test]
fn a_backoff_is_a_policy_or_a_function() {
    let path = definition("macros.backoff.path");
    assert_eq!(path.options().backoff, Backoff::Custom);
    let function = path.backoff.unwrap();
    assert_eq!(function(1, &TaskError::permanent("x")), Some(Duration::from_secs(3)));
    assert_eq!(function(2, &TaskError::permanent("x")), None);
    assert_eq!(path.options().every, Some(Duration::from_secs(90)));
    assert_eq!((path.options().retain, path.options().dedup), (Retention::Nothing, Some(Dedup::Simple)));

    let power = definition("macros.backoff.power");
    assert_eq!(power.options().backoff, Backoff::Power(2.5));
    assert_eq!(power.options().rate_limit, Some(RateLimit::per(5, Duration::from_secs(60))));
    assert_eq!(power.options().dedup, Some(Dedup::Debounce(Duration::from_secs(60))));
    assert!(power.backoff.is_none());

    let list = definition("macros.backoff.list");
    assert_eq!(list.options().backoff, Backoff::list([Duration::from_secs(1), Duration::from_secs(10)]));
    assert_eq!(list.options().ttl, Some(Duration::from_millis(250)));
}

/// The macro reads options at compile time and the library at run time: by the same code, which neither crate can take
/// from the other.
#[test]
fn the_library_and_the_macro_read_the_same_languages() {
    let library = include_str!("../../../asyncmq/src/job/grammar.rs");
    assert!(
        library == include_str!("../../../asyncmq-macros/src/grammar.rs"),
        "copy one grammar.rs over the other"
    );
}
