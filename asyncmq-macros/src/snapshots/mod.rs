//! What the macro writes, for the shapes that differ: each expansion is compared with the file of its name.
//!
//! After a change that is meant: `SNAPSHOTS=overwrite cargo test -p asyncmq-macros`, and read the difference.

use std::path::Path;

use crate::task_tokens;

/// Name, keys, function.
const SHAPES: [(&str, &str, &str); 8] = [
    ("nothing", "", "async fn nothing() {}"),
    (
        "plain",
        r#"queue = "email", retries = 3, ttl = 300"#,
        "/// Sends a mail.\npub(crate) async fn send(to: String, size: u64) -> Result<Receipt, MailError> { deliver(to, size).await }",
    ),
    (
        "borrowed",
        "",
        "async fn borrow<'a>(name: &'a str, parts: &[u8], mail: &Mail, maybe: Option<&str>) -> Option<&'a str> { None }",
    ),
    ("given", "", "async fn greet(ctx: &Context, State(db): State<Db>, name: String) -> String { name }"),
    (
        "blocking",
        "backoff = later",
        "fn square(n: u32) -> anyhow::Result<u64> { Ok(u64::from(n) * u64::from(n)) }",
    ),
    (
        "arguments",
        "",
        r#"async fn take(#[serde(default)] count: u32, #[serde(default = "five", rename = "type", alias = "kind")] sort: u8, r#fn: u8) {}"#,
    ),
    (
        "every_key",
        r#"name = "app.all", queue = "all", retries = 3, backoff = "list(1s, 1500ms)", ttl = "5m", timeout = 30,
           priority = 0, delay = 1, rate_limit = "100/1s", concurrency = 10, on_limit = "discard", key = user.id, dedup = "debounce(10s)",
           dedup_key = "user.name", cron = "0 9 * * 1-5", tz = "Europe/Zurich", retain = "1h", version = 2, sandbox,
           memory = "512MiB", tags = ["a", "b"], crate = ::jobs"#,
        "async fn all(#[serde(default)] user: User) {}",
    ),
    (
        "wrong",
        "retry = 3",
        "async fn send(to: &'static str, ctx: Context) -> Result<u8, MailError> { Ok(1) }",
    ),
];

#[test]
fn expansions_are_as_they_were_read() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/snapshots");
    let overwrite = std::env::var_os("SNAPSHOTS").is_some_and(|value| value == "overwrite");
    let mut changed = Vec::new();
    for (name, keys, function) in SHAPES {
        let tokens = task_tokens(keys.parse().unwrap(), function.parse().unwrap());
        let written = prettyplease::unparse(&syn::parse2(tokens).unwrap());
        let file = directory.join(name).with_extension("rs");
        if overwrite {
            std::fs::write(&file, written).unwrap();
        } else if std::fs::read_to_string(&file).unwrap_or_default() != written {
            changed.push(format!("{}\n{written}", file.display()));
        }
    }
    assert!(changed.is_empty(), "these are no longer what was read:\n{}", changed.join("\n"));
}
