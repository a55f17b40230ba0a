//! `cargo run --example web_server` — a web server with a worker inside; then, in another terminal:
//!
//! ```text
//! curl -X POST localhost:3000/reports -H 'content-type: application/json' -d '{"words": "to be or not to be"}'
//! curl localhost:3000/reports/ID
//! ```

use std::collections::BTreeMap;
use std::time::Duration;

use asyncmq::{Client, Worker, task};
use axum::extract::{Json, Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Router, response::IntoResponse};
use serde::Deserialize;
use serde_json::{Value, json};

/// Counts words, slowly.
#[task(queue = "reports", timeout = "1m")]
async fn count_words(words: String) -> BTreeMap<String, u32> {
    tokio::time::sleep(Duration::from_secs(2)).await;
    words.split_whitespace().fold(BTreeMap::new(), |mut counts, word| {
        *counts.entry(word.to_lowercase()).or_default() += 1;
        counts
    })
}

#[derive(Deserialize)]
struct Order {
    words: String,
}

async fn enqueue(State(client): State<Client>, Json(order): Json<Order>) -> impl IntoResponse {
    match count_words::job(order.words).enqueue_on(&client).await {
        Ok(handle) => (StatusCode::ACCEPTED, Json(json!({"id": handle.id().as_str()}))),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, Json(json!({"error": error.to_string()}))),
    }
}

async fn show(State(client): State<Client>, Path(id): Path<String>) -> Result<Json<Value>, StatusCode> {
    let job = client.job(&id).await.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    let job = job.ok_or(StatusCode::NOT_FOUND)?;
    Ok(Json(json!({"state": job.state().name(), "attempt": job.attempt(), "result": job.result()})))
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let client = Client::from_env().await?;
    // `start()` leaves the signals to the server, which here ends at Ctrl-C; the worker then finishes its jobs.
    let worker = Worker::new(&client).start().await?;
    let routes = Router::new().route("/reports", post(enqueue)).route("/reports/{id}", get(show));
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:3000".into());
    let listener = tokio::net::TcpListener::bind(&address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    let interrupted = async { tokio::signal::ctrl_c().await.expect("a handler for Ctrl-C") };
    axum::serve(listener, routes.with_state(client)).with_graceful_shutdown(interrupted).await?;
    worker.stop().await?;
    Ok(())
}
