use asyncmq::task;

#[derive(serde::Serialize, serde::Deserialize)]
struct Mail {
    to: String,
}

#[task]
async fn send(mail: &Mail) -> Result<u8, String> {
    let _ = &mail.to;
    Ok(1)
}

async fn signup() -> asyncmq::Result<u8> {
    send::enqueue(&Mail { to: String::new() }).await?.result().await
}

fn main() {
    drop(signup());
}
