use asyncmq::task;

#[task]
async fn send(list: &mut Vec<u8>) -> Result<u8, String> {
    list.clear();
    Ok(1)
}

async fn signup() -> asyncmq::Result<u8> {
    send::enqueue(vec![1]).await?.result().await
}

fn main() {
    drop(signup());
}
