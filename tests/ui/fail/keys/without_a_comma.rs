use asyncmq::task;

#[task(retries = 3 queue = "a")]
async fn send(to: String) {
    drop(to);
}

fn main() {
    drop(send::job("a"));
    drop(send("a".into()));
}
