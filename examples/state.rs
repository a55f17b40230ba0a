//! `cargo run --example state` — what handlers share, such as a pool of connections, is given to the worker once.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use asyncmq::{Client, State, Worker, task};

/// A database, let us say.
#[derive(Default)]
struct Stock(Mutex<BTreeMap<String, i64>>);

impl Stock {
    fn book(&self, article: &str, count: i64) -> i64 {
        let mut articles = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let stock = articles.entry(article.into()).or_default();
        *stock += count;
        *stock
    }
}

/// `State<T>` is no part of the stub: callers give the article and the count.
#[task(queue = "stock")]
async fn deliver(stock: State<Stock>, article: String, count: i64) -> i64 {
    stock.book(&article, count)
}

/// A plain function runs on a thread of its own, where it may block.
#[task(queue = "stock")]
fn sell(stock: State<Stock>, article: String) -> Result<i64, String> {
    match stock.book(&article, -1) {
        left @ 0.. => Ok(left),
        _ => Err(format!("{article} is sold out (booked back: {})", stock.book(&article, 1))),
    }
}

#[tokio::main]
async fn main() -> asyncmq::Result<()> {
    let client = Client::memory();

    // A worker that lacks a state which its tasks need does not start, and says which.
    println!("{}\n", Worker::new(&client).start().await.expect_err("the stock is missing"));

    let worker = Worker::new(&client).state(Stock::default()).start().await?;
    let delivered = deliver::job("globe", 2).enqueue_on(&client).await?;
    println!("delivered, now {}", delivered.result().await?);
    for _ in 0..3 {
        match sell::job("globe").enqueue_on(&client).await?.result().await {
            Ok(left) => println!("sold, {left} left"),
            Err(error) => println!("{error}"),
        }
    }
    worker.stop().await?;

    // In a test, the function is called as the function that it is.
    println!("called directly: {}", deliver(State::new(Stock::default()), "lamp".into(), 7).await);
    Ok(())
}
