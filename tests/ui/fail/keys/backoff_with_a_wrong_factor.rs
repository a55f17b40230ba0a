use asyncmq::task;

#[task(backoff = "exponential(1s, factor = 0.5)")]
async fn send(to: String) {
    drop(to);
}

fn main() {
    drop(send::job("a"));
    drop(send("a".into()));
}
