use asyncmq::task;

#[task(concurrency = 1, on_limit = "cancel")]
async fn send(to: String) {
    drop(to);
}

fn main() {
    drop(send::job("a"));
    drop(send("a".into()));
}
