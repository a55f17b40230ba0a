//! Handlers that crash, hang and eat memory, in child processes: `cargo run --example sandbox`

use std::time::Duration;

use asyncmq::{Client, Sandbox, Worker, task};

/// Whatever it does to its process, only its own attempt fails.
#[task(sandbox, memory = "256MiB", timeout = "500ms")]
fn misbehave(how: String) -> String {
    match how.as_str() {
        "abort" => std::process::abort(),
        "exit" => std::process::exit(3),
        "hang" => loop {
            std::thread::park();
        },
        "hoard" => format!("{} bytes", vec![1_u8; 1 << 30].len()),
        _ => format!("{how}, from process {}", std::process::id()),
    }
}

fn main() -> asyncmq::Result<()> {
    // Children are this program too: they begin here, and do not go on. It has to be the first line.
    asyncmq::sandbox::init();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
    runtime.block_on(serve())
}

async fn serve() -> asyncmq::Result<()> {
    let client = Client::memory();
    let sandbox = Sandbox::new().grace(Duration::from_millis(100));
    let worker = Worker::new(&client).sandbox(sandbox).start().await?;
    println!("this is process {}", std::process::id());
    for how in ["hello", "abort", "exit", "hang", "hoard", "still here"] {
        let job = misbehave::job(how).enqueue_on(&client).await?;
        match job.result().await {
            Ok(said) => println!("{said}"),
            Err(error) => println!("{how}: {error}"),
        }
    }
    worker.stop().await?;
    Ok(())
}
