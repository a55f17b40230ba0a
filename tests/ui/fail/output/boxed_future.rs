use asyncmq::task;

use std::pin::Pin;

#[task]
fn send() -> Pin<Box<dyn Future<Output = u8> + Send>> {
    Box::pin(async { 1 })
}

fn main() {
    drop(send::job());
}
