use asyncmq::task;

#[task]
async fn send(_: u8) -> Result<u8, String> {
    Ok(1)
}

async fn signup() -> asyncmq::Result<u8> {
    send::enqueue(1).await?.result().await
}

fn main() {
    drop(signup());
}
