use asyncmq::task;

#[task]
async fn send(text: &'static str) -> Result<u8, String> {
    let _ = text;
    Ok(1)
}

async fn signup() -> asyncmq::Result<u8> {
    send::enqueue("a").await?.result().await
}

fn main() {
    drop(signup());
}
