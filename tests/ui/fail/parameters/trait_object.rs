use asyncmq::task;

#[task]
async fn send(value: Box<dyn std::fmt::Debug + Send>) -> Result<u8, String> {
    drop(value);
    Ok(1)
}

async fn signup() -> asyncmq::Result<u8> {
    send::enqueue(Box::new(1)).await?.result().await
}

fn main() {
    drop(signup());
}
