use asyncmq::task;

#[task]
async fn send(to: String, size: u64) {
    drop((to, size));
}

fn main() {
    drop(send::job("a"));
}
