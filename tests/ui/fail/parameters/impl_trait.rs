use asyncmq::task;

#[task]
async fn send(list: impl Iterator<Item = u8>) -> Result<u8, String> {
    let _ = list;
    Ok(1)
}

async fn signup() -> asyncmq::Result<u8> {
    send::enqueue([1].into_iter()).await?.result().await
}

fn main() {
    drop(signup());
}
