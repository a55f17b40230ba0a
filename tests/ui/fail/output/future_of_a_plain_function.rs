use asyncmq::task;

#[task]
fn send() -> impl Future<Output = u8> {
    async { 1 }
}

fn main() {
    drop(send::job());
}
