use asyncmq::task;

#[task]
async fn send(#[serde(rename = "b")] a: u8, b: u8) -> Result<u8, String> {
    let _ = (a, b);
    Ok(1)
}

async fn signup() -> asyncmq::Result<u8> {
    send::enqueue(1, 2).await?.result().await
}

fn main() {
    drop(signup());
}
