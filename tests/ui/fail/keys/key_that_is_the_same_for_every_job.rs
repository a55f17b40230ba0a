use asyncmq::task;

#[task(key = 5, concurrency = 1)]
async fn send(to: String) {
    drop(to);
}

fn main() {
    drop(send::job("a"));
    drop(send("a".into()));
}
