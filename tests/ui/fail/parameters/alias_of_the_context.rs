use asyncmq::task;

use asyncmq::Context as Ctx;

#[task]
async fn send(ctx: Ctx) -> Result<u8, String> {
    drop(ctx);
    Ok(1)
}

fn main() {}
