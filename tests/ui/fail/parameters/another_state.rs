use asyncmq::task;

struct State<T>(T);

#[task]
async fn send(State(db): State<u8>) -> Result<u8, String> {
    let _ = db;
    Ok(1)
}

async fn signup() -> asyncmq::Result<u8> {
    send::enqueue().await?.result().await
}

fn main() {
    drop(signup());
}
