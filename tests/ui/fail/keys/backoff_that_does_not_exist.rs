use asyncmq::task;

#[task(backoff = latter)]
async fn send() {}

fn main() {}
