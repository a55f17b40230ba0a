use asyncmq::task;

struct Text<'a>(&'a str);

#[task]
async fn send(text: Text<'_>) -> Result<u8, String> {
    let _ = text;
    Ok(1)
}

async fn signup() -> asyncmq::Result<u8> {
    send::enqueue(Text("a")).await?.result().await
}

fn main() {
    drop(signup());
}
