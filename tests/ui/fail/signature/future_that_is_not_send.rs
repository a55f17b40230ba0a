use asyncmq::task;

use std::rc::Rc;

#[task]
async fn send(to: String) -> Result<u8, String> {
    let shared = Rc::new(to);
    tokio::task::yield_now().await;
    drop(shared);
    Ok(1)
}

fn main() {
    drop(send::job("a"));
}
