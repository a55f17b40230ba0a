use asyncmq::task;

#[task]
async fn send(to: String) -> u8;

fn main() {
    drop(send::job("a"));
}
