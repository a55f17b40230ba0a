use asyncmq::task;

#[task]
async fn send(texts: &[&str]) -> Result<u8, String> {
    let _ = texts;
    Ok(1)
}

async fn signup() -> asyncmq::Result<u8> {
    send::enqueue(&["a"]).await?.result().await
}

fn main() {
    drop(signup());
}
