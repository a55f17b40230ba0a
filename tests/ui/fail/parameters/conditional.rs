use asyncmq::task;

#[task]
async fn send(text: String, #[cfg(any())] other: u8) -> Result<u8, String> {
    drop(text);
    Ok(1)
}

async fn signup() -> asyncmq::Result<u8> {
    send::enqueue("a", 1).await?.result().await
}

fn main() {
    drop(signup());
}
