use asyncmq::task;

#[task(tz = "Europe/Zurich")]
async fn send(to: String) {
    drop(to);
}

fn main() {
    drop(send::job("a"));
    drop(send("a".into()));
}
