use asyncmq::task;

#[task(retry = 3, queue = 7, ttl = "5x", priority = 5)]
async fn send(to: String) {
    drop(to);
}

fn main() {
    drop(send::job("a"));
    drop(send("a".into()));
}
