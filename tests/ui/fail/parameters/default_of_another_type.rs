use asyncmq::task;

#[task]
async fn send(#[serde(default = "five")] n: u8) -> Result<u8, String> {
    let _ = n;
    Ok(1)
}

fn five() -> u16 {
    5
}

async fn signup() -> asyncmq::Result<u8> {
    send::enqueue(1).await?.result().await
}

fn main() {
    drop(signup());
}
