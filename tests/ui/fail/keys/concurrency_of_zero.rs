use asyncmq::task;

#[task(concurrency = 0)]
async fn send(to: String) {
    drop(to);
}

fn main() {
    drop(send::job("a"));
    drop(send("a".into()));
}
