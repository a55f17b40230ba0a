use asyncmq::task;

#[task(key = "from.id", concurrency = 1)]
async fn send(from: String) {
    drop(from);
}

fn main() {}
