//! A worker of the fault laboratory: `lab_worker URL FOLDER NAME` serves until it is told to stop.

#[tokio::main(worker_threads = 6)]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).init();
    let words: Vec<String> = std::env::args().collect();
    let [_, url, folder, name] = words.as_slice() else { anyhow::bail!("lab_worker URL FOLDER NAME") };
    asyncmq_tests::lab::worker::run(url, folder.as_ref(), name).await
}
