use asyncmq::task;

mod send {}

#[task]
async fn send() {}

fn main() {}
