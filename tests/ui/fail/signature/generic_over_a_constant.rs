use asyncmq::task;

#[task]
async fn send<const N: usize>(to: [u8; N]) {
    let _ = to;
}

fn main() {
    drop(send([1]));
    drop(send::job([1]));
}
