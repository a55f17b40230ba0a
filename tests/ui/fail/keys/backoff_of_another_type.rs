use asyncmq::task;

fn later(attempt: u64) -> u64 {
    attempt
}

#[task(backoff = later)]
async fn send() {}

fn main() {}
