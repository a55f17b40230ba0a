use asyncmq::task;

#[task(key = form, concurrency = 1)]
async fn send(from: String) {
    drop(from);
}

fn main() {}
