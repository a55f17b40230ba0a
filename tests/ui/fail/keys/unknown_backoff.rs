use asyncmq::task;

#[task(backoff = "linear(1s)")]
async fn send(to: String) {
    drop(to);
}

fn main() {
    drop(send::job("a"));
    drop(send("a".into()));
}
