//! What `#[task]` makes of functions, at run time.

use asyncmq::{Context, State, task};
use serde::{Deserialize, Serialize};

#[derive(Debug, thiserror::Error)]
#[error("mail server said {0}")]
struct MailError(u16);

#[derive(Debug, PartialEq, Serialize, Deserialize, Clone)]
struct Receipt {
    to: String,
    size: u64,
}

/// Sends the welcome mail.
#[task(queue = "email", retries = 3, ttl = 300)]
async fn send_welcome(to: String, size: u64) -> Result<Receipt, MailError> {
    if to.is_empty() {
        return Err(MailError(550));
    }
    Ok(Receipt { to, size })
}

#[task]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

#[task]
fn blocking_square(n: u32) -> u64 {
    u64::from(n) * u64::from(n)
}

#[task]
async fn nothing() {}

#[task]
async fn borrow(name: &str, parts: &[u8]) -> anyhow::Result<usize> {
    Ok(name.len() + parts.len())
}

#[task(name = "app.renamed", queue = "other")]
async fn original(value: Receipt) -> Receipt {
    value
}

struct Prefix {
    text: &'static str,
}

#[task(queue = "greet", key = name, rate_limit = "100/1s", backoff = "exponential(1s, factor = 3)")]
async fn greet(ctx: Context, prefix: State<Prefix>, name: String) -> String {
    assert_eq!(ctx.task(), "greet");
    format!("{}{name}", prefix.text)
}

mod nested {
    #[asyncmq::task]
    pub async fn sum(values: Vec<u32>, start: Option<u32>) -> u32 {
        values.iter().sum::<u32>() + start.unwrap_or(0)
    }
}
use nested::sum;
