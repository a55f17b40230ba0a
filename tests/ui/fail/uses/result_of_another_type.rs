use asyncmq::task;

#[task]
async fn send(to: String) -> Result<u64, String> {
    drop(to);
    Ok(1)
}

async fn signup() -> asyncmq::Result<String> {
    send::enqueue("a").await?.result().await
}

fn main() {
    drop(signup());
}
