use asyncmq::task;

#[task]
async fn send(#[serde(default)] ctx: asyncmq::Context) -> Result<u8, String> {
    drop(ctx);
    Ok(1)
}

async fn signup() -> asyncmq::Result<u8> {
    send::enqueue().await?.result().await
}

fn main() {
    drop(signup());
}
