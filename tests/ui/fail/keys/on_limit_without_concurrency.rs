use asyncmq::task;

#[task(rate_limit = "10/1s", on_limit = "discard")]
async fn send(to: String) {
    drop(to);
}

fn main() {
    drop(send::job("a"));
    drop(send("a".into()));
}
