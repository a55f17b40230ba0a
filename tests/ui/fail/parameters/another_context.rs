use asyncmq::task;

struct Context;

#[task]
async fn send(ctx: Context) -> Result<u8, String> {
    drop(ctx);
    Ok(1)
}

async fn signup() -> asyncmq::Result<u8> {
    send::enqueue().await?.result().await
}

fn main() {
    drop(signup());
}
