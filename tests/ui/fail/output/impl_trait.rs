use asyncmq::task;

#[task]
async fn send() -> impl serde::Serialize {
    1
}

fn main() {
    drop(send::job());
}
