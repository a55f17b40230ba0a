//! A producer of the fault laboratory: `lab_producer URL FOLDER SEED RATE` enqueues until it is told to stop.

#[tokio::main(worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).init();
    let words: Vec<String> = std::env::args().collect();
    let [_, url, folder, seed, rate] = words.as_slice() else {
        anyhow::bail!("lab_producer URL FOLDER SEED RATE")
    };
    asyncmq_tests::lab::producer::run(url, folder.as_ref(), seed.parse()?, rate.parse()?).await
}
