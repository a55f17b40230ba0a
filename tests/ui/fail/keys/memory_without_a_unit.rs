use asyncmq::task;

#[task(sandbox, memory = "512 apples")]
async fn send(to: String) {
    drop(to);
}

fn main() {
    drop(send::job("a"));
    drop(send("a".into()));
}
