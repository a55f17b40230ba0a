use asyncmq::task;

#[task]
async fn send((a, b): (u8, u8)) -> Result<u8, String> {
    let _ = (a, b);
    Ok(1)
}

async fn signup() -> asyncmq::Result<u8> {
    send::enqueue((1, 2)).await?.result().await
}

fn main() {
    drop(signup());
}
