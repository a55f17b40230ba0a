use asyncmq::task;

#[task]
async fn send(#[serde(skip)] text: String) -> Result<u8, String> {
    drop(text);
    Ok(1)
}

async fn signup() -> asyncmq::Result<u8> {
    send::enqueue("a").await?.result().await
}

fn main() {
    drop(signup());
}
