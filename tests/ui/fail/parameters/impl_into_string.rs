use asyncmq::task;

#[task]
async fn send(text: impl Into<String>) -> Result<u8, String> {
    let _ = text.into();
    Ok(1)
}

async fn signup() -> asyncmq::Result<u8> {
    send::enqueue("a").await?.result().await
}

fn main() {
    drop(signup());
}
