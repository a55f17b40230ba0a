//! `cargo run --example dashboard`, then <http://127.0.0.1:3000/jobs> — the dashboard inside of your own axum application, with a
//! worker and something to look at. With `DASHBOARD_PASSWORD=…` one logs in as `admin`.

use std::net::SocketAddr;
use std::time::Duration;

use asyncmq::dashboard::{self, Config, Role, hash_password};
use asyncmq::{Client, TaskError, Worker, task};
use axum::Router;
use axum::routing::get;

/// Takes a moment, and fails for good now and then.
#[task(queue = "mail", retries = 1, backoff = "fixed(2s)", tags = ["letters"])]
async fn send_letter(to: String, number: u64) -> Result<String, TaskError> {
    tokio::time::sleep(Duration::from_millis(number % 7 * 30)).await;
    match number % 11 {
        0 => Err(TaskError::permanent(format!("{to} is no address"))),
        1 => Err(TaskError::retry("the mail server is busy")),
        _ => Ok(format!("sent to {to}")),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = Client::from_env().await?;
    let worker = Worker::new(&client).start().await?;
    let producing = tokio::spawn(produce(client.clone()));

    let mut config = Config::new().title("shop").conceal_key("iban");
    if let Ok(password) = std::env::var("DASHBOARD_PASSWORD") {
        config = config.password_hash("admin", &hash_password(&password)?, Role::Admin)?;
    }
    let interrupted = || async { tokio::signal::ctrl_c().await.expect("a handler for Ctrl-C") };
    let jobs = dashboard::router(&client, config.stop_when(interrupted()));
    let app = Router::new().route("/", get(|| async { "The application itself." })).nest("/jobs", jobs);

    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:3000".into());
    let listener = tokio::net::TcpListener::bind(&address).await?;
    println!("the dashboard is at http://{}/jobs", listener.local_addr()?);
    // With the visitors' addresses, so that only this machine is let in without a login.
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, app).with_graceful_shutdown(interrupted()).await?;
    producing.abort();
    worker.stop().await?;
    Ok(())
}

async fn produce(client: Client) {
    for number in 0.. {
        let job = send_letter::job(format!("customer-{number}@example.com"), number);
        if let Err(error) = job.enqueue_on(&client).await {
            eprintln!("{error}");
        }
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
}
